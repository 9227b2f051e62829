"""The one loader of public data: a file of a local folder, or of a cache filled from pinned sources.

``GAPBENCH_DATA`` names a folder in the layout of docs/DATA.md; it is taken as it is, and only the files that
a call needs have to be there. Without it, a file comes from the public source that ``public_sources.py`` or a task's
YAML pins: its sha256 is checked and it is kept in a cache folder (``GAPBENCH_CACHE``, by default
``$XDG_CACHE_HOME/gapbench``).
"""

import hashlib
import http.client
import os
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.public_data.public_sources import SOURCES, Source

TIMEOUT_SECONDS = 30


def data_folder() -> Path | None:
    """The folder that ``GAPBENCH_DATA`` names, or None where it is unset."""
    named = os.environ.get("GAPBENCH_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"GAPBENCH_DATA names {folder}, which is no folder: set it to one laid out as docs/DATA.md says"
        )
    return folder


def cache_folder() -> Path:
    """Where downloads are kept."""
    base = os.environ.get("GAPBENCH_CACHE")
    if base:
        return Path(base).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gapbench"


def locate(*paths: str, sources: Mapping[str, Source] = SOURCES) -> Path:
    """The first of these files (alternatives for one content, relative to the layout) that can be had.

    Without a local folder the first that ``sources`` pins is downloaded. Raises ``InputError`` where the local folder
    has none of them, or none can be downloaded.
    """
    named = " or ".join(paths)
    folder = data_folder()
    if folder is not None:
        for path in paths:
            if (folder / path).is_file():
                return folder / path
        raise InputError(f"{named} is missing in GAPBENCH_DATA={folder}: add it as docs/DATA.md describes it")
    for path in paths:
        if path in sources:
            return _cached(path, sources[path])
    raise InputError(
        f"{named} has no pinned public source: put it into a folder laid out as docs/DATA.md says "
        "and set GAPBENCH_DATA to that folder"
    )


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _cached(path: str, source: Source) -> Path:
    """The file in the cache, fetched where it is absent or altered."""
    folder = cache_folder() / "data" / source.sha256
    if source.member is None:
        target = folder / path
        _fetch(path, source, target)
        return target
    archive = folder / "archive.zip"
    _fetch(path, source, archive)
    with zipfile.ZipFile(archive) as opened:
        content = opened.read(source.member)
    if not (folder / path).is_file() or (folder / path).read_bytes() != content:
        write_atomically(folder / path, content)
    return folder / path


def _fetch(path: str, source: Source, target: Path) -> None:
    if target.is_file() and sha256_of(target) == source.sha256:
        return
    content = _download(path, source.url)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise InputError(
            f"{source.url} has sha256 {found}, pinned is {source.sha256}: "
            f"it changed or was cut off; fetch {path} yourself and set GAPBENCH_DATA (docs/DATA.md)"
        )
    write_atomically(target, content)


def _download(path: str, url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            content: bytes = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{path} is not at hand and {url} cannot be reached ({reason}): "
            "connect, or set GAPBENCH_DATA to a folder that holds it (docs/DATA.md)"
        ) from error
    return content
