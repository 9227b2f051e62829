"""A suite prepared once for a tokenizer: requests as token ids, prefix trees, batch plan, fixed columns."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lm_eval.api.instance import Instance

from benchmark.errors import InputError
from benchmark.evaluation.batch_plan import peak_bytes, regrouped
from benchmark.evaluation.batched_requests import Unit, Workload, cached_tokens, make_workload
from benchmark.evaluation.batched_scoring import LOGITS_BYTES
from benchmark.evaluation.encoders import ApartEncoder, Encoder, JointEncoder
from benchmark.models.opt import OptConfig
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import Document, Suite, SuiteGroup, SuiteTask


@dataclass(frozen=True)
class PreparedTask:
    """One task on one split. ``units``: where its documents stand among the split's units.

    ``continuations`` [documents + 1] are offsets into the split's continuations.

    Of the form ``choice``: ``values`` [documents, choices] is what lm-eval's ``process_results`` gives where that
    choice is the likeliest, and ``lengths`` [choices in all] what log-likelihoods are divided by, if they are.

    Of a form that writes: ``graded`` keeps each document's first text (its tokens, the text, its metric), which is
    the unmodified model's where a run is scored: most checkpoints write it again.
    """

    task: SuiteTask
    documents: tuple[Document, ...]
    units: range
    continuations: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.float64] | None = None
    graded: dict[int, tuple[list[int], str, float]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def gold(self) -> npt.NDArray[np.int64]:
        """The right choice of each document; the first if several are right."""
        gold: npt.NDArray[np.int64] = self.values.argmax(axis=1)
        return gold


@dataclass(frozen=True)
class PreparedSplit:
    """One split: its work, its tasks in the suite's order, and the sample columns that no model changes."""

    workload: Workload
    tasks: tuple[PreparedTask, ...]
    columns: Mapping[str, pa.Array]


@dataclass(frozen=True)
class Prepared:
    """A suite that is ready to be scored for any number of models that share the tokenizer."""

    suite: str
    suite_digest: str
    tokenizer: Tokenizer
    splits: Mapping[str, PreparedSplit]
    logits_bytes: int
    families: tuple[str, ...] = ()
    groups: tuple[SuiteGroup, ...] = ()

    @property
    def positions_needed(self) -> int:
        """Distinct prefixes of every document, and the tokens decoded where no text ends early."""
        return sum(split.workload.plan.positions_needed for split in self.splits.values())

    @property
    def positions_pushed(self) -> int:
        """The same with padding."""
        return sum(split.workload.plan.positions_pushed for split in self.splits.values())

    @property
    def longest(self) -> int:
        """Number of positions that the longest text needs."""
        return max(split.workload.longest for split in self.splits.values())

    @property
    def plan_hash(self) -> str:
        """sha256 over the plans of all splits: tokens, what is read of them, and the batches."""
        plans = [f"{name} {split.workload.plan.plan_hash}" for name, split in sorted(self.splits.items())]
        return hashlib.sha256("\n".join(plans).encode()).hexdigest()

    def for_another_model(self) -> "Prepared":
        """The same documents, without the remembered answers of the model that they were scored for."""
        splits = {
            name: replace(split, tasks=tuple(replace(task, graded={}) for task in split.tasks))
            for name, split in self.splits.items()
        }
        return replace(self, splits=splits)

    def peak_bytes(
        self,
        config: OptConfig,
        *,
        itemsize: int = 4,
        cached: int | None = None,
        cache_tokens: int | None = None,
    ) -> int:
        """Upper bound on what a pass holds in memory beside the weights.

        ``cached``: bytes of a cached number. ``cache_tokens``: positions that a group caches at most, if others than
        were planned for.
        """
        sizes = {"itemsize": itemsize, "cached": cached or itemsize, "logits_bytes": self.logits_bytes}
        plans = [
            regrouped(work.plan, [len(unit.prompt) for unit in work.units], cache_tokens)
            if cache_tokens
            else work.plan
            for split in self.splits.values()
            for work in [split.workload]
        ]
        return max(peak_bytes(plan, config, **sizes) for plan in plans)


