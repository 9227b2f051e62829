"""The splits of each task: which files (as docs/DATA.md lays them out), columns and filters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.public_data.file_readers import read_json, read_lines, read_rows, with_columns
from benchmark.public_data.public_files import locate
from benchmark.tasks.gap12 import prompts
from benchmark.tasks.rows import Row, Rows, content_hash, halves, numbered

SELECT_NUMBERS_FROM = 10_000_000
"""Added to the row number of a document that comes from another source split than the first ``test`` document."""

POOLED = {"copa": ("validation", "train"), "pubmed_qa": ("validation",)}
"""Under ``whole``, the source splits whose rows together are divided by their hash into ``select`` and ``test``."""

SELECT_SHARE = 5
"""One pooled document in so many is a ``select`` document."""

COPA_TRAIN = 400
"""Rows of COPA's training split."""


@dataclass(frozen=True)
class ChoiceSource:
    """Files of a multiple-choice task (alternatives in order of preference) and the columns it uses.

    ``labels_beside``: labels may stand in ``<file>-labels.lst`` instead of a column ``label``.
    ``row_column``: where a file is a part of the source split, the column of row numbers there.
    ``cluster``: what a row of the file has in common with others that ask the same; None where it stands alone.
    """

    columns: tuple[str, ...]
    validation: tuple[str, ...]
    train: tuple[str, ...]
    choices: Callable[[Row], list[str]]
    answer: Callable[[Row], int]
    labels_beside: bool = False
    row_column: str | None = None
    cluster: Callable[[Row], str | None] = lambda _row: None


def _files(stem: str, *endings: str) -> tuple[str, ...]:
    return tuple(f"tasks/{stem}.{ending}" for ending in endings)


_NO_TEXT = ("endings", "choices", "label")


def _text(row: Row, column: str) -> str | None:
    """A cell that holds text; None where the copy of the data set has no such column."""
    value = row.get(column)
    return value if isinstance(value, str) and value else None


def _twins(row: Row) -> str | None:
    """WinoGrande: the two sentences of a pair have one ``qID`` but for its last part."""
    name = _text(row, "qID")
    return name.rpartition("-")[0] or name if name else None


def _activity(row: Row) -> str | None:
    """HellaSwag: the activity that a video shows. How-to articles, with "[header]", have a broad topic there."""
    return None if "[header]" in str(row.get("ctx")) else _text(row, "activity_label")


def _formula(row: Row) -> str | None:
    """MathQA: the operations of the solution, whatever its numbers."""
    return _text(row, "linear_formula")


CHOICE_SOURCES = {
    "piqa": ChoiceSource(
        ("goal", "sol1", "sol2", "label"),
        ("tasks/piqa/valid.jsonl",),
        ("tasks/piqa/train.jsonl",),
        prompts.piqa_choices,
        prompts.label,
        labels_beside=True,
    ),
    "hellaswag": ChoiceSource(
        ("ctx", "endings", "label"),
        _files("hellaswag/validation", "jsonl", "parquet"),
        _files("hellaswag/train", "jsonl", "parquet"),
        prompts.hellaswag_choices,
        prompts.label,
        row_column="row",
        cluster=_activity,
    ),
    "arc_easy": ChoiceSource(
        ("question", "choices", "answerKey"),
        _files("arc_easy/validation", "jsonl", "parquet"),
        _files("arc_easy/train", "jsonl", "parquet"),
        prompts.arc_choices,
        prompts.arc_answer,
    ),
    "arc_challenge": ChoiceSource(
        ("question", "choices", "answerKey"),
        _files("arc_challenge/validation", "jsonl", "parquet"),
        _files("arc_challenge/train", "jsonl", "parquet"),
        prompts.arc_choices,
        prompts.arc_answer,
    ),
    "copa": ChoiceSource(
        ("premise", "choice1", "choice2", "label"),
        _files("copa/validation", "jsonl", "arrow"),
        _files("copa/train", "jsonl", "parquet"),
        prompts.copa_choices,
        prompts.label,
    ),
    "winogrande": ChoiceSource(
        ("sentence", "option1", "option2", "answer"),
        ("tasks/winogrande/dev.jsonl",),
        ("tasks/winogrande/train_s.jsonl",),
        prompts.winogrande_choices,
        prompts.winogrande_answer,
        cluster=_twins,
    ),
    "math_qa": ChoiceSource(
        ("Problem", "options", "correct"),
        ("tasks/math_qa/dev.json",),
        ("tasks/math_qa/train.json",),
        prompts.math_qa_choices,
        prompts.math_qa_answer,
        cluster=_formula,
    ),
    "pubmed_qa": ChoiceSource(
        ("abstract", "question", "final_decision"),
        ("official-gap/data/validation_data/pubmed_qa.csv",),
        ("tasks/pubmed_qa/train.csv",),
        lambda _row: [f" {answer}" for answer in prompts.PUBMED_ANSWERS],
        prompts.pubmed_qa_answer,
    ),
}


