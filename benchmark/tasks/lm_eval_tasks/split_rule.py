"""The `select` and `test` documents of an lm-eval task, by one rule, and the examples that their prompts show.

`test` is the task's test split where each row has a right answer; `select` is then its validation split without what
`test` has too. Otherwise the validation split (or, where there is none, the test split) is halved by a hash of what a
document asks, as `rows.halves` does. The training split gives few-shot examples only.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.task import ConfigurableTask

from benchmark.errors import InputError
from benchmark.settings.names import nearest
from benchmark.tasks.lm_eval_tasks.listed_task import ListedDocument
from benchmark.tasks.lm_eval_tasks.source_rows import CLUSTER
from benchmark.tasks.rows import SELECT_NUMBERS_FROM, Row
from benchmark.tasks.suite import Form


@dataclass(frozen=True)
class Shots:
    """Few-shot examples: so many a prompt, drawn by lm-eval's sampler with a seed."""

    count: int
    seed: int


@dataclass(frozen=True)
class SplitTask:
    """All documents by split, in source order, and the rule that split them, in words."""

    documents: Mapping[str, tuple[ListedDocument, ...]]
    rule: str


def split_task(name: str, task: ConfigurableTask, form: Form, cluster: str | None, shots: Shots) -> SplitTask:
    """The documents of a task.

    Raises:
        InputError: it has no split with right answers, or too few documents.
    """
    test, validation = task.config.test_split, task.config.validation_split
    why = "no test split"
    if test is not None:
        rows = _rows(task, test)
        left_out = sum(not has_answer(task, form, row) for row in rows)
        if not left_out:
            documents = _documents(name, task, test, rows, cluster, shots)
            if validation is None:
                return _halved(name, documents, f"the {test} split ({len(rows)})")
            return _two_splits(name, task, form, (test, documents), validation, cluster, shots)
        why = f"{left_out} of {len(rows)} rows of the {test} split have no right answer"
    if validation is None:
        raise InputError(f"task {name} has no split with right answers ({why}): leave it out")
    rows = _answered(name, task, form, validation)
    documents = _documents(name, task, validation, rows, cluster, shots)
    return _halved(name, documents, f"the {validation} split ({len(rows)}; {why})")


def has_answer(task: ConfigurableTask, form: Form, row: Row) -> bool:
    """Whether a row says what is right."""
    try:
        if form != "choice":
            return bool(task.doc_to_target(row))
        choices = task.doc_to_choice(row)
        gold = task.doc_to_text(row) if task.multiple_input else task.doc_to_target(row)
    except (ValueError, LookupError, TypeError):
        return False
    if isinstance(gold, str):
        return gold in choices
    golds = gold if isinstance(gold, list) else [gold]
    return bool(golds) and all(isinstance(one, int) and 0 <= one < len(choices) for one in golds)


def _answered(name: str, task: ConfigurableTask, form: Form, split: str) -> list[Row]:
    rows = _rows(task, split)
    for number, row in enumerate(rows):
        if not has_answer(task, form, row):
            raise InputError(
                f"task {name}: row {number} of the {split} split has no right answer: correct the data"
            )
    return rows


def _rows(task: ConfigurableTask, split: str) -> list[Row]:
    docs = task.test_docs() if split == task.config.test_split else task.validation_docs()
    return [dict(row) for row in docs]


def _halved(name: str, documents: Sequence[ListedDocument], of: str) -> SplitTask:
    halves: dict[str, list[ListedDocument]] = {"select": [], "test": []}
    for document in documents:
        digest = hashlib.sha256(document.asks.encode()).hexdigest()
        halves["select" if int(digest[:2], 16) % 2 else "test"].append(document)
    return _checked(name, halves, f"select and test are the two halves of {of} by content hash")


def _two_splits(
    name: str,
    task: ConfigurableTask,
    form: Form,
    test: tuple[str, Sequence[ListedDocument]],
    validation: str,
    cluster: str | None,
    shots: Shots,
) -> SplitTask:
    rows = _answered(name, task, form, validation)
    taken = {document.asks for document in test[1]}
    found = _documents(name, task, validation, rows, cluster, shots, start=SELECT_NUMBERS_FROM)
    select = [document for document in found if document.asks not in taken]
    without = f" without {len(found) - len(select)} that test has too" if len(select) < len(found) else ""
    rule = (
        f"test is the {test[0]} split ({len(test[1])}), select the {validation} split ({len(found)}){without}"
    )
    return _checked(name, {"select": select, "test": list(test[1])}, rule)


def _checked(name: str, found: Mapping[str, list[ListedDocument]], rule: str) -> SplitTask:
    for split, documents in found.items():
        if not documents:
            raise InputError(f"task {name} has no {split} documents: {rule}: give it more rows")
    return SplitTask({split: tuple(documents) for split, documents in found.items()}, rule)


def _documents(
    name: str,
    task: ConfigurableTask,
    split: str,
    rows: Sequence[Row],
    cluster: str | None,
    shots: Shots,
    start: int = 0,
) -> list[ListedDocument]:
    """The rows of a split, with what says that two ask the same, and the examples of each prompt."""
    if cluster is not None and rows and cluster not in rows[0]:
        raise InputError(f"suite.clusters.{name}: no column '{cluster}'{nearest(cluster, list(rows[0]))}")
    shown = _examples(name, task, split, rows, shots)
    return [
        ListedDocument(start + number, row, asks=_asks(task, row, cluster), shown=examples)
        for number, (row, examples) in enumerate(zip(rows, shown, strict=True))
    ]


def _asks(task: ConfigurableTask, row: Row, cluster: str | None) -> str:
    """The value of the cluster's column, or a hash of the prompt and answers, so that equal documents are one."""
    value: Any = row.get(cluster or CLUSTER)
    if value is not None and value != "":
        return str(value)
    context = task.fewshot_context(row, num_fewshot=0, gen_prefix=task.doc_to_prefix(row))
    made = task.construct_requests(doc=row, ctx=context, metadata=(None, None, 1))
    asked = [request.args for request in (made if isinstance(made, list) else [made])]
    text = json.dumps([asked, task.doc_to_target(row)], sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _examples(
    name: str, task: ConfigurableTask, split: str, rows: Sequence[Row], shots: Shots
) -> Sequence[Sequence[Row]]:
    """For each row the examples that stock lm-eval shows when it walks through the whole split in its order."""
    if not shots.count:
        return [()] * len(rows)
    if task.missing_examples or not hasattr(task, "sampler"):
        raise InputError(
            f"task {name}: its {shots.count} examples per prompt come from the split "
            f"{task.missing_examples or 'of training'}, which its data lacks: add it, or set suite.num_fewshot to 0"
        )
    config = task.config
    source = task.fewshot_cfg.split or config.training_split or config.validation_split or config.test_split
    if split == (config.test_split or config.validation_split):
        leaves_out = task.fewshot_cfg.split == config.test_split
    else:
        leaves_out = source == split
    pool = len(list(task.fewshot_docs()))
    if pool < shots.count + leaves_out:
        raise InputError(f"task {name}: {pool} rows are too few for {shots.count} examples per prompt")
    task.set_fewshot_seed(shots.seed)
    return [tuple(task.sampler.sample(n=shots.count, eval_doc=row if leaves_out else None)) for row in rows]
