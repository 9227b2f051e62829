"""The start of every command that computes: set the arithmetic that its settings ask for, and report it once."""

import os
import sys

from benchmark.arithmetic import mode
from benchmark.settings.run_options import Execution

SAID = "GAPBENCH_ARITHMETIC_SAID"
"""Environment variable that suppresses the report: with `make repro`, only the first stage prints it."""


def begin(execution: Execution) -> None:
    """Use the arithmetic of the settings; print one line on what it overrides, or why it is not available.

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
