"""`gapbench site`: write the static copy of a results folder. Tables and charts are those of the pages."""

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from benchmark.errors import InputError
from leaderboard.display import plain_html, theme
from leaderboard.export import entry_copy, track_copy
from leaderboard.export.html_page import TRACK_PAGE, Links, address, file_name, folder_name, paragraph, whole
from leaderboard.parts import short_answer
from leaderboard.site import track_data
from leaderboard.site.track_data import KEY


def write_site(out: Path, results: Path | None = None, app: str = "", *, force: bool = False) -> list[Path]:
    """Write `out/index.html` and a folder per track; returns the files, in order.

    `app` is the address of a running leaderboard, to which views lead that the copy does not have. Raises InputError
    if there are no results, if `app` is no http address, or if `out` is not empty (unless `force`).
    """
    if results is not None:
        os.environ["GAPBENCH_RESULTS"] = str(results)  # the one place where the tables' folder is named
    if app and urlsplit(app).scheme not in ("http", "https"):
        raise InputError(f"--app {app}: not an http address; write it as http://host:8501")
    tracks = track_data.tracks()
    if not tracks:
        raise InputError(
            f"{track_data.results_folder()}: no track has results; run `make repro` or give --results"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not force:
        raise InputError(f"--out {out}: not an empty folder; give another one, or --force to replace it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as scratch, theme.drawn_for(dark=False):
        folder = Path(scratch) / "site"
        for track in tracks:
            _write_track(folder / folder_name(track), track, app)
        (folder / TRACK_PAGE).write_text(_first_page(tracks), encoding="utf-8")
        if out.is_dir():
            shutil.rmtree(out)
        folder.rename(out)
    return sorted(path for path in out.rglob("*.html"))


def _first_page(tracks: list[str]) -> str:
    """The tracks with their short answers."""
    lines = [f"<h1>{plain_html.text(short_answer.QUESTION)}</h1>"]
    for track in tracks:
        link = plain_html.anchor(track, f"{address(folder_name(track))}/{TRACK_PAGE}")
        lines.append(f"<h2>{link}</h2>{paragraph(track_copy.answer_of(track))}")
    return whole("GAPbench", "".join(lines), home=TRACK_PAGE)


def _write_track(folder: Path, track: str, app: str) -> None:
    folder.mkdir(parents=True)
    links = Links(app)
    page = whole(f"{track}: GAPbench", track_copy.track_body(track, links), home=f"../{TRACK_PAGE}")
    (folder / TRACK_PAGE).write_text(page, encoding="utf-8")
    for key in track_copy.frame_of_keys(track)[KEY].itertuples(index=False, name=None):
        body = entry_copy.entry_body(track, key, links)
        page = whole(f"{' / '.join(key)}: GAPbench", body, home=TRACK_PAGE)
        (folder / file_name(key)).write_text(page, encoding="utf-8")
