"""Suites: the lm-eval tasks of one folder with the documents that a call uses, and a digest of what they ask.

A suite is a folder beside this file: the tasks' YAML, and ``_suite.yaml``, an lm-eval group under the suite's
name whose ``task`` list gives the order and whose ``metadata.version`` gives the version. A task's metadata
holds ``version``, ``family``, for multiple choice ``choices`` (chance is 1 in so many) and for dialogues, where it
is not ``f1``, ``metric`` (see ``metrics.py``); ``protocol`` and ``split_source`` are added to it. Its class or its
``custom_dataset`` makes a ``Rows`` (see ``rows.py``) for each of ``select`` and ``test``.
"""

import contextlib
import difflib
import functools
import hashlib
import json
import logging
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml
from lm_eval.api.instance import Instance
from lm_eval.api.samplers import FirstNSampler
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager

from benchmark.errors import InputError
from benchmark.tasks.rows import Row, content_hash, drawn_by_hash

TASKS_FOLDER = Path(__file__).resolve().parent
PAPER_DOCUMENTS = 320
"""Validation documents per task in the original study (its ``limit_val_samples``)."""

Form = Literal["choice", "dialogue", "loglikelihood", "generation"]
"""How documents are asked and scored: the likeliest of several continuations; a written text, with the loss of a
reference beside it; whether greedy decoding would give the target; a written text alone."""
FAMILIES = ("classification", "dialogue")
"""Of the suites in the folders beside this file; ``classification`` is of the form ``choice``."""


@dataclass(frozen=True)
class Document:
    """One row of a task; ``doc_id`` is unique within the task."""

    doc_id: int
    row: Row

    @property
    def cluster(self) -> str:
        """A name shared by the documents of the task that ask the same; a lone document's number."""
        return str(self.row.get("cluster", self.doc_id))


@dataclass(frozen=True)
class SuiteTask:
    """A task with its documents by split; ``chance`` is the expected value of its metric for a guesser.

    Its metric is in [0, 1], higher is better. ``family`` is any name; families are averaged.
    """

    name: str
    family: str
    metric: str
    chance: float
    version: str
    task: ConfigurableTask
    documents: Mapping[str, tuple[Document, ...]]
    examples: tuple[Document, ...] = ()
    form: Form = "choice"

    @property
    def recipe(self) -> str:
        """A digest of what decides a score beside the requests, where their text does not say it all."""
        return ""

    def facts(self) -> dict[str, object]:
        """What ``base.json`` says of the task."""
        return {"family": self.family, "metric": self.metric, "chance": self.chance}

    def lengths(self, document: Document) -> list[float] | None:
        """What the log-likelihood of each choice is divided by; None where it is not."""
        return None

    def of_target(self, document: Document, logprob: float, greedy: bool) -> float:
        """The metric of a target, given its log-probability and whether greedy decoding gives it."""
        return float(self.task.process_results(document.row, [(logprob, greedy)])[self.metric])

    def graded(self, document: Document, text: str) -> float:
        """The metric of a written text."""
        # lm-eval's dialogue tasks take the reference's log-probability too, for a metric that is not asked for here.
        results = [text, (0.0, False)] if self.form == "dialogue" else [text]
        return float(self.task.process_results(document.row, results)[self.metric])

    def requests(self, document: Document) -> list[Instance]:
        """lm-eval's requests for one document, its few-shot examples included, in the order of ``idx``."""
        context = self.task.fewshot_context(document.row, num_fewshot=len(self.examples))
        made = self.task.construct_requests(
            doc=document.row, ctx=context, metadata=(self.name, document.doc_id, 1)
        )
        return made if isinstance(made, list) else [made]


@dataclass(frozen=True)
class SuiteGroup:
    """Tasks with an average of their own, by their documents (``weight_by_size``) or each task alike."""

    name: str
    tasks: tuple[str, ...]
    weight_by_size: bool


