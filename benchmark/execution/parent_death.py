"""End a stage when the `dvc` that started it dies; otherwise the stage would go on writing its outputs."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies (Linux; elsewhere nothing happens).

    A stage's `cmd` begins with `exec`, because some shells (dash) stay alive as the parent of their last command;
    then only the shell would get the signal when `dvc` dies.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have died between the two calls.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
