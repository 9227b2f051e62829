"""Ray gives what the local pool gives; a worker or a node that is killed in the middle loses nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.execution import run_units
from benchmark.settings import Execution

ray = pytest.importorskip("ray", reason="ray is an optional extra: pip install 'gapbench[ray]'")
pytestmark = pytest.mark.slow

UNITS = list(range(24))


def slow_square(context: str, unit: int) -> int:
    (Path(context) / f"{unit}-{os.getpid()}").touch()
    time.sleep(0.3)
    return unit * unit


def die_once(context: str, unit: int) -> int:
    mark = Path(context) / f"tried-{unit}"
    if unit == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return unit * unit


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and one worker node, each with one core, on the loopback."""
    from ray._private import services
    from ray.cluster_utils import Cluster

    # The nodes take each other's address from here; they must not listen beyond this machine.
    monkeypatch.setattr(services, "get_node_ip_address", lambda *_: "127.0.0.1")
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda *_: "127.0.0.1")
    here = Path(__file__).resolve()
    code = f"{here.parents[2]}{os.pathsep}{here.parent}"
    monkeypatch.setenv("PYTHONPATH", f"{code}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_worker_and_a_node_killed_in_the_middle_lose_nothing(cluster: Any, tmp_path: Path) -> None:
    settings = Execution(engine="ray")
    assert sorted(run_units(die_once, str(tmp_path), UNITS, settings)) == [
        (unit, unit * unit) for unit in UNITS
    ]
    done = []
    for count, pair in enumerate(run_units(slow_square, str(tmp_path), UNITS, settings)):
        done.append(pair)
        if count == 4:
            cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    assert sorted(done) == [(unit, unit * unit) for unit in UNITS]
