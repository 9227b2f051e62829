"""Content keys: a result is found again by what it was made from, never because a file exists."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]


def digest(value: Any) -> str:
    """sha256 of a JSON value in one canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code_digest(files: Iterable[Path], package: Path = PACKAGE) -> str:
    """sha256 over source files of `package`, by name and content."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(package).as_posix()}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
