"""Where a command is told to write: a new or empty folder, or a file; checked before any work is done."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import InputError


def check_place(out: Path) -> None:
    """Refuse a place where nothing can be written: a name that is too long, below a file, or no right to write."""
    try:
        out.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"--out {out}: {error.strerror}: name another place") from None
    is_special = out.exists() and not out.is_file()  # a folder, a pipe or /dev/stdout is written to as it is
    place = out if is_special else next(folder for folder in out.absolute().parents if folder.is_dir())
    if not os.access(place, os.W_OK):
        raise InputError(f"--out {out}: {place} cannot be written to: name another folder")


def check_file(out: Path | None) -> Path | None:
    """`out`, unless no file can be written there."""
    if out is not None:
        check_place(out)
        if out.is_dir():
            raise InputError(f"--out {out}: a folder: name a file")
    return out


def check_folder(out: Path | None) -> Path | None:
    """`out`, unless no folder can be there."""
    if out is not None:
        check_place(out)
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out}: a file: name a folder")
    return out


def check_out(out: Path, *, force: bool = False, instead: str = "name an empty folder") -> None:
    """Refuse a folder that holds something (unless `force`); `instead` is the advice."""
    check_place(out)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"--out {out}: no folder: name an empty or a new one")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InputError(f"--out {out}: not empty: {instead}")


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Errors inside the block that name no file, such as a full disk, become refusals that name `out`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise InputError(
            f"--out {out}: {error.strerror or error}: make room, or name another place"
        ) from error


@contextmanager
def filled(out: Path) -> Iterator[Path]:
    """A folder whose files replace those in `out` when the block ends; if it fails, `out` stays as it was."""
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".", dir=out))
    try:
        with writing(out):
            yield scratch
        for new in sorted(scratch.iterdir()):
            new.replace(out / new.name)
    finally:
        shutil.rmtree(scratch)
        if made and not any(out.iterdir()):
            out.rmdir()
