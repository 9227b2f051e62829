"""Prompts and answers that tasks of several suites share."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

DECISIONS = ("yes", "maybe", "no")


def before_blank(row: Row) -> str:
    """The sentence up to its blank."""
    before: str = row["sentence"].partition("_")[0]
    return before.rstrip()


def filled(row: Row) -> list[str]:
    """Each of the two options with the rest of the sentence."""
    rest = row["sentence"].partition("_")[2]
    return [f" {row['option1']}{rest}", f" {row['option2']}{rest}"]


def option(row: Row) -> int:
    """Position of the option that fills the blank."""
    return int(row["answer"]) - 1


def decision(row: Row) -> int:
    """Position of the answer among ``DECISIONS``; PubMedQA's column is ``final_decision``."""
    return DECISIONS.index(row["final_decision" if "final_decision" in row else "answer"])
