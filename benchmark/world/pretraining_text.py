"""The pretraining text: passages about everything in the world, in fixed shares, and pages of several passages.

Some long passages are reserved: no pretraining text of any seed or length contains them.
"""

import zlib
from collections.abc import Callable, Iterator
from itertools import count

from benchmark.world import nature, numbers, people, stories, talk, things
from benchmark.world.build import the_world
from benchmark.world.draw import Draw

PRETRAINING_SEED = 0
SHARES = {"people": 28, "nature": 32, "things": 26, "numbers": 22, "stories": 36, "talk": 18}
PAGE_CHARACTERS = 560
"""A page ends with the passage that reaches this length: about 150 tokens."""
PAGE_CHANCE = 0.012
RESERVED_FROM = 56
"""Minimum length in characters of a reserved passage; there are too few different shorter passages."""
RESERVED_PERCENT = 6


def passages(seed: int = PRETRAINING_SEED) -> Iterator[str]:
    """Endless pretraining text: passages, and now and then a page of several passages, one per line."""
    draw = Draw(f"text {seed}")
    one = _maker(draw, SHARES)
    quiet = _maker(draw, {name: share for name, share in SHARES.items() if name != "talk"})
    while True:
        if draw.chance(PAGE_CHANCE):
            yield _page(quiet, reserved=False)
            continue
        passage = one()
        if not is_reserved(passage):
            yield passage


def pages(seed: int, *, reserved: bool) -> Iterator[str]:
    """Endless pages; ``reserved`` pages consist of passages that no pretraining text contains."""
    draw = Draw(f"pages {seed}")
    quiet = _maker(draw, {name: share for name, share in SHARES.items() if name != "talk"})
    for _ in count():
        yield _page(quiet, reserved=reserved)


def pretraining_pages(seed: int = PRETRAINING_SEED) -> Iterator[str]:
    """The pages of the pretraining text, word for word, in its order."""
    return (text for text in passages(seed) if len(text) >= PAGE_CHARACTERS)


def is_reserved(passage: str) -> bool:
    """Whether a passage is kept out of every pretraining text."""
    return len(passage) >= RESERVED_FROM and zlib.crc32(passage.encode()) % 100 < RESERVED_PERCENT


def _page(one: Callable[[], str], *, reserved: bool) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) + len(lines) - 1 < PAGE_CHARACTERS:
        passage = one()
        if is_reserved(passage) == reserved:
            lines.append(passage)
    return "\n".join(lines)


def _maker(draw: Draw, shares: dict[str, int]) -> Callable[[], str]:
    world = the_world()
    makers: dict[str, Callable[[], str]] = {
        "people": lambda: people.passage(world, draw),
        "nature": lambda: nature.passage(world, draw),
        "things": lambda: things.passage(draw),
        "numbers": lambda: numbers.passage(draw),
        "stories": lambda: stories.passage(draw),
        "talk": lambda: talk.passage(world, draw),
    }
    wheel = [makers[name] for name, share in shares.items() for _ in range(share)]
    return lambda: draw.one(wheel)()
