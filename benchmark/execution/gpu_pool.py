"""Worker processes on the GPUs of this machine: each sees one of them, is started once, and gets unit after unit."""

import multiprocessing
import os
import pickle
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from benchmark.arithmetic.single_thread import compute_alone
from benchmark.execution.devices import VISIBLE
from benchmark.execution.parent_death import die_with_parent
from benchmark.execution.sent_by_value import packed


def in_gpu_pool(
    work: Callable[[Any, Any], Any], context: Any, units: Sequence[Any], slots: Sequence[str], retries: int
) -> Iterator[tuple[Any, Any]]:
    """Yield `(unit, work(context, unit))` in the order in which units finish.

    Processes are spawned, since one that has used CUDA cannot be forked. A process that dies is replaced, and its unit
    begins again.

    Args:
        slots: for each process, the GPU that it sees.
        retries: how often a unit may be begun again.

    Raises:
        BrokenProcessPool: a unit has killed more processes.
    """
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder) / "context"
        sent.write_bytes(packed((work, context)))
        waiting = deque(units)
        tries = dict.fromkeys(units, 0)
        pools = {slot: _one_process(device, sent) for slot, device in enumerate(slots)}
        running: dict[Future[Any], tuple[int, Any]] = {}
        idle = list(pools)
        try:
            while waiting or running:
                while idle and waiting:
                    slot, unit = idle.pop(0), waiting.popleft()
                    running[pools[slot].submit(_work, unit)] = slot, unit
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    slot, unit = running.pop(future)
                    idle.append(slot)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        tries[unit] += 1
                        if tries[unit] > retries:
                            raise
                        print("a worker died; its run is started again", file=sys.stderr, flush=True)
                        pools[slot].shutdown(wait=False)
                        pools[slot] = _one_process(slots[slot], sent)
                        waiting.appendleft(unit)
                        continue
                    yield unit, result
        finally:
            for pool in pools.values():
                pool.shutdown(wait=True, cancel_futures=True)


def _one_process(device: str, sent: Path) -> ProcessPoolExecutor:
    """A pool of one process, which is begun at once and sees one GPU from its start."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, (str(sent),))
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = device
    try:
        pool.submit(os.getpid)
    finally:
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before
    return pool


_given: list[tuple[Any, Any]] = []
"""In a worker: work and context."""


def _begin(sent: str) -> None:
    die_with_parent()
    compute_alone()
    _given.append(pickle.loads(Path(sent).read_bytes()))


def _work(unit: Any) -> Any:
    work, context = _given[0]
    return work(context, unit)
