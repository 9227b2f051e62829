"""Score one model on a prepared suite: one sample per document, and the metrics of each task and family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmark.errors import InputError
from benchmark.evaluation.batched_scoring import Outcome, Progress, run_workload
from benchmark.evaluation.drafts import Drafts, make_drafts
from benchmark.evaluation.prepare import Prepared, PreparedSplit, PreparedTask
from benchmark.evaluation.stops import cut_at_stops
from benchmark.models.causal_model import CausalModel
from benchmark.models.tokenizer import Tokenizer
from benchmark.schema.stored_columns import SAMPLES
from benchmark.tasks.metrics import choice_probability, reference_probability

Metrics = dict[str, dict[str, float | None]]
Averages = dict[str, float | None]

SAMPLE_COLUMNS = [
    "task",
    "family",
    "split",
    "doc_id",
    "cluster",
    "metric",
    "value",
    "probability",
    "prediction",
    "target",
    "choice_logprobs",
]
"""The columns of ``schema.SAMPLES`` that an evaluation knows; the caller adds who was evaluated."""


@dataclass(frozen=True)
class Evaluation:
    """``samples``: one row per document, see SAMPLE_COLUMNS. For each split: ``metrics[split][task]`` holds the
    task's ``acc`` or ``f1`` and its ``loss`` in nats; ``averages[split]`` the means over tasks. ``finite`` is
    false if a logit was not: then value and probability of every document are chance and losses are None.
    ``written[split]``: the tokens of every generated text, by its unit's number. ``written_finite`` is false if a
    logit from which a token of these texts, or a guess, was chosen was not finite. A base model is then refused.
    """

    samples: pa.Table
    metrics: dict[str, Metrics]
    averages: dict[str, Averages]
    finite: bool
    written: dict[str, dict[int, list[int]]]
    written_finite: bool = True


DraftTexts = Mapping[str, Sequence[Drafts | None]]
"""For each split, drafts for each group of its plan."""


def drafts_from(evaluation: Evaluation, prepared: Prepared) -> DraftTexts:
    """What one model wrote, as drafts for its neighbours on the same ``prepared`` suite."""
    return {
        name: [
            make_drafts(group, written, workload.tables, prepared.tokenizer.eos_id) if group.ending else None
            for group in workload.plan.groups
        ]
        for name, written in evaluation.written.items()
        for workload in [prepared.splits[name].workload]
    }


@dataclass(frozen=True)
class _Scored:
    """One task on one split: ``value`` and ``probability`` [documents], its loss, and the model's answers."""

    value: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64]
    loss: float | None
    prediction: Sequence[str | None]


