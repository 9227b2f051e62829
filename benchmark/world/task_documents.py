"""The documents of the twelve tasks: drawn in a fixed order, each once, disjoint from the pretraining text."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from benchmark.errors import InputError
from benchmark.world import nature, numbers, people, stories, talk, things
from benchmark.world.build import the_world
from benchmark.world.choice_question import Row
from benchmark.world.draw import Draw, Part

SIZES: dict[Literal["select", "test"], int] = {"select": 240, "test": 640}


def _story(draw: Draw, part: Part) -> Row:
    way = draw.unit()
    if way < 0.45:
        return people.completion(the_world(), draw, part)
    return stories.sight(draw, part) if way < 0.7 else stories.where(draw, part)


TASKS: dict[str, Callable[[Draw, Part], Row]] = {
    "physical": things.physical,
    "story": _story,
    "easy": lambda draw, part: nature.easy(the_world(), draw, part),
    "hard": lambda draw, part: nature.hard(the_world(), draw, part),
    "cause": things.cause,
    "pronoun": stories.pronoun,
    "counting": numbers.counting,
    "passage": stories.reading,
    "persona": lambda draw, part: talk.persona(the_world(), draw, part),
    "empathy": talk.empathy,
    "people": lambda draw, part: talk.about_people(the_world(), draw, part),
    "animals": lambda draw, part: talk.about_animals(the_world(), draw, part),
}


@lru_cache(maxsize=len(TASKS) * len(SIZES))
def documents(task: str, split: Literal["select", "test"]) -> tuple[Row, ...]:
    """The documents of one split of a task, all different.

    Raises ``InputError`` on an unknown task or split.
    """
    if task not in TASKS or split not in SIZES:
        raise InputError(f"no documents for task {task!r}, split {split!r}: take one of {', '.join(TASKS)}")
    draw, found = Draw(f"documents {task} {split}"), dict[str, Row]()
    while len(found) < SIZES[split]:
        row = TASKS[task](draw, split)
        found.setdefault(_content(row), row)
    return tuple(found.values())


def _content(row: Row) -> str:
    """The content of a document, regardless of the order of its choices."""
    return json.dumps(
        [
            sorted(value) if key == "choices" else value
            for key, value in row.items()
            if key not in ("label", "cluster")
        ]
    )
