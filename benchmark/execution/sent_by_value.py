"""What is sent to another process that imports nothing by a path."""

import os
import sys
from typing import Any

import cloudpickle


def packed(value: Any) -> bytes:
    """A pickle of `value`. lm-eval names the modules of a suite by their paths, which no process can import: these are
    taken along.
    """
    for name in path_modules():
        cloudpickle.register_pickle_by_value(sys.modules[name])
    return bytes(cloudpickle.dumps(value))


def path_modules() -> list[str]:
    """Names of the imported modules that are paths."""
    return [name for name in sys.modules if os.sep in name]
