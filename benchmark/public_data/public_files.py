"""The one loader of public data: a file of a local folder, or of a cache filled from pinned sources.

``GAPBENCH_DATA`` names a folder in the layout of docs/DATA.md; it is used as it is, and only the files that a
call needs have to be there. Without it, a file comes from the public source that ``public_sources.yaml`` or a task's
YAML pins: its sha256 is checked and it is kept in a cache folder (``GAPBENCH_CACHE``, or
``$XDG_CACHE_HOME/gapbench``).
"""

import hashlib
import http.client
import os
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.public_data.public_sources import SOURCES, PublicSource
from benchmark.system.content_hash import sha256_of
from benchmark.system.files import write_bytes

TIMEOUT_SECONDS = 30


def data_folder() -> Path | None:
    """The folder that ``GAPBENCH_DATA`` names, or None where it is unset."""
    named = os.environ.get("GAPBENCH_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"GAPBENCH_DATA names {folder}, which is not a folder: name one in the layout of docs/DATA.md"
        )
    return folder


def cache_folder() -> Path:
    """Where downloads are kept."""
    base = os.environ.get("GAPBENCH_CACHE")
    if base:
        return Path(base).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gapbench"


def locate(*paths: str, sources: Mapping[str, PublicSource] = SOURCES) -> Path:
    """The first available one of these files, which are alternatives for one content, relative to the layout.

    Without a local folder the first that ``sources`` pins is downloaded. Raises ``InputError`` where the local folder
    has none of them, or none can be downloaded.
    """
    named = " or ".join(paths)
    folder = data_folder()
    if folder is not None:
        for path in paths:
            if (folder / path).is_file():
                return folder / path
        raise InputError(f"{named} is missing in GAPBENCH_DATA={folder}: add it as docs/DATA.md describes")
    for path in paths:
        if path in sources:
            return _cached(path, sources[path])
    raise InputError(
        f"{named} has no pinned public source: put it into a folder in the layout of docs/DATA.md "
        "and set GAPBENCH_DATA to that folder"
    )


def _cached(path: str, source: PublicSource) -> Path:
    """The file in the cache, downloaded where it is absent or altered."""
    target = cache_folder() / "data" / source.sha256 / path
    download = target if source.member is None else cache_folder() / "data" / source.sha256 / "archive.zip"
    if not download.is_file() or sha256_of(download) != source.sha256:
        write_bytes(download, _download(path, source))
    if source.member is not None:
        with zipfile.ZipFile(download) as opened:
            content = opened.read(source.member)
        if not target.is_file() or target.read_bytes() != content:
            write_bytes(target, content)
    return target


def _download(path: str, source: PublicSource) -> bytes:
    try:
        with urllib.request.urlopen(source.url, timeout=TIMEOUT_SECONDS) as response:
            content: bytes = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{path} is not available here and {source.url} cannot be reached ({reason}): "
            "connect, or set GAPBENCH_DATA to a folder that holds it (docs/DATA.md)"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != source.sha256:
        raise InputError(
            f"{source.url} has sha256 {sha256}, pinned is {source.sha256}: "
            f"it changed or was cut off; download {path} yourself and set GAPBENCH_DATA (docs/DATA.md)"
        )
    return content
