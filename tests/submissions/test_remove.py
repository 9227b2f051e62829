"""A removal takes a submission away whole, or leaves everything."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import CheckFailed
from benchmark.intake.remove_entry import remove
from benchmark.intake.submit_entry import submit_corpus, submit_model
from benchmark.settings.load import load_settings
from tests.conftest import replace_in

from .conftest import Snapshot, snapshot
from .test_all_or_nothing import FAILED, at_change, copies, in_child, settled


def submit(repository: Path, source: Path, name: str = "mine") -> None:
    submission = submit_model if source.is_dir() else submit_corpus
    submission(name, str(source), params=repository / "params.yaml")


@pytest.mark.parametrize(("kind", "source"), [("corpus", "texts_file"), ("model", "model_template")])
def test_a_removed_submission_leaves_the_repository_as_before(
    repository: Path, gapbench: Callable[..., tuple[int, str, str]], request: pytest.FixtureRequest, kind: str,
    source: str,
) -> None:  # fmt: skip
    before = snapshot(repository)
    submit(repository, request.getfixturevalue(source))
    submit(repository, request.getfixturevalue("texts_file"), "other")
    params = repository / "params.yaml"
    status, printed, _ = gapbench("remove", kind, "mine", "--params", str(params))
    assert status == 0
    assert "removed params.yaml" in printed
    assert "next: dvc repro" in printed
    remove("corpus", "other", params=params)
    assert snapshot(repository) == before
    assert not (repository / "submissions").exists()
    submit(repository, request.getfixturevalue(source))  # the name is free again


def test_only_its_own_line_leaves_the_settings(repository: Path, texts_file: Path) -> None:
    params = repository / "params.yaml"
    submit(repository, texts_file, "first")
    submit(repository, texts_file, "second")
    text = params.read_text(encoding="utf-8")
    remove("corpus", "first", params=params)
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("  first:")]
    assert params.read_text(encoding="utf-8") == "".join(lines)
    assert set(load_settings(params).corpora) == {"seen", "code", "second"}


def test_an_entry_that_was_edited_by_hand_goes_whole(repository: Path, texts_file: Path) -> None:
    before = snapshot(repository)
    submit(repository, texts_file)
    params = repository / "params.yaml"
    line = next(
        line for line in params.read_text(encoding="utf-8").splitlines() if line.startswith("  mine:")
    )
    data = line.partition("path: ")[2].partition(",")[0]
    digest = line.partition("sha256: ")[2].rstrip("}")
    block = (
        f"  mine:\n    kind: file\n    path: {data}\n    sha256: {digest}  # as submitted\n    arms: [gap]"
    )
    replace_in(params, line, block)
    assert load_settings(params).corpora["mine"].arms == ("gap",)
    remove("corpus", "mine", params=params)
    assert snapshot(repository) == before


def test_what_is_not_submitted_here_is_refused(
    repository: Path, texts_file: Path, refusal: Callable[..., str]
) -> None:
    params = repository / "params.yaml"
    submit(repository, texts_file)
    replace_in(params, "arms:\n", "claims: {corpora: [mine]}\narms:\n")
    before = snapshot(repository)

    def refused(kind: str, name: str) -> str:
        line = refusal("remove", kind, name, "--params", str(params))
        assert snapshot(repository) == before
        return line

    assert "no submitted corpus 'seen'" in refused("corpus", "seen")
    assert "did you mean 'mine'" in refused("corpus", "mime")
    assert "no submitted model 'mine'" in refused("model", "mine")
    assert "no submitted corpus '../corpora/mine'" in refused("corpus", "../corpora/mine")
    assert "corpora.mine is still needed by claims.corpora: take it out there first" in refused(
        "corpus", "mine"
    )
    replace_in(params, "claims: {corpora: [mine]}\n", "")
    replace_in(params, "gap: {kind: ascent}", "gap: {kind: ascent, corpora: [mine]}")
    before = snapshot(repository)
    assert "corpora.mine is still needed: " in refused("corpus", "mine")
    replace_in(params, "gap: {kind: ascent, corpora: [mine]}", "gap: {kind: ascent}")
    replace_in(repository / "submissions/corpora/mine.yaml", "track: micro", "track: pythia")
    before = snapshot(repository)
    assert "give --params tracks/pythia/params.yaml" in refused("corpus", "mine")


def gone_or_there(full: Snapshot, empty: Snapshot, found: Snapshot) -> bool:
    """True where it is removed, False where it is there; fails on what is between."""
    assert found in (full, empty)
    return found == empty


def test_killed_at_any_change_it_leaves_everything_or_nothing(
    repository: Path, texts_file: Path, tmp_path: Path
) -> None:
    empty = snapshot(repository)
    submit(repository, texts_file)
    full = snapshot(repository)
    (warm,) = copies(repository, tmp_path, 1)
    count = [0]

    def counted() -> None:
        def more() -> None:
            count[0] += 1

        for number in range(100):
            at_change(number, more, warm)
        remove("corpus", "mine", params=warm / "params.yaml")
        os._exit(count[0])

    changes = in_child(counted)
    assert changes > 8
    outcomes = []
    for number, root in enumerate(copies(repository, tmp_path / "killed", changes)):

        def work(root: Path = root, number: int = number) -> None:
            at_change(number, lambda: os.kill(os.getpid(), signal.SIGKILL), root)
            remove("corpus", "mine", params=root / "params.yaml")

        assert in_child(work) == -signal.SIGKILL
        outcomes.append(gone_or_there(full, empty, settled(root)))
        if not outcomes[-1]:
            remove("corpus", "mine", params=root / "params.yaml")
            assert snapshot(root) == empty
            assert not (root / ".gapbench").exists()
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {True, False}


def test_settings_that_cannot_be_replaced_leave_all(repository: Path, texts_file: Path) -> None:
    submit(repository, texts_file)
    full = snapshot(repository)

    def work() -> None:
        def edited() -> None:
            with (repository / "params.yaml").open("a", encoding="utf-8") as file:
                file.write("# edited meanwhile\n")

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event == "subprocess.Popen":
                edited()

        import sys

        sys.addaudithook(hook)
        remove("corpus", "mine", params=repository / "params.yaml")

    assert in_child(work) == FAILED
    after = snapshot(repository)
    assert after.pop("params.yaml") == full.pop("params.yaml") + b"# edited meanwhile\n"
    assert after == full


def test_a_helper_that_is_killed_is_finished_by_the_command(
    repository: Path, texts_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that moves dies after its first rename: the command itself does the rest."""
    from benchmark.intake import transaction

    empty = snapshot(repository)
    submit(repository, texts_file)
    program = repository.parent / "dies.py"
    program.write_text(
        "import json, os, pathlib, signal, sys\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "(folder / 'begun').touch()\n"
        "source, place = json.loads((folder / 'plan.json').read_text())['moves'][0]\n"
        "os.rename(source, place)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(transaction.applying, "__file__", str(program))
    remove("corpus", "mine", params=repository / "params.yaml")
    assert snapshot(repository) == empty


def test_a_full_staging_folder_is_told(
    repository: Path, texts_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.intake import transaction

    submit(repository, texts_file)
    full = snapshot(repository)

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transaction, "_write", no_space)
    with pytest.raises(CheckFailed, match="nothing was removed: No space left"):
        remove("corpus", "mine", params=repository / "params.yaml")
    assert snapshot(repository) == full
