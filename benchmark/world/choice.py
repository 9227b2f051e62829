"""A multiple-choice document: its context, its choices in random order, and the place of the right one."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmark.world.draw import Draw

Row = dict[str, Any]


def choice_row(draw: Draw, context: str, right: str, wrong: Sequence[str]) -> Row:
    """``{context, choices, label}``; the choices are what follows the context, in random order."""
    choices = draw.shuffled([right, *wrong])
    return {"context": context, "choices": choices, "label": choices.index(right)}


def rivals(draw_one: Callable[[], tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """``count`` (question, answer) pairs from one law, drawn again together until none are alike.

    Asking one of them and offering the answers of all makes every choice equally likely to be right
    before the question is read, so how common an answer is gives nothing away.
    """
    while True:
        pairs = [draw_one() for _ in range(count)]
        if all(len(set(texts)) == count for texts in zip(*pairs, strict=True)):
            return pairs
