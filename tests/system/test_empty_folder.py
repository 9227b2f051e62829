"""Where commands write: a place is checked before the work, and what fails leaves nothing lost or half written."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.compare import compare_command
from benchmark.errors import InputError
from benchmark.system.empty_folder import check_file, check_out, filled, writing
from tests.pipeline.small import tree

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("check", [check_out, check_file])
@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("file/out", "Not a directory: name another place"),
        ("file/deep/out", "Not a directory: name another place"),
        ("n" * 300, "File name too long: name another place"),
        ("n" * 300 + "/out", "File name too long: name another place"),
    ],
)
def test_a_place_where_nothing_can_be_is_refused(
    check: Callable[[Path], None], place: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"--out .*: {says}"):
        check(tmp_path / place)
    check(tmp_path / "new" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_pipe_is_written_to_whatever_its_folder_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `/dev/stdout`: nobody but root may make files in `/dev`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) == pipe)
    check_file(pipe)
    with pytest.raises(InputError, match=f"{tmp_path} cannot be written to"):
        check_file(tmp_path / "page.md")


@pytest.mark.parametrize(
    "command",
    [
        "compare a b", "export lm-eval micro", "export eee micro", "export hub-card micro", "precision",
        "published none",
        "score --samples none --models none", "site", "simulate size", "bench", "bench engine", "bench architectures",
        "bench leaderboard", "run --model x --corpus x --index 0 --arm gap --seed 0 --suite micro12",
    ],
)  # fmt: skip
def test_every_command_looks_at_its_place_before_the_work(
    command: str, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    assert f"--out {out}: Not a directory" in refusal(*command.split(), "--out", str(out))


def test_the_page_of_a_simulation_is_read_before_the_work(
    tmp_path: Path, refusal: Callable[..., str]
) -> None:
    page = tmp_path / "page.md"
    assert f"{page}: No such file or directory" in refusal("simulate", "size", "--out", str(page))
    page.write_text("no marks")
    assert f"{page}: the page lacks <!-- size -->" in refusal("simulate", "size", "--out", str(page))


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder: name a file"):
        check_file(tmp_path)


def test_a_folder_is_filled_whole_or_left_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"

    def fill(content: str, fault: OSError | None = None) -> None:
        with filled(out) as folder:
            (folder / "one").write_text(content)
            if fault is not None:
                raise fault
            (folder / "two").write_text(content)

    with pytest.raises(InputError, match=f"--out {out}: No space left on device: make room"):
        fill("new", FULL)
    assert not out.exists()
    fill("old")
    (out / "mine").write_text("mine")
    with pytest.raises(InputError, match="make room"):
        fill("new", FULL)
    assert tree(out) == {"mine": b"mine", "one": b"old", "two": b"old"}
    fill("new")
    assert tree(out) == {"mine": b"mine", "one": b"new", "two": b"new"}


def test_an_error_that_names_its_file_keeps_that_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "none").read_bytes()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "/a/b"),
            "/a/b: File name too long: check",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), b"/a/\xff"),
            "Permission denied: check this path",
        ),
        (
            OSError(errno.EXDEV, "Invalid link", "/a/.tmp", None, "/a/b"),
            "/a/b: Invalid link: check this path",
        ),
        (FULL, "a file: No space left on device: make room"),
    ],
)
def test_an_error_of_the_files_is_one_line_and_exit_2(
    error: OSError, says: str, monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    monkeypatch.setattr(compare_command, "comparison", _raising(error))
    assert says in refusal("compare", "a", "b")


@pytest.mark.parametrize(
    "error",
    [
        OSError("a fault of the program"),
        OSError(errno.EBADF, "Bad file descriptor", 7),
        FileNotFoundError(
            errno.ENOENT, "No such file", str(Path(compare_command.__file__).with_name("none.json"))
        ),
        TypeError("a fault of the program"),
    ],
)
def test_an_error_of_the_program_keeps_its_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, gapbench: Callable[..., object]
) -> None:
    monkeypatch.setattr(compare_command, "comparison", _raising(error))
    with pytest.raises(type(error)):
        gapbench("compare", "a", "b")


def _raising(error: Exception) -> Callable[..., str]:
    def fail(*_: object, **__: object) -> str:
        raise error

    return fail