def prepare(
    suite: Suite,
    tokenizer: Tokenizer,
    *,
    max_length: int,
    positions: int | None = None,
    batch_tokens: int = 8192,
    logits_bytes: int = LOGITS_BYTES,
    splits: Sequence[str] | None = None,
    slot_bytes: int = 1,
    counted: bool = False,
) -> Prepared:
    """Tokenise the suite's requests, as its ``tokenisation`` says, and plan the batches.

    Texts are cut from the left to ``max_length`` tokens, prompts further where ``positions`` (those of the
    model) would not hold what is generated. ``batch_tokens`` caps the positions of a batch,
    ``logits_bytes`` the logits held at once. ``splits``: those to prepare; all that the suite has by
    default. ``slot_bytes``: those of a position's keys and values, which bound how many texts are begun together
    (``cached_tokens``). ``counted``: only what costs are counted from, nothing that a model can be scored on.
    """
    if max_length < 2 or batch_tokens < 1:
        raise InputError(f"max_length {max_length}, batch_tokens {batch_tokens}: give at least 2 and 1")
    known = list(dict.fromkeys(split for task in suite.tasks for split in task.documents))
    for split in splits or ():
        if split not in known:
            raise InputError(f"suite {suite.name} has no split {split!r}: take some of {', '.join(known)}")
    longest = min(max_length, positions or max_length)
    encoder = (
        JointEncoder(tokenizer, longest)
        if suite.tokenisation == "joint"
        else ApartEncoder(tokenizer, longest, positions)
    )
    made = {
        split: _prepare_split(suite, split, encoder, batch_tokens, cached_tokens(slot_bytes), counted)
        for split in known
        if splits is None or split in splits
    }
    return Prepared(
        suite.name,
        "" if counted else suite.digest,
        tokenizer,
        made,
        logits_bytes,
        suite.families,
        suite.groups,
    )


def _prepare_split(
    suite: Suite, split: str, encoder: Encoder, batch_tokens: int, cache_tokens: int, counted: bool
) -> PreparedSplit:
    units: list[Unit] = []
    tasks: list[PreparedTask] = []
    n_continuations = 0
    for task in suite.tasks:
        documents = task.documents.get(split, ())
        requests = [task.requests(document) for document in documents]
        encoder.tokenizer.check_texts(_texts(requests), f"task {task.name}")
        made = encoder.units(requests)
        counts = [len(unit.continuations) for unit in made]
        offsets = n_continuations + np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        graded = task.form == "choice" and not counted
        values = _values_by_choice(task, documents, counts) if graded else _NOTHING
        where = range(len(units), len(units) + len(made))
        lengths = _lengths(task, documents) if graded else None
        tasks.append(PreparedTask(task, tuple(documents), where, offsets, values, lengths))
        units += made
        n_continuations = int(offsets[-1])
    workload = make_workload(
        units, encoder.tokenizer, batch_tokens=batch_tokens, cache_tokens=cache_tokens, counted=counted
    )
    return PreparedSplit(workload, tuple(tasks), {} if counted else _fixed_columns(tasks, split))


_NOTHING: npt.NDArray[np.float64] = np.zeros((0, 0))


def _texts(requests: Sequence[Sequence[Instance]]) -> list[str]:
    """The distinct texts of the requests of some documents: contexts and what is scored behind them."""
    flat = [request for document in requests for request in document]
    scored = [request.args[1] for request in flat if request.request_type == "loglikelihood"]
    return list(dict.fromkeys([*(request.args[0] for request in flat), *scored]))


def _values_by_choice(
    task: SuiteTask, documents: Sequence[Document], counts: Sequence[int]
) -> npt.NDArray[np.float64]:
    """[documents, choices]: the task's own metric if that choice had the highest log-likelihood."""
    values = np.zeros((len(documents), max(counts, default=0)))
    for row, (document, choices) in enumerate(zip(documents, counts, strict=True)):
        for choice in range(choices):
            results = [(0.0 if other == choice else -1.0, False) for other in range(choices)]
            values[row, choice] = task.task.process_results(document.row, results)[task.metric]
    return values


def _lengths(task: SuiteTask, documents: Sequence[Document]) -> npt.NDArray[np.float64] | None:
    """[choices in all]: what the log-likelihoods of the documents' choices are divided by."""
    lengths = [length for document in documents for length in task.lengths(document) or ()]
    return np.array(lengths, np.float64) if lengths else None


def _fixed_columns(tasks: Sequence[PreparedTask], split: str) -> dict[str, pa.Array]:
    def column(values: Iterable[object], kind: pa.DataType) -> pa.Array:
        return pa.array(list(values), kind)

    documents = [(one.task, document) for one in tasks for document in one.documents]
    targets = [target for one in tasks for target in _targets(one)]
    return {
        "task": column((task.name for task, _ in documents), pa.string()),
        "family": column((task.family for task, _ in documents), pa.string()),
        "split": column((split for _ in documents), pa.string()),
        "doc_id": column((document.doc_id for _, document in documents), pa.int64()),
        "cluster": column((document.cluster for _, document in documents), pa.string()),
        "metric": column((task.metric for task, _ in documents), pa.string()),
        "target": column(targets, pa.string()),
    }


def _targets(one: PreparedTask) -> list[str]:
    if one.task.form == "choice":
        return [str(choice) for choice in one.gold.tolist()]
    return [str(one.task.task.doc_to_target(document.row)) for document in one.documents]
