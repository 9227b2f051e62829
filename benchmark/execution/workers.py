"""Run units of work in this process, in a pool of processes on this machine, or on a Ray cluster.

Every worker computes with one thread, and on one GPU if on any, so results are the same for any number of workers.
"""

import multiprocessing
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from benchmark.arithmetic import mode
from benchmark.arithmetic.single_thread import compute_alone
from benchmark.errors import InputError
from benchmark.execution.devices import asks_for_gpu, gpu_slots, gpus, runs_a_gpu
from benchmark.execution.gpu_pool import in_gpu_pool
from benchmark.execution.parent_death import die_with_parent
from benchmark.execution.ray_actors import on_ray_gpus
from benchmark.execution.sent_by_value import path_modules
from benchmark.settings.run_options import Execution

Context = TypeVar("Context")
Unit = TypeVar("Unit")
Result = TypeVar("Result")
Work = Callable[[Context, Unit], Result]

RETRIES = 3
"""Maximum retries after a worker dies."""


def worker_count(settings: Execution, units: int) -> int:
    """Workers, never more than there are units: as configured, 0 is one per core; on GPUs, `workers` a GPU."""
    if devices := gpus(settings):
        return len(gpu_slots(devices, settings, units))
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(settings.workers or cores, units))


def run_units(
    work: Work[Context, Unit, Result], context: Context, units: Sequence[Unit], settings: Execution
) -> Iterator[tuple[Unit, Result]]:
    """Yield `(unit, work(context, unit))` in the order in which units finish.

    Args:
        work: a module-level function.
        context: what all units share; inherited by forked workers, sent once to others. A model of a folder goes
            without its weights, which each worker reads there.
        units: small, hashable descriptions.
    """
    if settings.engine == "ray":
        yield from _on_ray(work, context, units, settings)
        return
    workers = worker_count(settings, len(units))
    devices = gpus(settings)
    if devices and workers > 1:
        yield from in_gpu_pool(work, context, units, gpu_slots(devices, settings, len(units)), RETRIES)
        return
    if workers == 1 or asks_for_gpu(settings) or sys.platform != "linux":
        for unit in units:
            yield unit, work(context, unit)
        return
    yield from _in_pool(work, context, units, workers)


_inherited: list[tuple[Any, Any]] = []
"""Work and context of the pool that is being started. Forked workers inherit them, so nothing is pickled."""


def _in_pool(
    work: Work[Context, Unit, Result], context: Context, units: Sequence[Unit], workers: int
) -> Iterator[tuple[Unit, Result]]:
    left = dict.fromkeys(units, 0)
    _inherited.append((work, context))
    try:
        while left:
            try:
                for unit, result in _one_pool(list(left), workers):
                    del left[unit]
                    yield unit, result
            except BrokenProcessPool:
                for unit in left:
                    left[unit] += 1
                if max(left.values(), default=0) > RETRIES:
                    raise
                print("a worker died; its runs are started again", file=sys.stderr, flush=True)
    finally:
        _inherited.pop()


def _one_pool(units: Sequence[Unit], workers: int) -> Iterator[tuple[Unit, Any]]:
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), initializer=die_with_parent)
    try:
        futures: dict[Future[Any], Unit] = {pool.submit(_inherited_work, unit): unit for unit in units}
        while futures:
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            broken: BrokenProcessPool | None = None
            for future in done:
                unit = futures.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool as error:
                    broken = error
                    continue
                yield unit, result
            if broken:
                raise broken
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _inherited_work(unit: Any) -> Any:
    work, context = _inherited[-1]
    return work(context, unit)


def ray_can_start(python: str) -> bool:
    """Whether Ray can start workers with this interpreter: it passes the path to a shell without quotes (2.60)."""
    return shlex.split(python) == [python]


def _on_ray(
    work: Work[Context, Unit, Result], context: Context, units: Sequence[Unit], settings: Execution
) -> Iterator[tuple[Unit, Result]]:
    try:
        import ray
    except ImportError:
        raise InputError("execution.engine: ray is not installed: pip install 'gapbench[ray]'") from None
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS")
        if not address and not ray_can_start(sys.executable):
            raise InputError(
                f"execution.engine: ray cannot start workers if Python's path has blanks ({sys.executable}): "
                "use the engine local, or a folder without blanks"
            )
        # Without a cluster to join, start one that cannot be reached from outside this machine.
        own: dict[str, Any] = {
            "num_cpus": worker_count(settings, len(units)),
            "num_gpus": len(gpus(settings)),
            "_node_ip_address": "127.0.0.1",
        }
        ray.init(address=address, include_dashboard=False, log_to_driver=False, **({} if address else own))
    # lm-eval names the modules of a suite by their paths. Workers cannot import such names.
    for name in path_modules():
        ray.cloudpickle.register_pickle_by_value(sys.modules[name])
    shared = ray.put(context)
    if asks_for_gpu(settings):
        yield from on_ray_gpus(work, shared, units, runs_a_gpu(settings), RETRIES)
        return
    # A worker's libraries read these variables when they are imported, so it is started with them.
    environment = {"env_vars": mode.variables()}
    remote = ray.remote(num_cpus=1, max_retries=RETRIES, runtime_env=environment)(_ray_work)
    # Inside a list, Ray passes the reference itself: each worker fetches the context once, not once per unit.
    pending = {remote.remote(work, [shared], unit): unit for unit in units}
    while pending:
        done, _ = ray.wait(list(pending), num_returns=1)
        for reference in done:
            unit = pending.pop(reference)
            yield unit, ray.get(reference)


_fetched: dict[Any, Any] = {}
"""In a Ray worker: the context of its units, by reference."""


def _ray_work(work: Work[Context, Unit, Result], shared: Sequence[Any], unit: Unit) -> Result:
    import ray

    compute_alone()
    (reference,) = shared
    if reference not in _fetched:
        _fetched.clear()
        _fetched[reference] = ray.get(reference)
    return work(_fetched[reference], unit)
