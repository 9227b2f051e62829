"""Units of work that the local pool and Ray are given alike: their workers import this module."""

import os
import signal
from pathlib import Path

import torch

from benchmark.arithmetic import mode


def die_once(context: str, unit: int) -> int:
    """Kill this process at the first try of unit 3; a file remembers that it was tried."""
    mark = Path(context) / f"tried-{unit}"
    if unit == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return unit * unit


def arithmetic(context: str, unit: int) -> str:
    """The arithmetic of the process that does the unit."""
    return f"{context} {mode.name()} {torch.backends.cpu.get_cpu_capability()}"
