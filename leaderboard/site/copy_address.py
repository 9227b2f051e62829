"""Where the pages of the static copy are: file names by track and entry, and links from the app to a copy."""

import hashlib
import os
import re
from urllib.parse import quote, urlsplit

Key = tuple[str, str, str]
TRACK_PAGE = "index.html"
COPY = "GAPBENCH_COPY"
"""The environment variable that names the address of a static copy."""
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(key: Key) -> str:
    """The file of an entry: its name, and a digest of it where the name is not safe as a file's."""
    plain = "--".join(_SAFE.sub("-", part)[:40].strip(".-") or "x" for part in key)
    if plain == "--".join(key):
        return f"{plain}.html"
    return f"{plain}-{hashlib.sha256('/'.join(key).encode()).hexdigest()[:8]}.html"


def folder_name(track: str) -> str:
    """The folder of a track."""
    safe = _SAFE.sub("-", track).strip(".-") or "track"
    return safe if safe == track else f"{safe}-{hashlib.sha256(track.encode()).hexdigest()[:8]}"


def in_copy(track: str, key: Key | None = None) -> str:
    """The address of a track's or an entry's page in the copy that `GAPBENCH_COPY` names; empty without one."""
    base = os.environ.get(COPY, "")
    if urlsplit(base).scheme not in ("http", "https"):
        return ""
    return f"{base.rstrip('/')}/{quote(folder_name(track))}/{TRACK_PAGE if key is None else quote(file_name(key))}"
