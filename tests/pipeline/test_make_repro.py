"""`make repro` in a git clone, in an export without git and in a repository without a commit; its commands made up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTHING = "results/micro is written; here is no git commit to compare it with: for that, run make repro in a git clone"
NO_GIT = "dvc config --quiet --local core.no_scm true"


def made(folder: Path, *, diff: int = 0) -> tuple[int, list[str], list[str]]:
    """The exit code of `make repro` in `folder`, the commands that it ran, and the lines that it printed.

    `gapbench` and `dvc` only write down what they are asked; `gapbench diff` ends with the code `diff`.
    """
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.txt", "pyproject.toml"):
        (folder / name).touch()
    (folder / ".venv" / ".installed").touch()
    for name in ("gapbench", "dvc"):
        script = f'#!/bin/sh\necho {name} "$@" >> asked\n[ "$1" != diff ] || exit {diff}\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE"))}
    done = subprocess.run(
        ["make", "repro"],
        cwd=folder,
        env=environment | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
    )
    return done.returncode, (folder / "asked").read_text().splitlines(), done.stdout.splitlines()


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder`."""
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


def test_an_export_without_git_ends_without_an_error(tmp_path: Path) -> None:
    code, asked, said = made(tmp_path)
    assert code == 0
    assert asked[0] == NO_GIT
    assert "dvc repro dvc.yaml" in asked
    assert not [line for line in asked if line.startswith("gapbench diff")]
    assert said[-1] == NOTHING


def test_a_repository_without_a_commit_ends_without_an_error(tmp_path: Path) -> None:
    git(tmp_path, "init")
    code, asked, said = made(tmp_path)
    assert code == 0
    assert NO_GIT not in asked
    assert said[-1] == NOTHING


@pytest.mark.parametrize(("diff", "expected"), [(0, 0), (1, 2)])
def test_a_clone_is_compared_and_a_fault_is_an_error(diff: int, expected: int, tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "--message", "one")
    code, asked, _ = made(tmp_path, diff=diff)
    assert code == expected
    assert asked[-1] == "gapbench diff --track micro"
    assert NO_GIT not in asked


def test_where_git_refuses_the_comparison_says_so(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    code, asked, _ = made(tmp_path, diff=2)
    assert code == 2
    assert asked[-1] == "gapbench diff --track micro"
