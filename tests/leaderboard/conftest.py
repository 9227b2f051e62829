"""Fixtures of the leaderboard's tests: made results, pages run alone, and a server with a browser."""

import fcntl
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2])
)  # before tests/, whose folder `leaderboard` would otherwise be taken for the package

from places import RESULTS, ROOT
from streamlit.testing.v1 import AppTest

from leaderboard.measure.browser import Server, browsing, chromium, serving
from leaderboard.measure.made_track import MadeTrack

UNFOLDED = {
    "answer": dict.fromkeys((*(f"figures{place}" for place in range(1, 6)), "grid", "layout"), "1"),
    "published": dict.fromkeys(("figures1", "figures2", "figures3", "figures4"), "1"),
    "entry": dict.fromkeys(("runs", "recipe"), "1"),
    "method": {"code1": "1"},
}
"""What opens by a click on each page, as its address opens it."""

PAPER = {
    "micro-70k": "opt-350m",
    "micro-200k": "opt-1-3b",
    "micro-600k": "opt-2-7b",
    "micro-1500k": "opt-6-7b",
    "seen": "pile-cc",
    "unseen": "tdec",
}
"""The paper track's own names for the models and corpora of a `MadeTrack`."""

HOSTILE = {
    "micro-200k": "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "gap": "**bold** [link](javascript:alert(1)) :material/home: :red[x] $x^2$ `code`",
    "code": "=cmd|' /C calc'!A0",
    "seen": "مرحبا \u202e gnp.exe",
    "unseen": "🙂" * 60 + " -- -> https://example.org",
}
"""Names that no settings would take, but that a results folder from elsewhere may hold."""


@pytest.fixture(scope="session", autouse=True)
def components_found_once() -> Iterator[None]:
    """Let Streamlit look through the installed packages for components once, and not for each page."""
    from streamlit.components.v2 import manifest_scanner as scanner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "scan_component_manifests", functools.cache(scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a results folder of some tracks, once for all of pytest's processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, *tracks: MadeTrack) -> Path:
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                for track in tracks:
                    track.write(shared / f"{name}.part")
                (shared / f"{name}.part").rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def made(made_once: Callable[..., Path]) -> Path:
    """A made results folder: a micro track, and a paper track with the original's names."""
    paper = MadeTrack("paper", texts=3, documents=8, draws=3, arms=("gap", "random"), names=PAPER)
    return made_once("made", MadeTrack(documents=40), paper)


@pytest.fixture(scope="session")
def hostile(made_once: Callable[..., Path]) -> Path:
    """The same with hostile names."""
    return made_once("hostile", MadeTrack(texts=3, documents=8, arms=("gap", "random"), names=HOSTILE))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Run a page alone on a results folder with given query parameters, what can be unfolded unfolded."""

    def open_page(name: str, results: Path, /, *, folded: bool = False, **query: Any) -> AppTest:
        monkeypatch.setenv("GAPBENCH_RESULTS", str(results))
        test = AppTest.from_file(ROOT / "leaderboard" / "pages" / f"{name}.py", default_timeout=240)
        for key, value in (query if folded else UNFOLDED.get(name, {}) | query).items():
            test.query_params[key] = value
        return test.run()

    return open_page


def _need_chromium() -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("no chromium found: install it, or name it in GAPBENCH_CHROMIUM")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The leaderboard on the committed results."""
    _need_chromium()
    with serving(RESULTS, tmp_path_factory.mktemp("log") / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium context, 1280 x 900."""
    _need_chromium()
    with browsing(viewport={"width": 1280, "height": 900}, accept_downloads=True) as context:
        yield context
