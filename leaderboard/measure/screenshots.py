"""`make screenshots`: pictures of the pages on the committed results, to `docs/screenshots/`."""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard.measure.browser import ROOT, browsing, serving, settle
from leaderboard.site import track_data


@dataclass(frozen=True)
class Shot:
    """One picture: the page with its query, the size of the window, the theme."""

    name: str
    page: str
    width: int = 1280
    height: int = 900
    dark: bool = False


SHOTS = [
    Shot("first-screen", "", height=800),
    Shot("answer", "", height=1500),
    Shot("answer-dark", "", height=1300, dark=True),
    Shot("answer-narrow", "", width=400, height=1100),
    Shot("entry", "entry", height=1500),
    Shot("compare", "compare", height=1200),
    Shot("pairs", "compare#pairs", height=1000),
    Shot("documents", "documents", height=1150),
    Shot("published", "published", height=1500),
]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    given = parser.parse_args()
    try:
        for path in take(track_data.results_folder(), given.out):
            print(path)
    except RuntimeError as error:
        sys.exit(str(error))


def take(results: Path, out: Path, shots: list[Shot] = SHOTS) -> list[Path]:
    """Write one PNG per shot; returns their paths. RuntimeError if there is no Chromium."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory() as folder, serving(results, Path(folder) / "log") as server:
        for dark in (False, True):
            chosen = [shot for shot in shots if shot.dark == dark]
            with browsing(color_scheme="dark" if dark else "light") as context:
                written += [_picture(context.new_page(), server.url, shot, out) for shot in chosen]
    return sorted(written)


def _picture(page: Any, url: str, shot: Shot, out: Path) -> Path:
    path = out / f"{shot.name}.png"
    page.set_default_timeout(90_000)
    page.set_viewport_size({"width": shot.width, "height": shot.height})
    page.goto(f"{url}/{shot.page}")
    settle(page, timeout=90)
    page.wait_for_timeout(2500)  # charts and tables are drawn after the script has ended
    if "#" in shot.page:  # what was drawn above since the page opened has moved its place
        page.evaluate("place => document.getElementById(place).scrollIntoView()", shot.page.partition("#")[2])
        page.wait_for_timeout(1000)
    page.screenshot(path=path)
    page.close()
    return path


if __name__ == "__main__":
    main()
