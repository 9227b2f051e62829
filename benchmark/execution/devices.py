"""The GPUs of this machine that runs are given to."""

import os

import torch

from benchmark.settings.run_options import Execution

VISIBLE = "CUDA_VISIBLE_DEVICES"


def asks_for_gpu(settings: Execution) -> bool:
    """Whether runs are computed on GPUs: as configured, `auto` where there is one."""
    return settings.device == "cuda" or (settings.device == "auto" and torch.cuda.is_available())


def gpus(settings: Execution) -> tuple[str, ...]:
    """The GPUs of this machine, as `CUDA_VISIBLE_DEVICES` names them; none where runs are computed on the CPU."""
    if not asks_for_gpu(settings):
        return ()
    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return tuple(named[:count]) if named else tuple(str(number) for number in range(count))


def runs_a_gpu(settings: Execution) -> int:
    """Runs that share a GPU: `execution.workers`, 0 counts as one."""
    return max(1, settings.workers)


def gpu_slots(devices: tuple[str, ...], settings: Execution, units: int) -> list[str]:
    """The GPU of each worker process: the first run of every GPU before the second of any; no more than `units`."""
    return [device for _ in range(runs_a_gpu(settings)) for device in devices][: max(1, units)]
