"""A multiple-choice document: its context, its choices in random order, and the index of the right one."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmark.world.draw import Draw

Row = dict[str, Any]


class Asked(NamedTuple):
    """A question with its answer, and the ``cluster`` of the documents that ask it (docs/CLUSTERS.md)."""

    question: str
    answer: str
    cluster: str

    @property
    def text(self) -> str:
        """The question followed by its answer."""
        return self.question + self.answer


def choice_row(draw: Draw, asked: Asked, wrong: Sequence[str]) -> Row:
    """``{context, choices, label, cluster}``; each choice is a continuation of the context, in random order."""
    choices = draw.shuffled([asked.answer, *wrong])
    label = choices.index(asked.answer)
    return {"context": asked.question, "choices": choices, "label": label, "cluster": asked.cluster}


def rivals(draw_one: Callable[[], Asked], count: int) -> list[Asked]:
    """``count`` questions with answers from one distribution; all are drawn again until no two texts are equal.

    One of them is asked and the answers of all are offered. So every choice is equally likely to be right before
    the question is read, and the frequency of an answer gives no hint.
    """
    while True:
        asked = [draw_one() for _ in range(count)]
        if len({one.question for one in asked}) == len({one.answer for one in asked}) == count:
            return asked
