"""`make` in a clone whose path has blanks and other letters, and with a Python that is too old."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.small import ROOT

PROGRAM = """#!/bin/sh
printf '%s %s\\n' "${0##*/}" "$*" >> "${0%/*}/calls"
"""
OLD_PYTHON = f"""#!/bin/sh
exec '{sys.executable}' -c '
import sys
sys.version_info, sys.version = (3, 10), "3.10.4 (main)"
exec(sys.argv[1])' "$2"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what `make` reads, in a path with blanks."""
    folder = tmp_path / "größe mit blank" / "gap bench"
    folder.mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700)


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    told = ("CI", "BROWSER", "MAKEFLAGS")  # what the `make` around this test was given
    clean = {name: value for name, value in os.environ.items() if name not in told}
    return subprocess.run(
        ["make", *words], cwd=folder, env=clean, text=True, capture_output=True, check=False, umask=0o077
    )


def test_every_verb_calls_the_programs_of_the_clone(clone: Path) -> None:
    """In place of the programs stand some that note how they are called."""
    binaries = clone / ".venv" / "bin"
    for name in ("python", "gapbench", "dvc", "streamlit", "ruff", "mypy", "lint-imports"):
        program(binaries / name, PROGRAM)
    (clone / ".venv" / ".installed").touch()
    done = make(clone, "repro", "test", "leaderboard", "lint", "screenshots", "bench")
    assert done.returncode == 0, done.stderr
    calls = [call.rstrip() for call in (binaries / "calls").read_text(encoding="utf-8").splitlines()]
    # Runs beside `dvc repro`, so that either may note its call first.
    beside = calls.index("gapbench draws retrain --params params.yaml")
    assert calls.index("gapbench track prepare --params params.yaml") < beside
    assert beside < calls.index("gapbench track times --params params.yaml")
    assert calls[:beside] + calls[beside + 1 :] == [
        "dvc config --quiet --local core.no_scm true",
        "gapbench submit check params.yaml",
        "gapbench track prepare --params params.yaml",
        "dvc repro dvc.yaml",
        "gapbench track times --params params.yaml",
        "gapbench draws check --params params.yaml",
        "python -m pytest",
        "streamlit run leaderboard/app.py",
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports --no-cache",
        "python -m leaderboard.measure.screenshots",
        "gapbench bench --out .gapbench/bench",
    ]


def test_a_python_that_is_too_old_is_refused_in_one_line(clone: Path) -> None:
    program(clone / "old python", OLD_PYTHON)
    done = make(clone, "test", "PYTHON=./old python")
    said = "Python 3.11 or newer is needed, this is 3.10.4: name one with make PYTHON=..."
    assert said in done.stderr.splitlines()
    assert done.returncode == 2
    assert not (clone / ".venv").exists()
