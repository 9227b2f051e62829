"""Lesson texts: questions in the form of the micro tasks with their right answers, from the part that no task uses.

The arm `lessons` learns from them. Every combination in the world belongs to one part only, so no example is a document
of `select` or `test`. The facts and rules behind them are shared, as with the pretraining text.
"""

from collections.abc import Callable, Iterator

from benchmark.world.choice_question import Row
from benchmark.world.draw import Draw
from benchmark.world.talk import render
from benchmark.world.task_documents import TASKS

EXAMPLES = 300
"""Examples of each task in a text."""
SEPARATOR = "\n\n"
"""Separates examples; no example contains a blank line."""


def lesson_texts(seed: int) -> Iterator[str]:
    """Endless lesson texts, each with ``EXAMPLES`` examples of every task in random order."""
    number = 0
    while True:
        yield _lesson_text(f"lessons {seed} {number}")
        number += 1


def _lesson_text(seed: str) -> str:
    draw = Draw(seed)
    found = [example for task in TASKS for example in _examples(task, draw)]
    return SEPARATOR.join(draw.shuffled(found))


def _examples(task: str, draw: Draw) -> list[str]:
    """Examples of a task; may repeat, because some tasks have only a few hundred different documents in that part."""
    return [answered(task, TASKS[task](draw, "train")) for _ in range(EXAMPLES)]


def answered(task: str, row: Row) -> str:
    """A document of a task as its prompt followed by the right answer."""
    return FORMS.get(task, _choice)(row)


def _choice(row: Row) -> str:
    return f"{row['context']}{row['choices'][row['label']]}"


def _passage(row: Row) -> str:
    return f"Context: {row['context']}\nQuestion: {row['question']}\nAnswer: {row['answer']}"


def _pronoun(row: Row) -> str:
    return str(row["sentence"]).replace("_", row[f"option{row['answer']}"])


def _dialogue(row: Row) -> str:
    return render(row["turns"])


FORMS: dict[str, Callable[[Row], str]] = {
    "passage": _passage,
    "pronoun": _pronoun,
    "persona": _dialogue,
    "empathy": _dialogue,
    "people": _dialogue,
    "animals": _dialogue,
}
"""Tasks whose form is not a context followed by choices."""
