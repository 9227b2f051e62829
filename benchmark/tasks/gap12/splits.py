"""The tasks' classes: rows of each split from the files, columns and filters that a task's YAML names.

Each split under ``dataset_kwargs`` is a list of files with the same content, the preferred one first. A file has a
``path`` in the layout of docs/DATA.md and, where the public has it, ``url``, ``sha256`` of the download and ``member``
of a zip archive. ``labels`` is another such file with one label per line, used where the rows have no ``label``.
"""

import ast
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateError
from lm_eval.api.task import ConfigurableTask
from lm_eval.utils import env

from benchmark.errors import InputError
from benchmark.public_data.file_readers import read_json, read_lines, read_rows, with_columns
from benchmark.public_data.public_files import locate
from benchmark.public_data.public_sources import PublicSource
from benchmark.tasks.dialogue import DialogueTask, without_class
from benchmark.tasks.rows import SELECT_NUMBERS_FROM, Row, Rows, content_hash, halves, numbered

SELECT_SHARE = 5
"""One pooled document in so many is a ``select`` document."""

Form = str | list[str] | Callable[[Row], Any]
"""As lm-eval takes it: a column, a Jinja template, a list of choices or a function of a row."""
File = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ChoiceSource:
    """``dataset_kwargs`` of a multiple-choice task.

    Attributes:
        columns: the columns that a prompt or an answer uses; ``text`` if every row must hold text, otherwise ``any``.
        row_number: the column of row numbers in the source split, where a file is a part of it.
        cluster: what a row of the file has in common with others that ask the same: a column or a function.
        row_filter: true for rows that are documents.
        pooled: splits that `whole` divides by hash together with ``validation``, and how many rows each has.
    """

    columns: Mapping[str, str]
    validation: Sequence[File]
    train: Sequence[File] = ()
    row_number: str | None = None
    cluster: str | Callable[[Row], str | None] | None = None
    row_filter: Form | None = None
    pooled: Mapping[str, int] | None = None


# lm-eval has no types, so mypy takes its classes for Any.
class ChoiceTask(ConfigurableTask):  # type: ignore[misc]
    """A multiple-choice task whose rows come from files."""

    def __init__(self, config: Mapping[str, Any], **_ignored: Any) -> None:
        super().__init__(config=without_class(config))

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None, **_ignored: Any) -> None:
        source = ChoiceSource(**(dataset_kwargs or {}))
        forms = self.config.doc_to_choice, self.config.doc_to_target

        def read(split: str) -> Rows:
            rows = numbered(_choice_rows(source, getattr(source, split), *forms))
            keep = source.row_filter
            return rows if keep is None else Rows(row for row in rows if value_of(keep, row))

        self.dataset = _dataset(self.config, read, pooled=source.pooled)


class DialogueFromFiles(DialogueTask):
    """A dialogue task whose rows come from files, with a ``test`` file of its own."""

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None, **_ignored: Any) -> None:
        files: Mapping[str, Sequence[File]] = dataset_kwargs or {}

        def read(split: str) -> Rows:
            return Rows(row for row in numbered(_dialogues(_path(files[split]))) if len(row["turns"]) > 1)

        self.dataset = _dataset(self.config, read, own_test=True)


def pooled_counts(task: ConfigurableTask, validation: int) -> tuple[int, int] | None:
    """Labelled rows of a pooled task with so many ``validation`` rows, and the ``test`` documents among them that
    are expected under ``whole``; None for other tasks.
    """
    pooled = (task.config.dataset_kwargs or {}).get("pooled")
    if pooled is None:
        return None
    rows = validation + sum(pooled.values())
    return rows, rows * (SELECT_SHARE - 1) // SELECT_SHARE


def _dataset(
    config: Any,
    read: Callable[[str], Rows],
    *,
    own_test: bool = False,
    pooled: Mapping[str, int] | None = None,
) -> dict[str, Rows]:
    """The rows of ``select`` and ``test``; under ``paper`` ``test`` is the validation split.

    ``halves``: the validation documents in two halves by their hash, each cluster in one of them; with a test file
    of its own, ``select`` is the validation file and ``test`` that file. ``train``: ``test`` is the validation
    split, and ``select`` the training split without the rows of a cluster that ``test`` has. ``whole``: ``test`` is
    every public labelled document that ``select`` can spare: of pooled tasks, which have few documents or no public
    training split, four rows in five of all splits together, by their hash; with a test file, as under ``halves``;
    otherwise as under ``train``, without training rows that say the same as a ``test`` document.
    """
    settings = config.metadata or {}
    split_source = settings.get("split_source", "halves")
    if settings.get("protocol") == "paper":
        select, test = Rows(), read("validation")
    elif split_source == "train" or (split_source == "whole" and not own_test and pooled is None):
        test = read("validation")
        select = _apart(_without_clusters_of(test, read("train")))
        if split_source == "whole":
            taken = {content_hash(row) for row in test}
            select = Rows(row for row in select if content_hash(row) not in taken)
    elif own_test:
        select, test = _apart(read("validation")), read("test")
    elif split_source == "whole":
        select, test = _divided(
            read("validation") + [row for split in pooled or () for row in _apart(read(split))]
        )
    else:
        select, test = halves(read("validation"))
    # lm-eval takes a task's first test document as a sample and fails without one.
    if not test:
        raise InputError(f"task {config.task} has no test documents: its data is empty or all filtered out")
    return {"select": select, "test": test}


