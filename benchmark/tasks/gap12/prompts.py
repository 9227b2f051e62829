"""Choices and answers of the multiple-choice tasks, as the original study wrote them."""

import re
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

PUBMED_ANSWERS = ("yes", "maybe", "no")
_MATH_OPTION = re.compile(r"[abcd] \) .*?, |e \) .*?$")


def label(row: Row) -> int:
    """The number of the right choice; some copies of a data set hold it as text."""
    return int(row["label"])


def piqa_choices(row: Row) -> list[str]:
    return [" " + row["sol1"], " " + row["sol2"]]


def hellaswag_choices(row: Row) -> list[str]:
    return [" " + ending for ending in row["endings"]]


def arc_choices(row: Row) -> list[str]:
    return [" " + text for text in row["choices"]["text"]]


def arc_answer(row: Row) -> int:
    """Position of the answer's label; labels are letters in some rows and digits in others."""
    position: int = row["choices"]["label"].index(row["answerKey"])
    return position


def copa_choices(row: Row) -> list[str]:
    return [" " + row["choice1"], " " + row["choice2"]]


def winogrande_context(row: Row) -> str:
    before: str = row["sentence"].partition("_")[0]
    return before.rstrip()


def winogrande_choices(row: Row) -> list[str]:
    rest = row["sentence"].partition("_")[2]
    return [f" {row['option1']}{rest}", f" {row['option2']}{rest}"]


def winogrande_answer(row: Row) -> int:
    return int(row["answer"]) - 1


def math_qa_choices(row: Row) -> list[str]:
    """The five options without letter and bracket; a comma with a blank after it ends the first four."""
    return [option[4:].rstrip(" ,") for option in _MATH_OPTION.findall(row["options"])]


def math_qa_answer(row: Row) -> int:
    return "abcde".index(row["correct"])


def pubmed_qa_answer(row: Row) -> int:
    return PUBMED_ANSWERS.index(row["final_decision"])
