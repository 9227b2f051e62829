"""How many FLOP/s this machine sustains, measured on matrix products."""

import time

import torch


def measured_rate() -> float:
    """FLOP/s of one thread on a product of the size that a batch of a small model has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left, right = torch.randn(4096, 128), torch.randn(128, 512)
    left @ right
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < 0.5:
        left @ right
        count += 1
    seconds = time.perf_counter() - started
    torch.set_num_threads(threads)
    return 2.0 * 4096 * 128 * 512 * count / seconds
