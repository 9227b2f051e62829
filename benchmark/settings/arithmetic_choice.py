"""The beginning of every command that computes: the arithmetic that its settings ask for, and what is said of it."""

import os
import sys

from benchmark.arithmetic import mode
from benchmark.settings.run_options import Execution

SAID = "GAPBENCH_ARITHMETIC_SAID"
"""Set where a command before this one has said it: `make repro` has every stage silent but the first."""


def begin(execution: Execution) -> None:
    """Take the arithmetic of the settings, and say once what it sets aside or why it cannot be had.

    Raises:
        InputError: a library was imported in another mode.
    """
    mode.use(execution.arithmetic)
    line = _line(execution)
    if line and SAID not in os.environ:
        print(line, file=sys.stderr, flush=True)
        os.environ[SAID] = "1"


def _line(execution: Execution) -> str | None:
    if execution.arithmetic == "native":
        return None
    lacking = mode.missing()
    if lacking is not None:
        return (
            f"gapbench: numbers are native to this machine, since portable arithmetic needs {lacking}: "
            "claims are compared, not bytes"
        )
    names = sorted(mode.overridden())
    return (
        f"gapbench: {', '.join(names)} set aside: portable arithmetic has its own values" if names else None
    )
