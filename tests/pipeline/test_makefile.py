"""`make` in a path with blanks and other letters: as a git clone, as an export without git, with a Python too old."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.small import ROOT, commit, shell

PROGRAM = """#!/bin/sh
printf '%s %s\\n' "${0##*/}" "$*" >> "${0%/*}/calls"
[ "$1" != diff ] || exit "${DIFF:-0}"
"""
NOTHING = "results/micro is written; here is no git commit to compare it with: for that, run make repro in a git clone"
NO_GIT = "dvc config --quiet --local core.no_scm true"
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


def make(folder: Path, *words: str, diff: int = 0) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run `make` with stand-ins that note how they are called; `gapbench diff` exits with `diff`. Also the calls."""
    binaries = folder / ".venv" / "bin"
    for name in ("python", "gapbench", "dvc", "streamlit", "ruff", "mypy", "lint-imports"):
        program(binaries / name, PROGRAM)
    (folder / ".venv" / ".installed").touch()
    given = ("CI", "BROWSER", "MAKE", "GIT_")  # what the `make` around this test was given
    clean = {name: value for name, value in os.environ.items() if not name.startswith(given)}
    clean |= {"DIFF": str(diff), "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        ["make", *words], cwd=folder, env=clean, text=True, capture_output=True, check=False, umask=0o077
    )
    calls = binaries / "calls"
    return done, [
        call.rstrip() for call in calls.read_text(encoding="utf-8").splitlines()
    ] if calls.exists() else []


def repro(folder: Path, *, diff: int = 0) -> tuple[int, list[str], list[str]]:
    """The exit code of `make repro`, the calls, and the lines that it printed."""
    done, calls = make(folder, "repro", diff=diff)
    return done.returncode, calls, done.stdout.splitlines()


def test_every_verb_calls_the_programs_of_the_clone(clone: Path) -> None:
    done, calls = make(clone, "repro", "test", "leaderboard", "lint", "screenshots", "bench")
    assert done.returncode == 0, done.stderr
    # Runs beside `dvc repro`, so that either may note its call first.
    beside = calls.index("gapbench draws retrain --params params.yaml")
    assert calls.index("gapbench track prepare --params params.yaml") < beside
    assert beside < calls.index("gapbench track times --params params.yaml")
    assert calls[:beside] + calls[beside + 1 :] == [
        "dvc config --quiet --local core.no_scm true",
        "gapbench track pin --params params.yaml",
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
    done = subprocess.run(["make", "test", "PYTHON=./old python"], cwd=clone, text=True, capture_output=True)
    said = "Python 3.11 or newer is needed, this is 3.10.4: name one with make PYTHON=..."
    assert said in done.stderr.splitlines()
    assert done.returncode == 2
    assert not (clone / ".venv").exists()


def test_an_export_without_git_ends_without_an_error(clone: Path) -> None:
    code, asked, said = repro(clone)
    assert code == 0
    assert asked[0] == NO_GIT
    assert "dvc repro dvc.yaml" in asked
    assert not [line for line in asked if line.startswith("gapbench diff")]
    assert said[-1] == NOTHING


def test_a_repository_without_a_commit_ends_without_an_error(clone: Path) -> None:
    shell(clone, "git", "init", "--quiet")
    code, asked, said = repro(clone)
    assert code == 0
    assert NO_GIT not in asked
    assert said[-1] == NOTHING


@pytest.mark.parametrize(("diff", "expected"), [(0, 0), (1, 2)])
def test_a_clone_is_compared_and_a_fault_is_an_error(diff: int, expected: int, clone: Path) -> None:
    shell(clone, "git", "init", "--quiet")
    commit(clone)
    code, asked, _ = repro(clone, diff=diff)
    assert code == expected
    assert asked[-1] == "gapbench diff --track micro"
    assert NO_GIT not in asked


def test_where_git_refuses_the_comparison_says_so(clone: Path) -> None:
    (clone / ".git").write_text("gitdir: nowhere\n")
    code, asked, _ = repro(clone, diff=2)
    assert code == 2
    assert asked[-1] == "gapbench diff --track micro"
