"""Carry out a planned submission or removal: every rename, or none.

It uses the standard library only and runs as a program in its own session, so that killing the submitting process
cannot stop it half way. The plan (`plan.json` in the staging folder) holds `folders` to make, `moves` of staged
paths to places where nothing exists (of a removal: of places into the staging folder), and one `replace` of the
settings file with the sha256 that it had when it was read. The replacement comes last.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

PLAN = "plan.json"
BEGUN = "begun"


def apply(staging: Path) -> str:
    """Carry out the plan of `staging`, or undo it; returns why nothing was changed, empty if all was done."""
    plan = json.loads((staging / PLAN).read_text(encoding="utf-8"))
    try:
        _begin(staging)
        _forward(plan)
    except (OSError, ValueError) as error:
        undo(plan)
        return (error.strerror if isinstance(error, OSError) else None) or str(error)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return ""


def recover(staging: Path) -> None:
    """Finish a plan that was begun and interrupted; drop one that never began, or whose files are all in place."""
    if (staging / BEGUN).exists() and (staging / PLAN).exists():
        apply(staging)
    shutil.rmtree(staging, ignore_errors=True)


def _begin(staging: Path) -> None:
    handle = os.open(staging / BEGUN, os.O_WRONLY | os.O_CREAT)
    os.fsync(handle)
    os.close(handle)


def _forward(plan: dict[str, list[list[str]]]) -> None:
    staged, target, digest = plan["replace"][0]
    if Path(staged).exists() and hashlib.sha256(Path(target).read_bytes()).hexdigest() != digest:
        raise ValueError(f"{target} changed in the meantime: try again")
    for (folder,) in plan["folders"]:
        Path(folder).mkdir(exist_ok=True)
    for source, place in plan["moves"]:
        if os.path.lexists(source):
            if os.path.lexists(place):
                raise ValueError(f"{place} exists already: choose another name")
            Path(source).rename(place)
    if Path(staged).exists():
        Path(staged).replace(target)


def undo(plan: dict[str, list[list[str]]]) -> None:
    """Undo the moves of a plan whose settings file was not replaced."""
    for source, place in reversed(plan["moves"]):
        if os.path.lexists(place) and not os.path.lexists(source):
            Path(place).rename(source)
    for (folder,) in reversed(plan["folders"]):
        try:
            Path(folder).rmdir()
        except OSError:
            continue


if __name__ == "__main__":
    sys.stdout.write(apply(Path(sys.argv[1])))
