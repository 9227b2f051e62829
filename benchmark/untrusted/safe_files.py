"""Files of strangers: regular files only, no links except DVC's own, of limited size, copied before use."""

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import InputError
from benchmark.system.content_hash import sha256_of
from benchmark.untrusted.dvc_links import cached_file

MAX_CORPUS_BYTES = 200_000_000
MAX_MODEL_BYTES = 8_000_000_000
MAX_SMALL_BYTES = 50_000_000
MAX_FOLDER_FILES = 20_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Stored:
    """A copied file: its size and the sha256 of its bytes, read once from beginning to end."""

    bytes: int
    sha256: str


def kind_of(path: Path) -> str:
    """`file` or `folder`; a link that DVC made into its cache counts as its target file.

    Raises:
        InputError: the path does not exist, or is any other symbolic link, a device, a pipe or a socket.
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"{path!s:.200}: {_reason(error)}: name an existing file or folder") from None
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode) and cached_file(path) is not None:
        return "file"
    what = "a symbolic link" if stat.S_ISLNK(mode) else "a device, pipe or socket"
    raise InputError(f"{path}: {what} is not read: give a regular file or folder")


def list_folder(folder: Path) -> list[str]:
    """Sorted names of the regular files of a folder; folders in it are left out, links refused."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: {_reason(error)}: give a folder that can be read") from None
    names = [entry.name for entry in entries if kind_of(Path(entry.path)) == "file"]
    if len(names) > MAX_FOLDER_FILES:
        raise InputError(
            f"{folder}: {len(names)} files, at most {MAX_FOLDER_FILES}: join them into one table"
        )
    return names


def stable_copy(source: Path, target: Path, cap: int) -> Stored:
    """Copy a regular file, so that the checked bytes are the stored ones.

    Raises:
        InputError: not a regular file, more than `cap` bytes, or changed while it was read.
    """
    if kind_of(source) != "file":
        raise InputError(f"{source}: a folder: give a file")
    real = (cached_file(source) if source.is_symlink() else None) or source
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{source}: {_reason(error)}: give a regular file that can be read") from None
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise InputError(f"{source}: not a regular file: give one")
        if before.st_size > cap:
            raise InputError(
                f"{source}: {before.st_size} bytes, at most {cap} are accepted: give a smaller file"
            )
        digest, size = _copy(handle, source, target, cap)
        after = os.fstat(handle)
    finally:
        os.close(handle)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        raise InputError(f"{source}: changed while it was read: submit it again when nothing writes to it")
    return Stored(size, digest)


def _copy(handle: int, source: Path, target: Path, cap: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        while True:
            try:
                chunk = os.read(handle, CHUNK)
            except OSError as error:
                raise InputError(f"{source}: {_reason(error)}: give a regular file") from None
            if not chunk:
                break
            size += len(chunk)
            if size > cap:
                raise InputError(f"{source}: more than {cap} bytes: give a smaller file")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def sha256_of_data(path: Path) -> str:
    """sha256 of a file, or over the sorted names and the sha256 of a folder's files.

    Raises:
        InputError: the path does not exist, or something in it is not a regular file.
    """
    return sha256_of(path) if kind_of(path) == "file" else sha256_of_files(path, list_folder(path))


def sha256_of_files(folder: Path, names: Iterable[str]) -> str:
    """sha256 over the names and the sha256 of files of a folder."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def inside(root: Path, relative: str) -> Path:
    """The path below `root` that a settings file or manifest names.

    Raises:
        InputError: it is absolute, leaves `root`, or has a symbolic link in it that is not DVC's.
    """
    parts = Path(relative).parts
    if not parts or Path(relative).is_absolute() or ".." in parts or "\0" in relative:
        raise InputError(f"path {relative!r} leaves the repository: use a relative path inside it")
    path = root
    for part in parts:
        path = path / part
        if path.is_symlink() and cached_file(path) is None:
            raise InputError(f"path {relative!r} passes the symbolic link {path.name!r}: use a real folder")
    return path


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "cannot be read"
