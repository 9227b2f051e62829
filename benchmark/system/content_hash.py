"""Content hashes. A cached result is identified by what it was made from, never by its file name."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]


def digest(value: Any) -> str:
    """sha256 of a JSON value, its keys sorted and without blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(files: Iterable[Path], package: Path = PACKAGE) -> str:
    """sha256 over source files of `package`, by name and content."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(package).as_posix()}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
