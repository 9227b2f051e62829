"""What the documents of a suite ask, as lm-eval logs it: prompt, target, hashes, and the number in its split."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval.utils import handle_non_serializable, hash_string

from benchmark.errors import InputError
from benchmark.export.stored_checkpoints import ScoredDocument
from benchmark.tasks.suite import Document, SuiteTask

UNFILTERED = "none"


@dataclass(frozen=True)
class AskedDocument:
    """One document; `doc_id` is its number among the documents that stock lm-eval scores, from 0.

    `arguments` of each request: context and continuation, or context and generation settings. `answer` is the index of
    the right choice as text, or the reference.
    """

    doc_id: int
    row: Mapping[str, Any]
    answer: str
    arguments: tuple[tuple[Any, ...], ...]
    doc_hash: str
    cluster: str
    choices: tuple[str, ...]
    written: tuple[bool, ...]

    @property
    def prompt(self) -> str:
        """The context of the first request."""
        return str(self.arguments[0][0])


@dataclass(frozen=True)
class AskedTask:
    """A task of a suite with what its test documents ask, by the suite's `doc_id`."""

    task: SuiteTask
    documents: Mapping[int, AskedDocument]

    @property
    def filter(self) -> str:
        """The filter that the metric reads; `none` without one."""
        return getattr(self.task, "filter", None) or UNFILTERED


def asked_task(task: SuiteTask) -> AskedTask:
    """The test documents of a task."""
    places = _places(task)
    made = {}
    for document in task.documents["test"]:
        requests = task.requests(document)
        doc_hash = _doc_hash(document.row)
        made[document.doc_id] = AskedDocument(
            doc_id=places.get(document.doc_id, document.doc_id),
            row=document.row,
            answer=str(task.task.doc_to_target(document.row)),
            arguments=tuple(tuple(request.args) for request in requests),
            doc_hash=doc_hash,
            cluster=document.cluster,
            choices=_choices(task, document),
            written=tuple(request.request_type == "generate_until" for request in requests),
        )
    return AskedTask(task, made)


def check_asked(asked: AskedTask, scored: Mapping[int, ScoredDocument], where: str, remake: str) -> None:
    """Refuse results whose documents are not those of the suite.

    Raises:
        InputError: a document is missing on either side, or has another right answer.
    """
    name = asked.task.name
    missing = [number for number in asked.documents if number not in scored]
    if missing:
        raise InputError(
            f"{where}: task {name} has no score of document {missing[0]}, which the suite asks now: make the results "
            f"again by {remake}"
        )
    for number, document in asked.documents.items():
        target = scored[number].target
        if target is not None and target != document.answer:
            raise InputError(
                f"{where}: task {name}, document {number} had another right answer ({target:.60}) when it was scored: "
                f"make the results again by {remake}"
            )


def _choices(task: SuiteTask, document: Document) -> tuple[str, ...]:
    if task.form != "choice":
        return ()
    return tuple(str(choice) for choice in task.task.doc_to_choice(document.row))


def _doc_hash(row: Mapping[str, Any]) -> str:
    """As `lm_eval.evaluator` computes it."""
    text = json.dumps(row, indent=2, default=handle_non_serializable, ensure_ascii=False)
    return str(hash_string(text))


def _places(task: SuiteTask) -> dict[int, int]:
    """Number of each test document among those that stock lm-eval scores; empty if a document is not among them."""
    places = {_doc_hash(dict(row)): place for place, row in enumerate(task.task.eval_docs)}
    found = {document.doc_id: places.get(_doc_hash(document.row)) for document in task.documents["test"]}
    known = {number: place for number, place in found.items() if place is not None}
    return known if len(known) == len(found) == len(set(known.values())) else {}
