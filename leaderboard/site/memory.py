"""What a server loads once and keeps is left out of the garbage collector's rounds."""

import gc
import sys

_seen = {"modules": 0}


def spare_loaded_modules() -> None:
    """Set aside all objects that live now, where modules have been loaded since the last call.

    Streamlit collects garbage after every run of a page and all other readers wait meanwhile: going through the
    modules that stay loaded for good takes longer than what a filter of the ranking computes.
    """
    if len(sys.modules) > _seen["modules"]:
        gc.collect()
        gc.freeze()
        _seen["modules"] = len(sys.modules)
