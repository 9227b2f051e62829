"""Choices, answers and clusters of the multiple-choice tasks, as the original study wrote them."""

import re
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

_MATH_OPTION = re.compile(r"[abcd] \) .*?, |e \) .*?$")


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


def math_qa_choices(row: Row) -> list[str]:
    """The five options without letter and bracket; a comma with a blank after it ends the first four."""
    return [option[4:].rstrip(" ,") for option in _MATH_OPTION.findall(row["options"])]


def math_qa_answer(row: Row) -> int:
    return "abcde".index(row["correct"])


def twins(row: Row) -> str | None:
    """WinoGrande's clusters: the two sentences of a pair have one ``qID`` except for its last part."""
    name = row.get("qID")
    return name.rpartition("-")[0] or name if isinstance(name, str) else None


def activity(row: Row) -> str | None:
    """HellaSwag's clusters: the activity that a video shows. How-to articles, with "[header]", have a broad topic."""
    return None if "[header]" in str(row.get("ctx")) else row.get("activity_label")
