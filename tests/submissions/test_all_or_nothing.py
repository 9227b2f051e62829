"""A submission that is killed, crowded, or out of disk leaves everything or nothing."""

import errno
import fcntl
import hashlib
import json
import logging
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import NoReturn

import pytest

from benchmark.errors import CheckFailed, InputError
from benchmark.intake import apply as applying
from benchmark.intake import transaction
from benchmark.intake.submit_entry import submit_corpus, submit_model
from benchmark.settings.load import load_settings

from .conftest import snapshot

NEW_FILES = {
    "submissions/corpora/mine.yaml",
    "submissions/data/mine/.gitignore",
    "submissions/data/mine/texts.jsonl",
    "submissions/data/mine/texts.jsonl.dvc",
}
NEW_MODEL_FILES = {
    "submissions/models/mine.yaml",
    "submissions/data/mine/.gitignore",
    "submissions/data/mine/model.dvc",
    *(
        f"submissions/data/mine/model/{name}"
        for name in ("config.json", "model.safetensors", "tokenizer.json")
    ),
}
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "subprocess.Popen", "fcntl.flock", "os.chmod"}
FAILED, REFUSED = 11, 12


def at_once(*works: Callable[[], object]) -> list[int]:
    """Exit status of each work in a forked process: 0, FAILED, REFUSED, 99, or minus a signal."""
    children = []
    for work in works:
        children.append(os.fork())
        if children[-1] == 0:
            _work_and_exit(work)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


def in_child(work: Callable[[], object]) -> int:
    """Exit status of one work in a forked process."""
    return at_once(work)[0]


def _work_and_exit(work: Callable[[], object]) -> NoReturn:
    status = 0
    try:
        work()
    except CheckFailed:
        status = FAILED
    except InputError:
        status = REFUSED
    except BaseException as error:
        sys.__stderr__.write(f"{error!r}\n")
        status = 99
    os._exit(status)


def at_change(number: int, act: Callable[[], object], root: Path, *, in_dvc: bool = False) -> None:
    """Call `act` at change `number` (from 0) of the file system, as Python's audit events tell them.

    Changes inside `.dvc` are counted apart: their number differs from one time to the next.
    """
    left = [number]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and arguments[1][:1] in {"w", "x", "a"}
        if not (writes or event in CHANGES):
            return
        if (f"{os.sep}.dvc{os.sep}" in str(arguments[0]).replace(str(root), "")) != in_dvc:
            return
        left[0] -= 1
        if left[0] == -1:
            act()

    sys.addaudithook(hook)


def submit(repository: Path, source: Path, name: str = "mine") -> Callable[[], object]:
    """What submits a folder as a model, a file as a corpus."""
    submission = submit_model if source.is_dir() else submit_corpus
    return lambda: submission(name, str(source), params=repository / "params.yaml")


