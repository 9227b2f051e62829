"""Units of work that the local pool and Ray are given alike: their workers import this module."""

import os
import signal
import time
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


def seen_device(context: tuple[str, int], unit: int) -> tuple[str, int]:
    """The GPUs that this process may see, and its number, as soon as so many processes have begun a unit."""
    folder, processes = Path(context[0]), context[1]
    (folder / str(os.getpid())).touch()
    latest = time.monotonic() + 30
    while len(list(folder.iterdir())) < processes and time.monotonic() < latest:
        time.sleep(0.02)
    return os.environ.get("CUDA_VISIBLE_DEVICES", ""), os.getpid()
