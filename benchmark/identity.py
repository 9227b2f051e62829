"""Content keys: a result is found again by what it was made from, never because a file exists."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
RUN_CODE = (
    "arithmetic/mode.py",
    "arithmetic/products.py",
    "posttrain",
    "evaluation",
    "tasks",
    "models/opt.py",
    "models/network.py",
    "models/packed.py",
    "models/stack.py",
    "models/tokenizer.py",
    "models/weights.py",
)
"""Code that a run's figures depend on."""


def digest(value: Any) -> str:
    """sha256 of a JSON value in one canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def code_digest(parts: Sequence[str] = RUN_CODE) -> str:
    """sha256 over the source files of `parts`, folders or files of this package."""
    total = hashlib.sha256()
    for part in parts:
        path = PACKAGE / part
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.suffix in {".py", ".yaml"}:
                total.update(f"{file.relative_to(PACKAGE).as_posix()}\n".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
