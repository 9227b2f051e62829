"""Where the code of an arm is: a module of this package, a file, or an installed package."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmark.system.import_closure import ARMS, PACKAGE

SUBMISSIONS = "submissions"
"""The folder of what was submitted; none of it is ever run."""
GROUP = "gapbench.arms"
"""Entry points of installed packages whose names are kinds of arm."""
ATTEMPTS = "attempts"
"""The generator in a module of this package."""

_OUTSIDE = re.compile(r"(?P<where>[^:]+):(?P<function>[A-Za-z_]\w*)")
_FILE = re.compile(r"(?!/)[A-Za-z0-9_./-]+\.py")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class ArmPlace:
    """Code from outside: a function in `file`, relative to the settings file, or in an installed `module`."""

    function: str
    file: str | None = None
    module: str | None = None


def outside_place(kind: str) -> ArmPlace | None:
    """Where a kind such as `tricks/mine.py:attempts` or `package.module:attempts` says that its code is.

    None for the plain name of a kind.

    Raises:
        ValueError: the kind is none of these, or it names a submission.
    """
    if ":" not in kind:
        return None
    parts = _OUTSIDE.fullmatch(kind)
    where = parts["where"] if parts else ""
    if parts is None or not (_FILE.fullmatch(where) or _MODULE.fullmatch(where)):
        raise ValueError(
            f"kind: '{kind}': name a file from the settings file's folder on, as in 'tricks/mine.py:attempts', or a "
            "module of an installed package, as in 'package.module:attempts'"
        )
    if not where.endswith(".py"):
        return ArmPlace(parts["function"], module=where)
    if SUBMISSIONS in PurePosixPath(where).parts:
        raise ValueError(f"kind: {where}: {NEVER_SUBMITTED}")
    return ArmPlace(parts["function"], file=where)


NEVER_SUBMITTED = (
    "code of a submission is never run, since it could do anything to the machine that scores it: move a file that "
    "you trust to another folder"
)


def own_module(kind: str) -> Path:
    """The file that a plain kind would have in this package."""
    return PACKAGE.joinpath(*ARMS.split(".")[1:], f"{kind.replace('-', '_')}.py")
