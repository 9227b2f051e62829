"""Ray gives what the local pool gives; a worker or a node that is killed in the middle loses nothing."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from units import arithmetic, die_once, seen_device

from benchmark.arithmetic import mode
from benchmark.execution.workers import run_units
from benchmark.settings.run_options import Execution

pytestmark = pytest.mark.slow

UNITS = list(range(24))


def slow_square(context: str, unit: int) -> int:
    (Path(context) / f"{unit}-{os.getpid()}").touch()
    time.sleep(0.1)
    return unit * unit


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


def test_each_worker_has_a_gpu_of_its_own_and_a_node_killed_in_the_middle_loses_nothing(
    cluster: Any, tmp_path: Path
) -> None:
    settings = Execution(engine="ray", device="cuda")
    done: dict[int, tuple[str, int]] = {}
    for unit, seen in run_units(seen_device, (str(tmp_path), 3), UNITS, settings):
        assert unit not in done
        done[unit] = seen
        if len(done) == 8:
            cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    assert sorted(done) == UNITS
    device_of = {process: device for device, process in done.values()}
    assert set(done.values()) == {(device, process) for process, device in device_of.items()}, (
        "one device each"
    )
    assert set(device_of.values()) == {"0", "1"}
    assert 3 <= len(device_of) <= 4, "two workers a node, kept for all units"


@pytest.mark.skipif(not mode.is_portable(), reason=f"portable arithmetic needs {mode.missing()}")
def test_workers_compute_as_the_process_that_sends_them_work(cluster: Any) -> None:
    """The nodes were started without the variables of portable arithmetic."""
    told = dict(run_units(arithmetic, "a worker is", [1, 2], Execution(engine="ray")))
    assert told == dict.fromkeys([1, 2], arithmetic("a worker is", 0))
    assert mode.PORTABLE in told[1]