@dataclass(frozen=True)
class Suite:
    """The tasks that a call uses; ``families`` are averaged in this order.

    ``tokenisation``: ``apart`` encodes context and continuation apart, as the original study did; ``joint`` as
    lm-eval does.
    """

    name: str
    version: str
    tasks: tuple[SuiteTask, ...]
    families: tuple[str, ...] = FAMILIES
    groups: tuple[SuiteGroup, ...] = ()
    tokenisation: Literal["apart", "joint"] = "apart"

    @functools.cached_property
    def digest(self) -> str:
        """sha256 of what the tasks ask: each document's number, cluster, requests and right answer, by split."""
        total = hashlib.sha256(self.name.encode())
        for task in self.tasks:
            about = [task.name, task.family, task.metric, task.version]
            if task.recipe:
                about.append(task.recipe)
            for split, documents in task.documents.items():
                for one in documents:
                    asked = [request.args for request in task.requests(one)]
                    said = [*about, split, one.doc_id, one.cluster, asked, task.task.doc_to_target(one.row)]
                    total.update(json.dumps(said, sort_keys=True, default=str).encode())
        return total.hexdigest()


def suite_names() -> tuple[str, ...]:
    """Names of the folders that hold a suite."""
    found = (path.parent.name for path in TASKS_FOLDER.glob("*/_suite.yaml"))
    return tuple(sorted(found))


