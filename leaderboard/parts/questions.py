"""The questions of a task: prompts and choices, rebuilt from the suite's code, one task at a time.

Samples hold answers only, and the texts of the original's tasks may not be copied into results. Generated tasks need
only the code; the original's tasks need a folder with their data.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from benchmark.errors import InputError
from leaderboard.site import task_families

DRAWN = "micro12"
"""The suite whose documents the code generates, without any download."""

NEEDS_DATA = (
    "What these documents ask is not stored with their answers. Set GAPBENCH_DATA to a folder with the tasks' data, "
    "laid out as docs/DATA.md says, and start the leaderboard again."
)
LM_EVAL = "What these documents ask is not shown: the suite is a list of lm-eval's tasks, with lm-eval's own prompts."
OTHER_DOCUMENTS = (
    "What these documents ask is not shown: the task's code here gives other documents than those answered. Check out "
    "the revision that the Reproducibility page names."
)


@dataclass(frozen=True)
class Question:
    """One question: the prompt, and the choices if there are any; `target` as samples store it."""

    asked: str
    choices: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Questions:
    """A task's questions by document, or why there are none."""

    by_document: Mapping[int, Question] = field(default_factory=dict)
    problem: str = ""


def of_task(track: str, task: str, targets: pd.Series) -> Questions:
    """The questions of a task whose stored targets, by document, are `targets`: only where they are the same."""
    evaluation = task_families.settings(track).get("evaluation")
    given = evaluation if isinstance(evaluation, dict) else {}
    if isinstance(given.get("suite"), dict):
        return Questions(problem=LM_EVAL)
    suite = task_families.suite(track)
    folder = os.environ.get("GAPBENCH_DATA", "")
    if not suite.startswith(DRAWN) and not folder:
        return Questions(problem=NEEDS_DATA)
    protocol = str(given.get("protocol") or "held-out")
    found = _read(suite, task, protocol, str(given.get("split_source") or "halves"), folder)
    if found.problem:
        return found
    same = all(
        number in found.by_document and found.by_document[number].target == str(target)
        for number, target in targets.items()
    )
    return found if same else Questions(problem=OTHER_DOCUMENTS)


@st.cache_resource(max_entries=32, show_spinner="Reading the questions …")
def _read(suite: str, task: str, protocol: str, split_source: str, folder: str) -> Questions:
    del folder  # part of the cache's key: another folder may have other documents
    from benchmark.tasks.suite import load_suite  # takes half a second, and only this page needs it

    try:
        loaded = load_suite(suite, tasks=[task], protocol=protocol, split_source=split_source).tasks[0]
    except InputError as error:
        return Questions(problem=f"What these documents ask cannot be shown: {error}")
    return Questions({one.doc_id: _question(loaded.task, one.row) for one in loaded.documents["test"]})


def _question(task: Any, row: Mapping[str, Any]) -> Question:
    offered = task.doc_to_choice(row) if task.OUTPUT_TYPE == "multiple_choice" else ()
    choices = tuple(choice.strip() for choice in offered)
    return Question(str(task.doc_to_text(row)), choices, str(task.doc_to_target(row)))


def in_words(answer: object, question: Question | None) -> object:
    """A stored answer; for multiple choice, its number and the text of the choice."""
    if question is None or not question.choices or not str(answer).isdecimal():
        return answer
    place = int(str(answer))
    return f"{place}: {question.choices[place]}" if place < len(question.choices) else answer


def beside(frame: pd.DataFrame, track: str, task: str) -> tuple[pd.DataFrame, Questions]:
    """Documents (`samples.side_by_side`) with a column `question` and choices in words; unchanged where unknown."""
    found = of_task(track, task, frame.set_index("doc_id")["target"])
    if found.problem:
        return frame, found
    asked = [found.by_document[number] for number in frame["doc_id"]]
    shown = frame.assign(question=[one.asked for one in asked])
    for column in [name for name in frame if name == "target" or str(name).endswith(" answer")]:
        shown[column] = [in_words(cell, one) for cell, one in zip(frame[column], asked, strict=True)]
    return shown, found