def dataset(
    *, source: str, protocol: str = "held-out", split_source: str = "halves", **_metadata: Any
) -> dict[str, Rows]:
    """The rows of ``select`` and ``test`` of one task; under ``paper`` ``test`` is the validation split.

    ``halves``: the validation documents in two halves by their hash, each cluster in one of them; for dialogue
    ``select`` is the original's validation file and ``test`` its test file. ``train``: ``test`` is the validation
    split, and ``select`` the training split without the rows of a cluster that ``test`` has. ``whole``: ``test`` is
    every public labelled document that ``select`` can spare (``_whole``).
    """
    if protocol == "paper":
        select, test = Rows(), _split(source, "validation")
    elif split_source == "train":
        test = _split(source, "validation")
        select = _apart(_without_clusters_of(test, _split(source, "train")))
    elif split_source == "whole":
        select, test = _whole(source)
    elif source not in CHOICE_SOURCES:
        select, test = _apart(_split(source, "validation")), _split(source, "test")
    else:
        select, test = halves(_split(source, "validation"))
    # lm-eval takes a task's first test document as a sample and fails without one.
    if not test:
        raise InputError(f"task {source} has no test documents: its data is empty or all filtered out")
    return {"select": select, "test": test}


def _without_clusters_of(test: Rows, rows: Rows) -> Rows:
    taken = {row["cluster"] for row in test if "cluster" in row}
    return Rows(row for row in rows if row.get("cluster") not in taken)


def _whole(source: str) -> tuple[Rows, Rows]:
    """``select`` and ``test`` where all of the validation documents are wanted.

    Tasks of ``POOLED`` have few documents, or no public training split: one row in five of all splits together is
    a ``select`` document, by its hash. Dialogue: as under ``halves``, whose ``test`` is a whole file. Others: as
    under ``train``, without training rows that say the same as a ``test`` document.
    """
    if source not in CHOICE_SOURCES:
        found = dataset(source=source)
        return found["select"], found["test"]
    if source not in POOLED:
        found = dataset(source=source, split_source="train")
        taken = {content_hash(row) for row in found["test"]}
        return Rows(row for row in found["select"] if content_hash(row) not in taken), found["test"]
    select, test = Rows(), Rows()
    for place, split in enumerate(POOLED[source]):
        rows = _split(source, split)
        for row in _apart(rows) if place else rows:
            (test if int(content_hash(row)[:8], 16) % SELECT_SHARE else select).append(row)
    return select, test


def pooled_counts(source: str, validation: int) -> int:
    """The ``test`` documents that a pooled task is expected to have under ``whole``, of its ``validation`` rows."""
    rows = validation + (COPA_TRAIN if "train" in POOLED[source] else 0)
    return rows * (SELECT_SHARE - 1) // SELECT_SHARE


def _apart(rows: Rows) -> Rows:
    """Rows of another source split than the test documents': their numbers must not meet."""
    return Rows({**row, "doc_id": row["doc_id"] + SELECT_NUMBERS_FROM} for row in rows)


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
    rows = read_rows(path)
    if source.labels_beside and not all("label" in row for row in rows):
        rows = _with_labels(rows, paths[0].removesuffix(path.suffix) + "-labels.lst")
    wanted = with_columns(rows, source.columns, path)
    for number, (raw, row) in enumerate(zip(rows, wanted, strict=True)):
        answer = _right_answer(source, row)
        if answer is None:
            shown = ", ".join(source.columns)
            raise InputError(f"{path} row {number + 1} has no right answer among its choices: mend {shown}")
        if "label" in row:
            row["label"] = answer
        cluster = source.cluster(raw)
        named = {} if cluster is None else {"cluster": cluster}
        yield {"doc_id": _row_number(source, raw, number, path), **row, **named}


def _right_answer(source: ChoiceSource, row: Row) -> int | None:
    """The number of the right choice; None where a row is malformed."""
    if not all(isinstance(row[column], str) for column in source.columns if column not in _NO_TEXT):
        return None
    try:
        answer, choices = source.answer(row), source.choices(row)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return answer if 0 <= answer < len(choices) else None


def _row_number(source: ChoiceSource, raw: Row, number: int, path: Path) -> int:
    row_number = raw.get(source.row_column, number) if source.row_column else number
    if type(row_number) is not int or row_number < 0:
        raise InputError(f"{path} row {number + 1} has {source.row_column} {row_number!r}: give a row number")
    return row_number


def _with_labels(rows: list[Row], labels_path: str) -> list[Row]:
    labels = read_lines(locate(labels_path))
    if len(labels) != len(rows):
        raise InputError(f"{labels_path} has {len(labels)} labels for {len(rows)} rows: give one a row")
    return [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]


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
