"""A multiple-choice document: its context, its choices in random order, and the place of the right one."""

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
        """The question and its answer behind it."""
        return self.question + self.answer


def choice_row(draw: Draw, asked: Asked, wrong: Sequence[str]) -> Row:
    """``{context, choices, label, cluster}``; the choices are what follows the context, in random order."""
    choices = draw.shuffled([asked.answer, *wrong])
    label = choices.index(asked.answer)
    return {"context": asked.question, "choices": choices, "label": label, "cluster": asked.cluster}


def rivals(draw_one: Callable[[], Asked], count: int) -> list[Asked]:
    """``count`` questions with answers from one law, drawn again together until no two texts are alike.

    Asking one of them and offering the answers of all makes every choice equally likely to be right
    before the question is read, so how common an answer is gives nothing away.
    """
    while True:
        asked = [draw_one() for _ in range(count)]
        if len({one.question for one in asked}) == len({one.answer for one in asked}) == count:
            return asked
