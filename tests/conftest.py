"""Fixtures that every area of the tests shares: one thread, and the folder of real data."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The package holds torch and numpy to portable code: it comes before every test that imports them.
from benchmark.arithmetic import mode
from tests.browser_skips import pytest_addoption, pytest_sessionfinish  # noqa: F401 - hooks

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent


def pytest_report_header() -> str:
    """The arithmetic of the tests; those that need bits are skipped where it is native."""
    return f"arithmetic: {mode.name()}"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real task data: ``GAPBENCH_DATA``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("GAPBENCH_DATA") or ROOT.parent / "shared")
    if not (folder / "tasks").is_dir():
        pytest.skip(f"no task data in {folder}: set GAPBENCH_DATA to a folder in the layout of docs/DATA.md")
    return folder


@pytest.fixture(scope="session")
def golden_dir(data_dir: Path) -> Path:
    """The original code's figures on small models."""
    folder = data_dir / "golden"
    if not folder.is_dir():
        pytest.skip(f"no golden figures in {folder}: they are not part of the public data")
    return folder


@pytest.fixture(scope="session")
def micro_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ladder's cache that holds the tokenizer, trained once for all tests that do not ask how it is made."""
    from benchmark.models.micro import micro_tokenizer

    cache = tmp_path_factory.mktemp("micro-cache")
    micro_tokenizer(cache)
    return cache


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster of a head and one worker node, each with one core, on the loopback."""
    ray = pytest.importorskip("ray", reason="ray is an optional extra: pip install 'gapbench[ray]'")
    from ray._private import services
    from ray.cluster_utils import Cluster

    # The nodes take each other's address from here; they must not listen beyond this machine. Ray replaces
    # 127.0.0.1 by an outer address where another process names it, other addresses of the loopback it leaves.
    monkeypatch.setattr(services, "get_node_ip_address", lambda *_: "127.0.0.2")
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda *_: "127.0.0.2")
    code = f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'execution'}"
    monkeypatch.setenv("PYTHONPATH", f"{code}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    ray.shutdown()
    nodes.shutdown()
