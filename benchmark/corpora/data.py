"""The one loader of public data: a file of a local folder, or of a cache filled from pinned sources.

``GAPBENCH_DATA`` names a folder in the layout of docs/DATA.md; it is taken as it is, and only the files a call
needs have to be there. Without it, a file comes from the public source that ``sources.py`` pins, checked
against its sha256 and kept in a cache folder (``GAPBENCH_CACHE``, else ``$XDG_CACHE_HOME/gapbench``).
"""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from benchmark.corpora.sources import SOURCES, Source
from benchmark.errors import InputError

TIMEOUT_SECONDS = 30


def data_folder() -> Path | None:
    """The folder that ``GAPBENCH_DATA`` names, or None where it is unset."""
    named = os.environ.get("GAPBENCH_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InputError(f"GAPBENCH_DATA names {folder}, which is no folder: set it to one laid out as docs/DATA.md says")
    return folder


def cache_folder() -> Path:
    """Where downloads are kept."""
    base = os.environ.get("GAPBENCH_CACHE")
    if base:
        return Path(base).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gapbench"


def locate(*paths: str) -> Path:
    """The first of these files (alternatives for one content, relative to the layout) that can be had.

    Raises ``InputError`` where the local folder has none of them, or none can be downloaded.
    """
    folder = data_folder()
    if folder is not None:
        for path in paths:
            if (folder / path).is_file():
                return folder / path
        raise InputError(f"{' or '.join(paths)} is missing in GAPBENCH_DATA={folder}: add it (docs/DATA.md says what it holds)")
    for path in paths:
        if path in SOURCES:
            return _cached(path, SOURCES[path])
    raise InputError(
        f"{' or '.join(paths)} has no pinned public source: put it into a folder and set GAPBENCH_DATA to that (docs/DATA.md)"
    )


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cached(path: str, source: Source) -> Path:
    target = cache_folder() / "data" / source.commit / path
    if target.is_file() and sha256_of(target) == source.sha256:
        return target
    content = _download(path, source)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise InputError(f"{source.url} has sha256 {found}, pinned is {source.sha256}: the source changed or was cut off")
    write_atomically(target, content)
    return target


def _download(path: str, source: Source) -> bytes:
    try:
        with urllib.request.urlopen(source.url, timeout=TIMEOUT_SECONDS) as response:
            return bytes(response.read())
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{path} is not here and {source.url} cannot be reached ({reason}): "
            "connect, or set GAPBENCH_DATA to a folder that holds it (docs/DATA.md)"
        ) from error


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