def load_suite(
    name: str,
    *,
    tasks: Sequence[str] | None = None,
    num_fewshot: int = 0,
    protocol: str = "held-out",
    split_source: str = "halves",
    documents: int | None = None,
    select_documents: int | None = None,
    documents_by_task: Mapping[str, int] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Suite:
    """The suite ``name`` (``gap12``, or ``gap12-5shot`` for five examples per prompt) with its documents.

    ``tasks`` keeps a subset, in the suite's order. ``documents`` and ``select_documents`` cap the ``test``
    and the ``select`` documents of each task: those that come first in the order of a hash (``drawn_by_hash``).
    ``documents_by_task`` lowers both for the tasks that it names. ``limit`` caps both to the first ones in source
    order. Under ``protocol="paper"`` the one split, ``test``, holds the first 320 validation documents in source
    order (``documents`` and ``limit`` replace that number).
    ``seed`` draws the few-shot examples from the ``select`` documents; those drawn are then no longer scored.

    Raises:
        InputError: an unknown name, missing data or an empty split.
    """
    base, shots = _name_and_shots(name, num_fewshot)
    for label, cap in (("documents", documents), ("select_documents", select_documents), ("limit", limit)):
        if cap is not None and cap < 1:
            raise InputError(f"{label} is {cap}: give a whole number of documents from 1 up")
    if protocol not in ("held-out", "paper"):
        raise InputError(f"protocol {protocol!r} is unknown: take 'held-out' or 'paper'")
    if split_source not in ("halves", "train", "whole"):
        raise InputError(f"split_source {split_source!r} is unknown: take 'halves', 'train' or 'whole'")
    if shots and protocol == "paper":
        raise InputError(
            f"suite {name}: protocol paper has no select documents to draw few-shot examples from"
        )
    folder = TASKS_FOLDER / base
    order, version = _group(base)
    chosen = _chosen(base, order, tasks)
    by_task = documents_by_task or {}
    check_task_names(by_task, order, "documents_by_task")
    if by_task and protocol == "paper":
        raise InputError(
            "documents_by_task: protocol paper takes the first documents of every task: leave it out"
        )
    caps = _caps(protocol, documents, select_documents, limit, by_task)
    settings = {"protocol": protocol, "split_source": split_source}
    with quiet():
        manager = TaskManager(include_path=str(folder), include_defaults=False, metadata=settings)
        built = [
            _suite_task(task, manager.load([task])["tasks"][task], caps, protocol, shots, seed)
            for task in chosen
        ]
    return Suite(f"{base}-{shots}shot" if shots else base, version, tuple(built))


def _name_and_shots(name: str, num_fewshot: int) -> tuple[str, int]:
    named = re.fullmatch(r"(.+)-(\d+)shot", name)
    base, shots = (named[1], int(named[2])) if named else (name, num_fewshot)
    if named and num_fewshot not in (0, shots):
        raise InputError(
            f"suite {name} has {shots} examples per prompt, num_fewshot says {num_fewshot}: give one"
        )
    if shots < 0:
        raise InputError(f"num_fewshot is {shots}: give 0 or more examples")
    if base not in suite_names():
        raise InputError(f"suite {name!r} is unknown{nearest_name(base, suite_names())}")
    return base, shots


def _group(base: str) -> tuple[list[str], str]:
    group = yaml.safe_load((TASKS_FOLDER / base / "_suite.yaml").read_text(encoding="utf-8"))
    return list(group["task"]), str(group["metadata"]["version"])


def _chosen(base: str, order: Sequence[str], tasks: Sequence[str] | None) -> list[str]:
    if tasks is None:
        return list(order)
    for task in tasks:
        if task not in order:
            raise InputError(f"suite {base} has no task {task!r}{nearest_name(str(task), order)}")
    if not tasks:
        raise InputError(f"no task of suite {base} is asked for: name some of {', '.join(order)}")
    return [task for task in order if task in tasks]


def check_task_names(named: Iterable[str], known: Sequence[str], setting: str) -> None:
    """Refuse names in a setting that no task has.

    Raises:
        InputError: the first of them, with the nearest name.
    """
    for name in named:
        if name not in known:
            raise InputError(f"{setting}: no task {name!r}{nearest_name(name, known)}")


def nearest_name(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f": did you mean {close[0]!r}?" if close else f": take one of {', '.join(known)}"


@dataclass(frozen=True)
class Cap:
    """At most ``drawn`` documents by their hash, and of those at most ``first`` in source order.

    ``by_task`` lowers ``drawn`` for some tasks.
    """

    drawn: int | None = None
    first: int | None = None
    by_task: Mapping[str, int] = field(default_factory=dict)

    def of(self, task: str, documents: Sequence[Document]) -> tuple[Document, ...]:
        """The documents that are taken, in source order."""
        kept = documents
        drawn = min((cap for cap in (self.drawn, self.by_task.get(task)) if cap is not None), default=None)
        if drawn is not None and drawn < min(len(documents), self.first or len(documents)):
            chosen = drawn_by_hash(task, [document.doc_id for document in documents], drawn)
            kept = [document for document in documents if document.doc_id in chosen]
        return tuple(kept[: self.first])


def _caps(
    protocol: str,
    documents: int | None,
    select_documents: int | None,
    limit: int | None,
    by_task: Mapping[str, int],
) -> dict[str, Cap]:
    if protocol == "paper":
        given = [cap for cap in (documents, limit) if cap is not None]
        return {"test": Cap(first=min(given, default=PAPER_DOCUMENTS))}
    return {"select": Cap(select_documents, limit, by_task), "test": Cap(documents, limit, by_task)}


def _suite_task(
    name: str, task: ConfigurableTask, caps: Mapping[str, Cap], protocol: str, shots: int, seed: int
) -> SuiteTask:
    metadata = task.config.metadata
    splits = {split: [Document(row["doc_id"], dict(row)) for row in task.dataset[split]] for split in caps}
    examples = _draw_examples(name, splits, shots, seed)
    task.set_config("num_fewshot", shots)
    task.sampler = FirstNSampler([example.row for example in examples])
    documents: dict[str, tuple[Document, ...]] = {}
    for split, cap in caps.items():
        drawn = {content_hash(example.row) for example in examples}
        rest = [d for d in splits[split] if not drawn or content_hash(d.row) not in drawn]
        documents[split] = cap.of(name, rest)
        if not rest:
            raise InputError(
                f"task {name} has no {split} documents left: its data is empty or all filtered out"
            )
    is_dialogue = metadata["family"] == "dialogue"
    return SuiteTask(
        name=name,
        family="dialogue" if is_dialogue else "classification",
        form="dialogue" if is_dialogue else "choice",
        metric=task.metric if is_dialogue else "acc",
        chance=0.0 if is_dialogue else 1.0 / metadata["choices"],
        version=str(metadata["version"]),
        task=task,
        documents=documents,
        examples=examples,
    )


def _draw_examples(
    name: str, splits: Mapping[str, list[Document]], shots: int, seed: int
) -> tuple[Document, ...]:
    if not shots:
        return ()
    distinct = {content_hash(document.row): document for document in splits["select"]}
    if len(distinct) <= shots:
        raise InputError(
            f"task {name} has {len(distinct)} select documents, too few for {shots} examples: ask for fewer"
        )
    ordered = [distinct[key] for key in sorted(distinct)]
    return tuple(random.Random(f"{seed}/{name}").sample(ordered, shots))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """lm-eval warns of every custom data set; a suite has twelve."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
