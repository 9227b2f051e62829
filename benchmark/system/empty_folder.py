"""A folder that a command is told to write to: new or empty."""

import os
from pathlib import Path

from benchmark.errors import InputError


def check_out(out: Path, *, force: bool = False, instead: str = "name an empty folder") -> None:
    """Refuse a folder that holds something (unless `force`), before any work is done; `instead` is the advice."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"--out {out}: no folder: name an empty or a new one")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InputError(f"--out {out}: not empty: {instead}")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not os.access(parent, os.W_OK):
        raise InputError(f"--out {out}: {parent} cannot be written to: name another folder")
