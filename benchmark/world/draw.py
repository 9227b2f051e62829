"""Reproducible random draws, and the rule that keeps some combinations out of the pretraining text."""

import random
import zlib
from collections.abc import Sequence
from typing import Literal, TypeVar

Part = Literal["train", "select", "test"]
Item = TypeVar("Item")

TABLE_SIZE = 4096


class Draw:
    """Uniform draws on top of ``random.Random(seed).random``, whose stream is the same in every Python 3.

    ``seed`` may be text, so that every use has a stream of its own.
    """

    def __init__(self, seed: int | str) -> None:
        self.unit = random.Random(seed).random

    def one(self, items: Sequence[Item]) -> Item:
        """One of ``items``, all equally likely."""
        return items[int(self.unit() * len(items))]

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with ``probability``."""
        return self.unit() < probability

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """``count`` items without replacement, in random order (equal items at different positions may both occur)."""
        pool = list(items)
        for position in range(count):
            other = position + int(self.unit() * (len(pool) - position))
            pool[position], pool[other] = pool[other], pool[position]
        return pool[:count]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """All items in random order."""
        return self.some(items, len(items))


def zipf_table(items: Sequence[Item], exponent: float, offset: float = 1.0) -> list[Item]:
    """Items repeated in proportion to ``(rank + offset) ** -exponent``; each at least once.

    A uniform draw from the table is a draw from that distribution (Zipf-Mandelbrot), without a search.
    """
    weights = [(rank + offset) ** -exponent for rank in range(len(items))]
    scale = TABLE_SIZE / sum(weights)
    return [item for item, w in zip(items, weights, strict=True) for _ in range(max(1, round(w * scale)))]


def part_of(*key: object, select: int = 8, test: int = 20) -> Part:
    """The part that a combination belongs to: ``select`` and ``test`` per cent of all are held out.

    It depends only on the combination (CRC-32 of its words), so that the pretraining text of every seed and
    the tasks agree on what is held out.
    """
    place = zlib.crc32("|".join(map(str, key)).encode()) % 100
    if place < test:
        return "test"
    return "select" if place < test + select else "train"
