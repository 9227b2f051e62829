"""All-or-nothing submissions: files are staged in a folder of their own, then put in place by renames under a lock.

Plan, helper process and recovery stay, although only a few files are renamed: killed between two renames, a plain
sequence of renames and undos would leave half a submission, and no code of ours would run to take it back.
"""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.errors import CheckFailed
from benchmark.intake import apply as applying

WAIT_SECONDS = 60.0
FOLDER = Path(".gapbench") / "submit"


@dataclass
class Staging:
    """A folder with staged files, and the places where they will be moved to, or from where they are taken away.

    Attributes:
        folder: holds the staged files; nothing else reads it.
        done: what the user is told was not done when it fails, `submitted` or `removed`.
        moves: (path, path after the move); nothing may exist at the latter.
    """

    root: Path
    folder: Path
    done: str = "submitted"
    moves: list[tuple[Path, Path]] = field(default_factory=list)

    def plan(self, place: Path) -> Path:
        """A staged path for what will be moved to `place`."""
        staged = self.folder / f"{len(self.moves)}-{place.name}"
        self.moves.append((staged, place))
        return staged

    def take(self, place: Path) -> None:
        """Plan that `place` is moved into the staging folder, which is removed at the end."""
        self.moves.append((place, self.folder / f"{len(self.moves)}-{place.name}"))


@contextmanager
def staging(root: Path, done: str = "submitted") -> Iterator[Staging]:
    """A staging folder that is removed when the block ends; `done` as in `Staging`.

    Raises:
        CheckFailed: the disk is full or nothing can be written; the repository is as it was.
    """
    folder: Path | None = None
    handle = -1
    try:
        folder, handle = _new_folder(root / FOLDER)
        yield Staging(root, folder, done)
    except OSError as error:
        raise CheckFailed(_message(error, root, done)) from None
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if handle >= 0:
            os.close(handle)
        _remove_empty(root)


@contextmanager
def lock(root: Path) -> Iterator[int]:
    """Only one process at a time changes submissions; first it finishes or drops what a killed one left.

    Raises:
        CheckFailed: another process keeps the lock for a minute.
    """
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + WAIT_SECONDS
        while not _try_lock(handle):
            if time.monotonic() > end:
                raise CheckFailed(f"{root}: another submission has been busy for a minute: try again later")
            time.sleep(0.02)
        _recover_killed(root)
        yield handle
    finally:
        os.close(handle)


def commit(staged: Staging, params: Path, digest: str, text: bytes, handle: int) -> None:
    """Move the staged files and replace `params` by `text`, all or nothing.

    `digest` is the sha256 of `params` as it was read, `handle` the lock.

    Raises:
        CheckFailed: a rename failed; the repository is as it was.
    """
    replacement = staged.folder / "params.yaml"
    _write(replacement, text)
    shutil.copymode(params, replacement)
    plan = {
        "folders": [[str(folder)] for folder in _missing_folders(staged)],
        "moves": [[str(source), str(place)] for source, place in staged.moves],
        "replace": [[str(replacement), str(params), digest]],
    }
    _write(staged.folder / applying.PLAN, json.dumps(plan).encode())
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(applying.__file__)), str(staged.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(handle,),
    )
    try:
        message, errors = process.communicate()
    except BaseException:
        process.wait()
        raise
    if process.returncode != 0 and (staged.folder / applying.BEGUN).exists():
        applying.recover(staged.folder)  # the helper was killed: what it began is finished
        return
    if process.returncode != 0 or message:
        last = message.decode() or (errors.decode().strip().splitlines() or ["stopped"])[-1]
        raise CheckFailed(f"nothing was {staged.done}: {last}")


def _missing_folders(staged: Staging) -> list[Path]:
    missing: list[Path] = []
    for _, place in staged.moves:
        wanted = [parent for parent in place.parents if not parent.exists()]
        missing += [folder for folder in reversed(wanted) if folder not in missing]
    return missing


def _recover_killed(root: Path) -> None:
    """Finish or drop what killed submissions left; a running one has locked its folder."""
    for folder in sorted((root / FOLDER).glob("*")):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if _try_lock(handle):
                    applying.recover(folder)
            finally:
                os.close(handle)


def _new_folder(base: Path) -> tuple[Path, int]:
    """A new folder in `base`, and its lock.

    Until it is locked, a submission that ends may remove it (it looks like what a killed one left) or `base` (it is
    empty). Then it is made again.
    """
    end = time.monotonic() + 1
    while True:
        try:
            base.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=base))
            handle = _lock_folder(folder)
        except (FileNotFoundError, FileExistsError):
            if time.monotonic() > end:
                raise
            continue
        if folder.is_dir():
            return folder, handle
        os.close(handle)


def _lock_folder(folder: Path) -> int:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return handle


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove_empty(root: Path) -> None:
    with suppress(OSError):
        (root / FOLDER).rmdir()
        (root / FOLDER).parent.rmdir()


def _message(error: OSError, root: Path, done: str) -> str:
    advice = {
        errno.ENOSPC: "free some space",
        errno.EDQUOT: "free some space",
        errno.EROFS: "use a folder that can be written to",
        errno.EACCES: "use a folder that you may write to",
        errno.EPERM: "use a folder that you may write to",
    }.get(error.errno or 0, "make it readable and writable")
    # The staging folder is gone by the time that this is read.
    named = isinstance(error.filename, str) and not Path(error.filename).is_relative_to(root / FOLDER)
    where = error.filename if named else str(root)
    again = "submit again" if done == "submitted" else "try again"
    return f"nothing was {done}: {error.strerror or error} ({where}): {advice} and {again}"