def _without_clusters_of(test: Rows, rows: Rows) -> Rows:
    taken = {row["cluster"] for row in test if "cluster" in row}
    return Rows(row for row in rows if row.get("cluster") not in taken)


def _divided(rows: list[Row]) -> tuple[Rows, Rows]:
    """One row in five for ``select``, by its hash; the others for ``test``."""
    select, test = Rows(), Rows()
    for row in rows:
        (test if int(content_hash(row)[:8], 16) % SELECT_SHARE else select).append(row)
    return select, test


def _apart(rows: Rows) -> Rows:
    """Rows of another source split than the test documents': their numbers must not meet."""
    return Rows({**row, "doc_id": row["doc_id"] + SELECT_NUMBERS_FROM} for row in rows)


def _path(files: Sequence[File]) -> Path:
    """The first of the alternative files that can be had."""
    if not files:
        raise InputError("the task's YAML names no file of this split: take another split_source")
    sources = {
        file["path"]: PublicSource(file["url"], file["sha256"], file.get("member"))
        for file in files
        if "url" in file
    }
    return locate(*(file["path"] for file in files), sources=sources)


def _choice_rows(source: ChoiceSource, files: Sequence[File], choices: Form, target: Form) -> Iterator[Row]:
    path = _path(files)
    rows = read_rows(path)
    labels = files[0].get("labels")
    if labels and not all("label" in row for row in rows):
        rows = _with_labels(rows, labels)
    wanted = with_columns(rows, list(source.columns), path)
    for number, (raw, row) in enumerate(zip(rows, wanted, strict=True)):
        answer = _right_answer(source.columns, row, choices, target)
        if answer is None:
            shown = ", ".join(source.columns)
            raise InputError(f"{path} row {number + 1} has no right answer among its choices: fix {shown}")
        if "label" in row:
            row["label"] = answer
        cluster = _cluster(source.cluster, raw)
        named = {} if cluster is None else {"cluster": cluster}
        yield {"doc_id": _row_number(source, raw, number, path), **row, **named}


def _right_answer(columns: Mapping[str, str], row: Row, choices: Form, target: Form) -> int | None:
    """The number of the right choice; None where a row is malformed."""
    if not all(isinstance(row[name], str) for name, kind in columns.items() if kind == "text"):
        return None
    try:
        answer, among = int(value_of(target, row)), value_of(choices, row)
    except (ValueError, LookupError, TypeError, AttributeError, SyntaxError, TemplateError):
        return None
    return answer if 0 <= answer < len(among) else None


def value_of(form: Form, row: Row) -> Any:
    """What a form is for a row, as lm-eval takes it."""
    if callable(form):
        return form(row)
    if not isinstance(form, str):
        return form
    return row[form] if form in row else ast.literal_eval(_template(form).render(**row))


@functools.cache
def _template(text: str) -> Template:
    template: Template = env.from_string(text)
    return template


def _cluster(form: str | Callable[[Row], str | None] | None, row: Row) -> str | None:
    """The cluster of a row; None where the copy of the data set has no such column, or no text in it."""
    value = form(row) if callable(form) else row.get(form) if form else None
    return value if isinstance(value, str) and value else None


def _row_number(source: ChoiceSource, raw: Row, number: int, path: Path) -> int:
    row_number = raw.get(source.row_number, number) if source.row_number else number
    if type(row_number) is not int or row_number < 0:
        raise InputError(f"{path} row {number + 1} has {source.row_number} {row_number!r}: give a row number")
    return row_number


def _with_labels(rows: list[Row], file: File) -> list[Row]:
    labels = read_lines(_path([file]))
    if len(labels) != len(rows):
        raise InputError(f"{file['path']} has {len(labels)} labels for {len(rows)} rows: give one per row")
    return [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]


def _dialogues(path: Path) -> Iterator[Row]:
    content = read_json(path)
    turns_by_row = content.get("text") if isinstance(content, dict) else None
    if not isinstance(turns_by_row, dict):
        raise InputError(f"{path} has no object 'text' of row number to turns: see docs/DATA.md for the form")
    for number, turns in turns_by_row.items():
        if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
            raise InputError(f"{path} row {number!r} is not a list of turns: give the utterances as strings")
        yield {"turns": turns}
