"""A stage must not outlive the `dvc` that started it, or it would go on writing into its outs."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies (Linux; elsewhere nothing happens).

    A stage's `cmd` begins with `exec`: not every shell gives its place to its last command (dash does not), and the
    death of `dvc` would only be told to the shell between.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have died between the two calls.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
