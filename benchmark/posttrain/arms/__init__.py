"""The arms: what may be done to a base model, one module each.

An arm is a generator of attempts at an optimiser step; the run loop decides when to stop and scores what it
yields. To add one, write a module here with a generator ``attempts``, and a test; or name code from outside as a kind
(``benchmark/posttrain/arms/outside``). Runs of other arms stay valid: the key of a run covers its own arm's code only.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from benchmark.posttrain.arms.interface import Attempt, RunStart, SoupMember
from benchmark.posttrain.run_memory import Copies

ARMS: dict[str, Callable[..., Iterator[Attempt]]] = {
    module.name.replace("_", "-"): import_module(f"{__name__}.{module.name}").attempts
    for module in iter_modules(__path__)
    if module.name not in ("interface", "outside")
}
"""The generator of each kind of arm; a kind has the name of its module, with hyphens instead of underscores."""


COPIES = 4.0
"""Copies of the weights (float32) on the device while a step is taken, if the arm's module declares no `COPIES`:
weights, gradients, and Adam's two moments. The base model waits in the machine's memory."""
SCORED_COPIES = 3.0
"""While a step is scored, if the module declares no `SCORED_COPIES`: weights and moments."""
OUTSIDE = 1.0
"""More copies, on the device and in the machine's memory, that an arm from outside has unless it declares its own: the
base model that is given to it, and the weights of the step before."""


def copies_of(kind: str, folder: Path | None = None) -> Copies:
    """The copies that an arm's module declares as `COPIES`, `SCORED_COPIES`, `HOST_COPIES` and
    `MOVED_COPIES`.

    Args:
        folder: that of the settings, from which a kind from outside names its file.

    Raises:
        InputError: code from outside is not there, or cannot be imported.
    """
    if kind in ARMS:
        module, more = sys.modules[ARMS[kind].__module__], 0.0
    else:
        from benchmark.posttrain.arms.outside.load_arm import outside_arm  # which imports this package

        module, more = sys.modules[outside_arm(kind, folder).function.__module__], OUTSIDE
    taken = getattr(module, "COPIES", COPIES + more)
    scored = getattr(module, "SCORED_COPIES", min(taken, SCORED_COPIES + more))
    host = getattr(module, "HOST_COPIES", more)
    # For the distance, the base model; for the update, by default, the weights before it, there and back.
    moved = getattr(module, "MOVED_COPIES", 3.0 if host else 1.0)
    return Copies(float(taken), float(scored), float(host), float(moved))


def attempts_of(kind: str, start: RunStart) -> Iterator[Attempt]:
    """The attempts of a run, by the kind of its arm: one of `ARMS`, or code from outside.

    Raises:
        InputError: code from outside fails.
    """
    if kind in ARMS:
        return ARMS[kind](start, **start.options)
    from benchmark.posttrain.arms.outside.run_outside import outside_attempts  # which imports this package

    return outside_attempts(kind, start)


__all__ = ["ARMS", "Attempt", "Copies", "RunStart", "SoupMember", "attempts_of", "copies_of"]
