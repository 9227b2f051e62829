"""The splits of each task, from files laid out as docs/DATA.md says: which files, which columns, which filters."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.corpora.data import locate
from benchmark.corpora.read import read_json, read_lines, read_rows, with_columns
from benchmark.errors import InputError
from benchmark.tasks.rows import Row, Rows, halves, numbered


@dataclass(frozen=True)
class ChoiceSource:
    """Files of a multiple-choice task (alternatives in order of preference) and the columns it uses."""

    columns: tuple[str, ...]
    validation: tuple[str, ...]
    train: tuple[str, ...]
    label: str
    labels_beside: bool = False


def _files(stem: str, *endings: str) -> tuple[str, ...]:
    return tuple(f"tasks/{stem}.{ending}" for ending in endings)


_ARC = ("question", "choices", "answerKey")
CHOICE_SOURCES = {
    "piqa": ChoiceSource(
        ("goal", "sol1", "sol2"),
        _files("piqa/valid", "jsonl"),
        _files("piqa/train", "jsonl"),
        label="label",
        labels_beside=True,
    ),
    "hellaswag": ChoiceSource(
        ("ctx", "endings"),
        _files("hellaswag/validation", "jsonl", "parquet"),
        _files("hellaswag/train", "jsonl", "parquet"),
        label="label",
    ),
    "arc_easy": ChoiceSource(
        ("question", "choices"),
        _files("arc_easy/validation", "jsonl", "arrow"),
        _files("arc_easy/train", "jsonl", "parquet"),
        label="answerKey",
    ),
    "arc_challenge": ChoiceSource(
        ("question", "choices"),
        _files("arc_challenge/validation", "jsonl", "arrow"),
        _files("arc_challenge/train", "jsonl", "parquet"),
        label="answerKey",
    ),
    "copa": ChoiceSource(
        ("premise", "choice1", "choice2"),
        _files("copa/validation", "jsonl", "arrow"),
        _files("copa/train", "jsonl", "parquet"),
        label="label",
    ),
    "winogrande": ChoiceSource(
        ("sentence", "option1", "option2"),
        _files("winogrande/dev", "jsonl"),
        _files("winogrande/train_s", "jsonl"),
        label="answer",
    ),
    "math_qa": ChoiceSource(
        ("Problem", "options"),
        _files("math_qa/dev", "json"),
        _files("math_qa/train", "json"),
        label="correct",
    ),
    "pubmed_qa": ChoiceSource(
        ("abstract", "question"),
        ("official-gap/data/validation_data/pubmed_qa.csv",),
        _files("pubmed_qa/train", "csv"),
        label="final_decision",
    ),
}


def dataset(
    *, source: str, protocol: str = "held-out", split_source: str = "halves", **_metadata: Any
) -> dict[str, Rows]:
    """``{"select": Rows, "test": Rows}`` of one task; under ``paper`` ``test`` is the validation split, whole.

    ``halves``: the validation documents in two halves by their hash; for dialogue ``select`` is the original's
    validation file and ``test`` its test file. ``train``: ``select`` is the training split, ``test`` the validation split.
    """
    if protocol == "paper":
        return {"select": Rows(), "test": _split(source, "validation")}
    if split_source == "train":
        return {"select": _split(source, "train"), "test": _split(source, "validation")}
    if source not in CHOICE_SOURCES:
        return {"select": _split(source, "validation"), "test": _split(source, "test")}
    select, test = halves(_split(source, "validation"))
    return {"select": select, "test": test}


def _split(source: str, split: str) -> Rows:
    if source not in CHOICE_SOURCES:
        return Rows(row for row in numbered(_dialogues(source, split)) if len(row["turns"]) > 1)
    rows = numbered(_choice_rows(CHOICE_SOURCES[source], split))
    if source.startswith("arc_"):
        return Rows(row for row in rows if len(row["choices"]["text"]) == 4)
    return rows


def _choice_rows(source: ChoiceSource, split: str) -> Iterator[Row]:
    paths = source.train if split == "train" else source.validation
    path = locate(*paths)
    rows: list[Row] = read_rows(path)
    if source.labels_beside and not all(source.label in row for row in rows):
        rows = _with_labels(rows, paths[0].removesuffix(path.suffix) + "-labels.lst", path)
    for number, row in enumerate(with_columns(rows, (*source.columns, source.label), path)):
        if source.label == "label":
            row["label"] = _whole(row["label"], path, number)
        yield row


def _with_labels(rows: list[Row], labels_path: str, path: Path) -> list[Row]:
    labels = read_lines(locate(labels_path))
    if len(labels) != len(rows):
        raise InputError(f"{labels_path} has {len(labels)} labels for the {len(rows)} rows of {path}: give one a row")
    return [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]


def _whole(label: object, path: Path, number: int) -> int:
    if not str(label).isdecimal():
        raise InputError(f"{path} row {number + 1} has label {label!r}: give the number of the right choice, from 0")
    return int(str(label))


def _dialogues(source: str, split: str) -> Iterator[Row]:
    path = locate(
        f"tasks/{source}/train.json" if split == "train" else f"official-gap/data/{split}_data/{source}.json"
    )
    content = read_json(path)
    turns_by_row = content.get("text") if isinstance(content, dict) else None
    if not isinstance(turns_by_row, dict):
        raise InputError(f"{path} has no object 'text' of row number to turns: see docs/DATA.md for the form")
    for number, turns in turns_by_row.items():
        if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
            raise InputError(f"{path} row {number!r} is no list of turns: give the utterances as strings")
        yield {"turns": turns}
