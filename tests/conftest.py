"""Fixtures that every area of the tests shares: the real data, a tokenizer, a Ray cluster, and the command."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The package holds torch and numpy to portable code: it comes before every test that imports them.
from benchmark import cli
from benchmark.arithmetic import mode
from benchmark.settings.arithmetic_choice import SAID
from tests.browser_skips import pytest_addoption, pytest_sessionfinish  # noqa: F401 - hooks
from tests.fake_hub import hub  # noqa: F401 - a fixture
from tests.spread import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401 - hooks

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("GAPBENCH_DATA") or ROOT.parent / "shared")


def pytest_report_header() -> str:
    """The arithmetic of the tests; those that need bits are skipped where it is native."""
    return f"arithmetic: {mode.name()}"


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace the first `old` of a file, which must hold it."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, in the root of the repository, that has said nothing yet of its arithmetic."""
    given = {name: value for name, value in os.environ.items() if name != SAID}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=given | environment,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def no_data_of_the_user() -> Iterator[None]:
    """Unset ``GAPBENCH_DATA``, so that a test that needs data names its folder and passes with or without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GAPBENCH_DATA", raising=False)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real task data: ``GAPBENCH_DATA``, or ``shared`` beside the checkout."""
    if not (DATA / "tasks").is_dir():
        pytest.skip(f"no task data in {DATA}: set GAPBENCH_DATA to a folder in the layout of docs/DATA.md")
    return DATA


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
    from benchmark.models.micro_training import micro_tokenizer

    cache = tmp_path_factory.mktemp("micro-cache")
    micro_tokenizer(cache)
    return cache


@pytest.fixture(scope="session")
def one_suite() -> Iterator[None]:
    """The same suite for every stage that runs in this process: building it again for each costs seconds."""
    from benchmark.tasks import suite_of_track
    from tests.remembered import remembered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite_of_track, "load_suite", remembered(suite_of_track.load_suite))
        yield


@pytest.fixture(scope="module")
def one_installation() -> Iterator[None]:
    """lm-eval's fourteen thousand files are looked at once, not for each suite: that takes half a second."""
    from benchmark.tasks.lm_eval_tasks import name_index
    from tests.remembered import remembered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name_index, "_installation", remembered(name_index._installation))
        yield


@pytest.fixture(scope="session")
def tiny_rung(micro_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a very small model of the micro ladder, trained on 20,000 tokens."""
    from benchmark.models.micro_training import train_rung
    from benchmark.settings.model_specs import MicroModel

    folder = tmp_path_factory.mktemp("rung") / "tiny"
    spec = MicroModel(kind="micro", tokens=20000, hidden=16, layers=1, heads=2, ffn=32)
    train_rung(spec, {0: folder}, name="tiny", cache=micro_cache)
    return folder


@pytest.fixture
def gapbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command in this process: its exit code, what it prints, and what it says on stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gapbench", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def refusal(gapbench: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """The one line with which the command refuses its arguments; it exits with 2 and prints nothing else."""

    def call(*arguments: str) -> str:
        status, printed, said = gapbench(*arguments)
        assert (status, printed, len(said.splitlines())) == (2, "", 1), said
        assert said.startswith("gapbench: ")
        return said

    return call


def _start_node(nodes: Any, folder: Path) -> None:
    """Start a node as somebody else would: without portable arithmetic's variables, numpy imported before all."""
    (folder / "sitecustomize.py").write_text("import numpy\n", encoding="utf-8")
    code = [folder, ROOT, ROOT / "tests" / "execution", os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        for name in mode.VARIABLES:
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, code)))
        nodes.add_node(num_cpus=1, num_gpus=2, include_dashboard=False)


@pytest.fixture(scope="session")
def ray_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Ray cluster of a head and one worker node, each with one core and two made-up GPUs, on the loopback."""
    pytest.importorskip("ray", reason="ray is an optional extra: pip install 'gapbench[ray]'")
    import ray
    from ray._private import services
    from ray.cluster_utils import Cluster

    from benchmark.execution.workers import ray_can_start

    if not ray_can_start(sys.executable):
        pytest.skip("Ray starts no worker where Python's path has blanks")
    with pytest.MonkeyPatch.context() as patch:
        # The nodes take each other's address from here; they must not listen beyond this machine. Ray replaces
        # 127.0.0.1 by an outer address where another process names it, other addresses of the loopback it leaves.
        patch.setattr(services, "get_node_ip_address", lambda *_: "127.0.0.2")
        patch.setattr(ray.util, "get_node_ip_address", lambda *_: "127.0.0.2")
        nodes = Cluster()
        _start_node(nodes, tmp_path_factory.mktemp("head"))
        yield nodes
        nodes.shutdown()


@pytest.fixture
def cluster(
    ray_nodes: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The session's cluster, its worker node replaced where the test before has killed it; `RAY_ADDRESS` names it."""
    import ray

    if not ray_nodes.worker_nodes:
        _start_node(ray_nodes, tmp_path_factory.mktemp("node"))
    monkeypatch.setenv("RAY_ADDRESS", ray_nodes.address)
    yield ray_nodes
    ray.shutdown()
