"""How every process computes that has figures to make: by itself, with one thread."""

import contextlib
import ctypes

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
KEPT_BYTES = 2**30


def compute_alone() -> None:
    """One thread, whatever the machine has, and freed memory kept for the next tensor (glibc; elsewhere nothing).

    A few megabytes that are given back to the kernel after every operation cost a tenth of the time in page faults.
    Products that overflow are no warnings: a run that diverges is a result.
    """
    import numpy as np
    import torch

    torch.set_num_threads(1)
    np.seterr(over="ignore", invalid="ignore")
    with contextlib.suppress(OSError, AttributeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        allocator.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
