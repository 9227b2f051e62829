"""`gapbench clean` takes what no settings refer to, and nothing else; killed, it leaves whole things."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.commands.clean import clean
from benchmark.commands.prunable import prunable
from benchmark.models.micro_cache import Ladder
from benchmark.settings.load import load_settings
from tests.conftest import replace_in

PARAMS = """\
track: {name: micro, root: ., params: params.yaml}
models:
  small: {kind: micro, hidden: 8, layers: 1, heads: 1, ffn: 8, tokens: 1000, draws: 4, trained: 2}
corpora:
  code: {kind: micro, part: code, texts: 5}
arms:
  gap: {kind: ascent}
"""


def md5(letter: str) -> str:
    return letter * 32


def put(path: Path, content: str = "x" * 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def put_object(root: Path, name: str, content: str = "x" * 1000) -> Path:
    return put(root / ".dvc/cache/files/md5" / name[:2] / name[2:], content)


def put_run(root: Path, key: str, **changes: Any) -> Path:
    """A finished run as the run cache stores it, of the settings with `changes`."""
    settings = load_settings(root / "params.yaml")
    recipe = {
        "arm": settings.arms["gap"].recipe,
        "posttrain": settings.posttrain.model_dump(mode="json")
        | {"learning_rate": settings.learning_rate("gap")},
        "evaluation": settings.evaluation.model_dump(mode="json"),
        "plan": "0",
    }
    record = {"model": "small", "arm": "gap", "corpus": "code", "settings": recipe} | changes
    folder = root / ".gapbench/journal" / key[:2] / key
    put(folder / "run.json", json.dumps(record))
    put(folder / "samples.parquet")
    return folder


@pytest.fixture
def track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, set[Path]]:
    """A repository, where we stand, and what in it can go."""
    root = tmp_path / "repository"
    put(root / "params.yaml", PARAMS)
    monkeypatch.chdir(root)
    settings = load_settings(root / "params.yaml")
    old = {
        put_run(root, "aa1", model="removed"),
        put_run(root, "aa2", corpus="removed"),
        put_run(root, "aa3", arm="removed"),
        put_run(root, "aa4", settings={"arm": {}, "posttrain": {}, "evaluation": {}}),
        put(root / ".gapbench/journal/aa/aa5/run.json", "{").parent,
        put(root / ".gapbench/hub" / f"me--model-{'0' * 40}" / "config.json").parent,
        put(root / "data/micro/corpora/removed/texts.parquet").parent,
        put(root / "data/micro/models/removed/0/config.json").parent.parent,
        put(root / "data/micro/runs/removed/none/base.json").parent.parent,
        put(root / "data/micro/runs/small/removed/cell.json").parent,
        put(root / ".gapbench/cache/rungs" / ("0" * 64) / "config.json").parent,
        put_object(root, md5("9")),
        put_object(root, md5("8")),
    }
    put_run(root, "bb1")
    put_run(root, "bb2", arm="removed")  # a stored run group has it
    put(root / "data/micro/runs/small/code/cell.json", json.dumps({"keys": ["bb2"]}))
    put(root / ".gapbench/journal/bb/.new-x/run.json", "{")
    ladder = Ladder({"small": settings.models["small"]}, root / ".gapbench/cache")
    for draw in range(4):
        put(ladder.cached("small", draw) / "config.json")
    stages = {
        "corpus@code": {"outs": [{"md5": f"{md5('1')}.dir"}]},
        "corpus@removed": {"outs": [{"md5": md5("9")}]},
        "posttrain@small-code": {"outs": [{"md5": md5("2")}]},
        "posttrain@small-removed": {"outs": [{"md5": md5("8")}]},
        "score": {"deps": [{"md5": md5("3")}]},
    }
    put(root / "dvc.lock", yaml.safe_dump({"stages": stages}))
    put_object(root, f"{md5('1')}.dir", json.dumps([{"md5": md5("4"), "relpath": "texts.parquet"}]))
    for letter in "234":
        put_object(root, md5(letter))
    put(root / "submissions/data/mine/model.dvc", yaml.safe_dump({"outs": [{"md5": md5("5")}]}))
    put_object(root, md5("5"))
    return root, old


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}


def below(paths: set[Path], root: Path) -> set[Path]:
    return {path for path in files(root) if any(path == one or path.is_relative_to(one) for one in paths)}


def test_it_takes_what_no_settings_refer_to_and_nothing_else(
    track: tuple[Path, set[Path]], gapbench: Callable[..., tuple[int, str, str]]
) -> None:
    root, old = track
    before = files(root)
    gone = below(old, root)
    size = sum(path.stat().st_size for path in gone)
    status, printed, _ = gapbench("clean", "--dry-run")
    assert (status, files(root)) == (0, before)
    assert "run: 5, " in printed
    assert f"{size / 1e6:.1f} MB can go; run `gapbench clean`" in printed
    status, printed, _ = gapbench("clean")
    assert status == 0
    assert f"{size / 1e6:.1f} MB removed" in printed
    assert files(root) == before - gone
    assert gapbench("clean")[1] == "nothing to clean\n"


def test_what_another_branch_needs_stays(track: tuple[Path, set[Path]]) -> None:
    root, old = track

    def git(*arguments: str) -> None:
        author = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
        subprocess.run(["git", *author, *arguments], cwd=root, check=True, capture_output=True)

    lock = (root / "dvc.lock").read_text(encoding="utf-8")
    git("init", "--quiet", "--initial-branch", "main")
    git("add", "dvc.lock")
    git("commit", "--quiet", "--message", "one")
    git("branch", "other")
    put(root / "dvc.lock", lock.replace(md5("8"), md5("7")))
    git("commit", "--quiet", "--all", "--message", "two")
    kept = {path for path in old if path.parent.parent.name == "md5"}
    assert {one.path for one in prunable(root)} == old - kept
    git("branch", "--delete", "--force", "other")
    assert {one.path for one in prunable(root)} == old


def test_killed_at_any_moment_it_leaves_whole_things(track: tuple[Path, set[Path]], tmp_path: Path) -> None:
    root, old = track
    kept = {path.relative_to(root) for path in files(root) - below(old, root)}
    whole = {path.relative_to(root): {f.relative_to(root) for f in below({path}, root)} for path in old}
    for number in (0, 1, 3, 7, 12, 20, 30):
        copy = Path(shutil.copytree(root, tmp_path / f"killed-{number}"))
        child = os.fork()
        if child == 0:
            _die_at_removal(number, copy)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, -signal.SIGKILL)
        left = {path.relative_to(copy) for path in files(copy)}
        assert kept <= left
        for expected in whole.values():
            assert expected <= left or not expected & left
        clean(copy, dry_run=False)
        assert {path.relative_to(copy) for path in files(copy)} == kept


def _die_at_removal(number: int, root: Path) -> None:
    """Clean in this forked process, which is killed at its removal or rename `number`, or exits when done."""
    import sys

    left = [number]

    def hook(event: str, _: tuple[object, ...]) -> None:
        if event in {"os.rename", "os.remove", "os.rmdir"}:
            left[0] -= 1
            if left[0] == -1:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        clean(root, dry_run=False)
    finally:
        os._exit(0)


def test_runs_of_other_settings_become_prunable(track: tuple[Path, set[Path]]) -> None:
    root, old = track
    replace_in(root / "params.yaml", "arms:\n", "posttrain: {learning_rate: 1.0e-3}\narms:\n")
    assert {one.path for one in prunable(root)} - old == {root / ".gapbench/journal/bb/bb1"}


def test_it_does_not_run_beside_dvc(
    track: tuple[Path, set[Path]], gapbench: Callable[..., tuple[int, str, str]]
) -> None:
    import fcntl

    root, _ = track
    before = files(root) | {root / ".dvc/tmp/lock"}
    with put(root / ".dvc/tmp/lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        status, _, said = gapbench("clean")
    assert status == 1
    assert "another dvc is running here" in said
    assert files(root) == before
