"""Freeze loaded modules so that garbage collection skips them."""

import gc
import sys

_seen = {"modules": 0}


def spare_loaded_modules() -> None:
    """Freeze all current objects if modules have been loaded since the last call.

    Streamlit collects garbage after every run of a page, and all other readers wait for it. Scanning the loaded
    modules takes longer than a filter of the ranking.
    """
    if len(sys.modules) > _seen["modules"]:
        gc.collect()
        gc.freeze()
        _seen["modules"] = len(sys.modules)
