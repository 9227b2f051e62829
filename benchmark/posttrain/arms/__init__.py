"""The arms: what may be done to a base model, one module each.

An arm is a generator of attempts at an optimiser step; the run loop decides when to stop and scores what it
yields. To add one: a module with such a generator, a line in `ARMS`, a test. Runs of other arms stay what they are:
the key of a run covers the module of its own arm, which is where the generator in `ARMS` stands.
"""

from collections.abc import Callable, Iterator

from benchmark.posttrain.arms import ascent, descent, lessons, random, shuffled, soup
from benchmark.posttrain.arms.interface import Attempt, RunStart, SoupMember

ARMS: dict[str, Callable[[RunStart], Iterator[Attempt]]] = {
    "ascent": ascent.attempts,
    "descent": descent.attempts,
    "lessons": lessons.attempts,
    "random": random.attempts,
    "shuffled": shuffled.attempts,
    "soup": soup.attempts,
}

__all__ = ["ARMS", "Attempt", "RunStart", "SoupMember"]