def settled(root: Path) -> dict[str, bytes]:
    """The repository once whoever carries out a plan has let go of the lock."""
    handle = os.open(root, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.close(handle)
    return snapshot(root)


def everything_or_nothing(before: dict[str, bytes], after: dict[str, bytes]) -> bool:
    """True for everything, False for nothing; fails on what is between."""
    if after == before:
        return False
    assert after.keys() - before.keys() in (NEW_FILES, NEW_MODEL_FILES)
    assert after["params.yaml"].count(b"  mine: {kind: ") == 1
    return True


def changes(repository: Path, source: Path, *, in_dvc: bool = False) -> int:
    """How many changes a submission makes, counted in a child that gives them back as its status."""

    def work() -> None:
        count = [0]

        def more() -> None:
            count[0] += 1

        for number in range(200):
            at_change(number, more, repository, in_dvc=in_dvc)
        submit(repository, source, "counted")()
        os._exit(count[0])

    return in_child(work)


def copies(repository: Path, tmp_path: Path, count: int) -> list[Path]:
    import shutil

    made = [tmp_path / f"copy-{number}" for number in range(count)]
    for copy in made:
        shutil.copytree(repository, copy)
    return made


@pytest.mark.parametrize(("kind", "every"), [("texts_file", 1), ("model_template", 4)])
def test_killed_at_a_change_it_leaves_everything_or_nothing(
    repository: Path, tmp_path: Path, request: pytest.FixtureRequest, kind: str, every: int
) -> None:
    """A corpus at each change; a model, whose plan is carried out by the same code, at every fourth and the last."""
    source: Path = request.getfixturevalue(kind)
    submit(repository, source, "warm")()  # imports what would otherwise be imported in every child
    (template,) = copies(repository, tmp_path, 1)
    count = changes(template, source)
    assert count > 15
    numbers = [*range(0, count - 1, every), count - 1]
    outcomes = []
    for number, root in zip(numbers, copies(repository, tmp_path / "killed", len(numbers)), strict=True):
        before = snapshot(root)

        def work(root: Path = root, number: int = number) -> None:
            at_change(number, lambda: os.kill(os.getpid(), signal.SIGKILL), root)
            submit(root, source)()

        assert in_child(work) == -signal.SIGKILL
        outcomes.append(everything_or_nothing(before, settled(root)))
        if not outcomes[-1]:
            submit(root, source)()
            assert everything_or_nothing(before, snapshot(root))
            assert not (root / ".gapbench").exists()
    assert set(outcomes) == {True, False}
    assert outcomes == sorted(outcomes)


def staged_plan(root: Path) -> Path:
    """A staging folder with a plan as `commit` writes it: two moves, one of them into a new folder."""
    staging = root / ".gapbench" / "submit" / "stale"
    staging.mkdir(parents=True)
    (staging / "0-a").write_text("a", encoding="utf-8")
    (staging / "1-b").write_text("b", encoding="utf-8")
    (staging / "new").write_text("new settings", encoding="utf-8")
    (root / "params.yaml").write_text("old settings", encoding="utf-8")
    digest = hashlib.sha256(b"old settings").hexdigest()
    plan = {
        "folders": [[str(root / "one")], [str(root / "one" / "two")]],
        "moves": [
            [str(staging / "0-a"), str(root / "one" / "a")],
            [str(staging / "1-b"), str(root / "one" / "two" / "b")],
        ],
        "replace": [[str(staging / "new"), str(root / "params.yaml"), digest]],
    }
    (staging / applying.PLAN).write_text(json.dumps(plan), encoding="utf-8")
    return staging


DONE = {"params.yaml": b"new settings", "one/a": b"a", "one/two/b": b"b"}


@pytest.mark.parametrize("number", range(12))
def test_a_killed_helper_is_finished_by_the_next_submission(tmp_path: Path, number: int) -> None:
    staging = staged_plan(tmp_path)

    def work() -> None:
        at_change(number, lambda: os.kill(os.getpid(), signal.SIGKILL), tmp_path)
        applying.apply(staging)

    in_child(work)
    done = snapshot(tmp_path) == DONE
    begun = (staging / applying.BEGUN).exists()
    with transaction.lock(tmp_path):
        after = snapshot(tmp_path)
    assert after == (DONE if done or begun else {"params.yaml": b"old settings"})
    assert not staging.exists()


def test_settings_that_change_meanwhile_are_kept(tmp_path: Path) -> None:
    staging = staged_plan(tmp_path)
    (tmp_path / "params.yaml").write_text("edited by hand", encoding="utf-8")
    assert "changed in the meantime" in applying.apply(staging)
    assert snapshot(tmp_path) == {"params.yaml": b"edited by hand"}
    assert not (tmp_path / "one").exists()


def test_submissions_at_once_do_not_lose_one_another(repository: Path, texts_file: Path) -> None:
    names = [f"corpus-{letter}" for letter in "abcdef"]
    assert at_once(*(submit(repository, texts_file, name) for name in names)) == [0] * len(names)
    assert set(names) < set(load_settings(repository / "params.yaml").corpora)


def test_a_folder_that_another_submission_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the folder of all, then the new one, as a submission that ends at that moment does."""
    base, made, make = tmp_path / transaction.FOLDER, [], tempfile.mkdtemp

    def removing(**where: Path) -> str:
        made.append(None)
        if len(made) == 1:
            base.rmdir()
        folder = make(**where)
        if len(made) == 2:
            Path(folder).rmdir()
        return folder

    monkeypatch.setattr(transaction.tempfile, "mkdtemp", removing)
    with transaction.staging(tmp_path) as staged:
        assert staged.folder.is_dir() and len(made) == 3
    assert snapshot(tmp_path) == {}


def test_of_two_with_one_name_one_is_refused(repository: Path, texts_file: Path) -> None:
    assert sorted(at_once(*[submit(repository, texts_file)] * 2)) == [0, REFUSED]
    assert (repository / "params.yaml").read_text(encoding="utf-8").count("  mine: ") == 1


@pytest.mark.parametrize("in_dvc", [False, True])
def test_a_full_disk_at_any_write_leaves_everything_or_nothing_and_dvc_says_nothing_of_its_own(
    repository: Path, texts_file: Path, tmp_path: Path, in_dvc: bool
) -> None:
    """As many submissions as one makes changes in DVC's cache, or elsewhere; each meets the full disk at another."""
    submit(repository, texts_file, "warm")()
    source = tmp_path / "other.txt"
    source.write_text("a text\nthat the cache\ndoes not hold yet\n", encoding="utf-8")
    (template,) = copies(repository, tmp_path, 1)
    count = changes(template, source, in_dvc=in_dvc)
    statuses = []
    for number, root in enumerate(copies(repository, tmp_path / "full", count)):
        before = snapshot(root)

        def full() -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def work(root: Path = root, number: int = number) -> None:
            heard = BufferingHandler(capacity=1_000)
            for name in ("dvc", "dvc_data", "dvc_objects"):
                logging.getLogger(name).addHandler(heard)
            at_change(number, full, root, in_dvc=in_dvc)
            try:
                submit(root, source)()
            finally:
                assert not heard.buffer, heard.buffer

        statuses.append(in_child(work))
        assert everything_or_nothing(before, settled(root)) == (statuses[-1] == 0)
    assert FAILED in statuses and (in_dvc or 0 in statuses)
    assert set(statuses) <= {0, FAILED}


def test_a_limit_of_the_kernel_on_file_size_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("".join(f"{number} {'x' * 100}\n" for number in range(200)), encoding="utf-8")
    before = snapshot(repository)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
        submit(repository, path)()

    assert in_child(work) == FAILED
    assert snapshot(repository) == before


def test_a_busy_repository_is_told(
    repository: Path, texts_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "WAIT_SECONDS", 0.1)
    before = snapshot(repository)
    handle = os.open(repository, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(CheckFailed, match="busy"):
        submit(repository, texts_file)()
    os.close(handle)
    assert snapshot(repository) == before