def evaluate(
    model: CausalModel,
    prepared: Prepared,
    *,
    loss_batch_size: int = 64,
    splits: Sequence[str] | None = None,
    drafts: DraftTexts | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score ``model`` on all prepared splits, or on ``splits``. Weights stay as they are, on their device.

    ``drafts``: texts that a neighbour of the model wrote (``drafts_from``). They save time where the model writes
    the same. The output does not change, except when two tokens tie within rounding.

    ``loss_batch_size``: the loss of a dialogue task is the token mean inside each batch of that many
    documents, weighted by the documents, as the original study has it.
    """
    if len(model.params) and model.config.vocab_size < prepared.tokenizer.n_rows:
        raise InputError(
            f"the model has {model.config.vocab_size} rows, the tokenizer has ids up to "
            f"{prepared.tokenizer.n_rows - 1}: use the model's own tokenizer"
        )
    network = model.config.network(model.params)
    tables: list[pa.Table] = []
    metrics: dict[str, Metrics] = {}
    averages: dict[str, Averages] = {}
    written: dict[str, dict[int, list[int]]] = {}
    finite = written_finite = True
    for name in prepared.splits if splits is None else splits:
        split = prepared.splits[name]
        outcome = run_workload(
            network,
            split.workload,
            eos_id=prepared.tokenizer.eos_id,
            logits_bytes=prepared.logits_bytes,
            drafts=drafts.get(name) if drafts else None,
            progress=progress,
        )
        written[name] = outcome.tokens
        written_finite = written_finite and outcome.written_finite
        sums = split.workload.sums(outcome.logprobs)
        split_finite = bool(np.isfinite(sums).all())
        finite = finite and split_finite
        scored = [
            _score(task, split, sums, outcome, prepared.tokenizer, loss_batch_size)
            if split_finite
            else _chance(task)
            for task in split.tasks
        ]
        tables.append(_table(split, scored, sums if split_finite else None))
        metrics[name] = {
            task.task.name: {task.task.metric: float(one.value.mean()), "loss": one.loss}
            for task, one in zip(split.tasks, scored, strict=True)
        }
        averages[name] = _averages(split.tasks, metrics[name])
    return Evaluation(pa.concat_tables(tables), metrics, averages, finite, written, written_finite)


def _score(
    task: PreparedTask,
    split: PreparedSplit,
    sums: npt.NDArray[np.float32],
    outcome: Outcome,
    tokenizer: Tokenizer,
    loss_batch_size: int,
) -> _Scored:
    if task.task.family == "classification":
        return _classification(task, split, sums)
    return _dialogue(task, split, sums, outcome, tokenizer, loss_batch_size)


def _classification(task: PreparedTask, split: PreparedSplit, sums: npt.NDArray[np.float32]) -> _Scored:
    offsets = task.continuations
    choices = np.full(task.values.shape, -np.inf)
    for row, (start, stop) in enumerate(pairwise(offsets.tolist())):
        choices[row, : stop - start] = sums[start:stop]
    predicted = choices.argmax(axis=1)  # the first of equal choices
    rows = np.arange(len(predicted))
    counts = np.diff(split.workload.first_slot)[offsets[:-1] + task.gold]
    loss = -choices[rows, task.gold] / counts
    probability = [
        choice_probability(logprobs[:count], values[:count])
        for logprobs, values, count in zip(
            choices.tolist(), task.values.tolist(), np.diff(offsets).tolist(), strict=True
        )
    ]
    return _Scored(
        task.values[rows, predicted],
        np.array(probability, np.float64),
        float(loss.mean()),
        [str(choice) for choice in predicted.tolist()],
    )


def _dialogue(
    task: PreparedTask,
    split: PreparedSplit,
    sums: npt.NDArray[np.float32],
    outcome: Outcome,
    tokenizer: Tokenizer,
    loss_batch_size: int,
) -> _Scored:
    losses = sums[task.continuations[0] : task.continuations[-1]].astype(np.float64)
    texts, values = [], []
    for unit in task.units:
        text, value = _grade(task, split, unit, outcome.tokens[unit], tokenizer)
        texts.append(text)
        values.append(value)
    counts = np.diff(split.workload.first_slot)[task.continuations[0] : task.continuations[-1]]
    loss = batched_loss(-losses, counts, loss_batch_size)
    probability = list(map(reference_probability, losses.tolist(), counts.tolist()))
    return _Scored(np.array(values, np.float64), np.array(probability, np.float64), loss, texts)


def _grade(
    task: PreparedTask, split: PreparedSplit, unit: int, tokens: list[int], tokenizer: Tokenizer
) -> tuple[str, float]:
    """The text of a unit's ``tokens``, and its metric, which depends on the text alone."""
    if unit in task.graded and task.graded[unit][0] == tokens:
        return task.graded[unit][1:]
    ending = split.workload.units[unit].ending
    text = cut_at_stops(tokenizer.decode(tokens), ending.stops if ending else ())
    document = task.documents[unit - task.units.start]
    # lm-eval's tasks take the reference's log-probability too, for a metric that is not asked for here.
    value = float(task.task.task.process_results(document.row, [text, (0.0, False)])[task.task.metric])
    task.graded.setdefault(unit, (list(tokens), text, value))
    return text, value


def batched_loss(nll: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64], batch_size: int) -> float:
    """Token mean of ``nll`` [documents] inside each batch, weighted by the batches' documents."""
    total = 0.0
    for start in range(0, len(nll), batch_size):
        batch = slice(start, start + batch_size)
        total += float(nll[batch].sum() / tokens[batch].sum()) * len(nll[batch])
    return total / len(nll)


def _chance(task: PreparedTask) -> _Scored:
    chance = np.full(len(task.documents), task.task.chance)
    return _Scored(chance, chance, None, [None] * len(chance))


def _averages(tasks: Sequence[PreparedTask], metrics: Mapping[str, Mapping[str, float | None]]) -> Averages:
    primary = [(task.task.family, metrics[task.task.name][task.task.metric] or 0.0) for task in tasks]
    averages: Averages = {}
    for scope in (*dict.fromkeys(family for family, _ in primary), "all"):
        values = [value for family, value in primary if scope in (family, "all")]
        averages[scope] = float(np.mean(values)) if values else None
    return averages


def _table(split: PreparedSplit, scored: Sequence[_Scored], sums: npt.NDArray[np.float32] | None) -> pa.Table:
    predictions = [prediction for one in scored for prediction in one.prediction]
    columns = dict(split.columns) | {
        "value": pa.array(np.concatenate([one.value for one in scored]), pa.float64()),
        "probability": pa.array(np.concatenate([one.probability for one in scored]), pa.float64()),
        "prediction": pa.array(predictions, pa.string()),
        "choice_logprobs": _choice_logprobs(split, sums),
    }
    schema = pa.schema([SAMPLES.field(name) for name in SAMPLE_COLUMNS])
    return pa.Table.from_arrays([columns[name] for name in SAMPLE_COLUMNS], schema=schema)


def _choice_logprobs(split: PreparedSplit, sums: npt.NDArray[np.float32] | None) -> pa.Array:
    """Summed log-probabilities of each document's choices; null for dialogues and where not finite."""
    kind = SAMPLES.field("choice_logprobs").type
    parts = []
    for task in split.tasks:
        if sums is None or task.task.family != "classification":
            parts.append(pa.nulls(len(task.documents), kind))
            continue
        start, stop = task.continuations[0], task.continuations[-1]
        offsets = pa.array((task.continuations - start).astype(np.int32))
        parts.append(pa.ListArray.from_arrays(offsets, pa.array(sums[start:stop], pa.float32())))
    return pa.concat_arrays([part.cast(kind) for part in parts])
