"""Workers on the GPUs of a Ray cluster: each holds its share of a GPU, is started once, and gets unit after unit."""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmark.arithmetic import mode
from benchmark.arithmetic.single_thread import compute_alone
from benchmark.errors import InputError

BEGINS = object()


class GpuWorker:
    """A process on a GPU that Ray has given to it. A task would read the weights again for every run."""

    def __init__(self, work: Callable[[Any, Any], Any], shared: Sequence[Any]) -> None:
        compute_alone()
        self.work, self.shared, self.context = work, shared, None

    def ready(self) -> None:
        """Fetch the context; an error in it is the caller's to see."""
        import ray

        self.context = ray.get(self.shared[0])

    def do(self, unit: Any) -> Any:
        """The result of a unit."""
        return self.work(self.context, unit)


def on_ray_gpus(
    work: Callable[[Any, Any], Any], shared: Any, units: Sequence[Any], runs_a_gpu: int, retries: int
) -> Iterator[tuple[Any, Any]]:
    """Yield `(unit, work(context, unit))` in the order in which units finish.

    A worker that dies, with or without its node, is replaced as soon as the cluster has a GPU for it; its unit goes to
    the next worker that is idle.

    Args:
        shared: Ray's reference to the context.
        runs_a_gpu: workers that share a GPU.
        retries: how often a unit may be begun again.

    Raises:
        InputError: the cluster has no GPU.
    """
    import ray
    from ray.exceptions import RayActorError

    count = int(ray.cluster_resources().get("GPU", 0)) * runs_a_gpu
    if count == 0:
        raise InputError(
            "execution.device: the Ray cluster has no GPU: start nodes with GPUs, or use the device cpu"
        )
    # A worker's libraries read these variables when they are imported, so it is started with them.
    options = {"num_cpus": 0, "num_gpus": 1 / runs_a_gpu, "runtime_env": {"env_vars": mode.variables()}}
    actor = ray.remote(**options)(GpuWorker)
    alive: list[Any] = []
    pending: dict[Any, tuple[Any, Any]] = {}
    """Worker and unit by reference; the unit is `BEGINS` while the worker starts."""

    def begin() -> None:
        # Inside a list, Ray passes the reference itself.
        alive.append(actor.remote(work, [shared]))
        pending[alive[-1].ready.remote()] = alive[-1], BEGINS

    waiting, lost, left = deque(units), dict.fromkeys([BEGINS, *units], 0), len(units)
    for _ in range(min(count, len(units))):
        begin()
    idle: list[Any] = []
    try:
        while left:
            while idle and waiting:
                worker, unit = idle.pop(0), waiting.popleft()
                pending[worker.do.remote(unit)] = worker, unit
            for reference in ray.wait(list(pending), num_returns=1)[0]:
                worker, unit = pending.pop(reference)
                try:
                    result = ray.get(reference)
                except RayActorError:
                    alive.remove(worker)
                    lost[unit] += 1
                    if lost[unit] > retries:
                        raise
                    if unit is not BEGINS:
                        waiting.appendleft(unit)
                    print("a worker died; its run is started again", file=sys.stderr, flush=True)
                    begin()
                    continue
                idle.append(worker)
                if unit is not BEGINS:
                    left -= 1
                    yield unit, result
    finally:
        for worker in alive:
            ray.kill(worker)
