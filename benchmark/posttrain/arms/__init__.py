"""The arms: what may be done to a base model, one module each.

An arm is a generator of attempts at an optimiser step; the run loop decides when to stop and scores what it
yields. To add one, write a module here with a generator ``attempts``, and a test; or name code from outside as a kind
(``benchmark/posttrain/arms/outside``). Runs of other arms stay valid: the key of a run covers its own arm's code only.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules

from benchmark.posttrain.arms.interface import Attempt, RunStart, SoupMember

ARMS: dict[str, Callable[..., Iterator[Attempt]]] = {
    module.name.replace("_", "-"): import_module(f"{__name__}.{module.name}").attempts
    for module in iter_modules(__path__)
    if module.name not in ("interface", "outside")
}
"""The generator of each kind of arm; a kind has the name of its module, with hyphens instead of underscores."""


COPIES = 5.0
"""Copies of the weights on the device at the peak of a run, if the arm's module declares no `COPIES`: base model,
weights, gradients, and Adam's two moments."""


def copies_of(kind: str) -> float:
    """Copies of the weights (float32) on the device at the peak of a run, as the arm's module declares them."""
    module = sys.modules[ARMS[kind].__module__] if kind in ARMS else None
    return float(getattr(module, "COPIES", COPIES))


def attempts_of(kind: str, start: RunStart) -> Iterator[Attempt]:
    """The attempts of a run, by the kind of its arm: one of `ARMS`, or code from outside.

    Raises:
        InputError: code from outside fails.
    """
    if kind in ARMS:
        return ARMS[kind](start, **start.options)
    from benchmark.posttrain.arms.outside.run_outside import outside_attempts  # which imports this package

    return outside_attempts(kind, start)


__all__ = ["ARMS", "Attempt", "RunStart", "SoupMember", "attempts_of", "copies_of"]
