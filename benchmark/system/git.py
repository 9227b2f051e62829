"""The git command."""

import subprocess
from pathlib import Path

from benchmark.errors import InputError


def git(root: Path, *arguments: str) -> bytes:
    """What git prints for a repository.

    Raises:
        InputError: git is not installed or fails; git's own message is included.
    """
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise InputError(f"git cannot be run ({error.strerror}): install it") from None
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip() or "failed"
        raise InputError(f"git {arguments[0]} in {root}: {why}")
    return done.stdout
