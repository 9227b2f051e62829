"""Score one model on a prepared suite: one sample per document, and the metrics of each task and family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmark.arithmetic.mode import Precision
from benchmark.errors import InputError
from benchmark.evaluation.batched_scoring import Outcome, Progress, run_workload
from benchmark.evaluation.drafts import Drafts, make_drafts
from benchmark.evaluation.prepare import Prepared, PreparedSplit, PreparedTask
from benchmark.evaluation.stops import cut_at_stops
from benchmark.models.causal_model import CausalModel
from benchmark.models.tokenizer import Tokenizer
from benchmark.schema.stored_columns import SAMPLES
from benchmark.tasks.metrics import choice_probability, reference_probability
from benchmark.tasks.suite import SuiteGroup

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
    task's metric and its ``loss`` in nats; ``averages[split]`` the means over tasks, each alike; ``groups[split]``
    those of the suite's groups, weighted as lm-eval has them. ``finite`` is false where a logit was not: then value
    and probability of every document are chance and losses are None.
    ``written[split]``: the tokens of every generated text, by its unit's number. ``written_finite`` is false where a
    logit was not that a token of these texts was chosen by, or a guess at one: no base model may have such.
    """

    samples: pa.Table
    metrics: dict[str, Metrics]
    averages: dict[str, Averages]
    finite: bool
    written: dict[str, dict[int, list[int]]]
    written_finite: bool = True
    groups: dict[str, Averages] = field(default_factory=dict)


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
    """One task on one split: ``value`` and ``probability`` [documents], its loss, and the model's answers.

    A text that is written with no reference beside it has neither probability nor loss.
    """

    value: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64] | None
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
    precision: Precision = "fp32",
) -> Evaluation:
    """Score ``model`` on all prepared splits, or on ``splits``. Weights stay as they are, on their device.

    ``drafts``: texts that a neighbour of the model wrote (``drafts_from``). They save time where the model writes
    the same. The output does not change, except when two tokens tie within rounding.

    ``loss_batch_size``: the loss of a dialogue task is the token mean inside each batch of that many
    documents, weighted by the documents, as the original study has it.

    ``precision``: of the products in the model's layers (``arithmetic/precision.py``).
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
    groups: dict[str, Averages] = {}
    written: dict[str, dict[int, list[int]]] = {}
    finite = written_finite = True
    for name in prepared.splits if splits is None else splits:
        split = prepared.splits[name]
        outcome = run_workload(
            network,
            split.workload,
            eos_id=prepared.tokenizer.eos_id,
            logits_bytes=prepared.logits_bytes,
            want_greedy=any(task.task.form == "loglikelihood" for task in split.tasks),
            drafts=drafts.get(name) if drafts else None,
            progress=progress,
            precision=precision,
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
        averages[name] = _averages(split.tasks, metrics[name], prepared.families)
        if prepared.groups:
            groups[name] = _group_averages(prepared.groups, split.tasks, scored)
    return Evaluation(pa.concat_tables(tables), metrics, averages, finite, written, written_finite, groups)


def _score(
    task: PreparedTask,
    split: PreparedSplit,
    sums: npt.NDArray[np.float32],
    outcome: Outcome,
    tokenizer: Tokenizer,
    loss_batch_size: int,
) -> _Scored:
    match task.task.form:
        case "choice":
            return _choice(task, split, sums)
        case "loglikelihood":
            return _greedy(task, split, sums, outcome)
        case "dialogue":
            return _dialogue(task, split, sums, outcome, tokenizer, loss_batch_size)
        case "generation":
            texts, values = _written(task, split, outcome, tokenizer)
            return _Scored(values, None, None, texts)


def _choice(task: PreparedTask, split: PreparedSplit, sums: npt.NDArray[np.float32]) -> _Scored:
    """The likeliest choice, by log-likelihoods that are divided by the choices' lengths where the metric says so."""
    offsets = task.continuations
    first = int(offsets[0])
    own = sums[first : int(offsets[-1])].astype(np.float64)
    compared = own if task.lengths is None else own / task.lengths
    choices = np.full(task.values.shape, -np.inf)
    for row, (start, stop) in enumerate(pairwise((offsets - first).tolist())):
        choices[row, : stop - start] = compared[start:stop]
    predicted = choices.argmax(axis=1)  # the first of equal choices
    rows = np.arange(len(predicted))
    right = offsets[:-1] + task.gold
    loss = -own[right - first] / np.diff(split.workload.first_slot)[right]
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


def _greedy(
    task: PreparedTask, split: PreparedSplit, sums: npt.NDArray[np.float32], outcome: Outcome
) -> _Scored:
    """Whether greedy decoding gives the target: each of its tokens is the likeliest after those before it."""
    assert outcome.greedy is not None
    where = slice(int(task.continuations[0]), int(task.continuations[-1]))
    logprobs = sums[where].astype(np.float64)
    counts = np.diff(split.workload.first_slot)[where]
    is_greedy = np.logical_and.reduceat(outcome.greedy, split.workload.first_slot[:-1])[where].tolist()
    values = [
        task.task.of_target(document, logprob, greedy)
        for document, logprob, greedy in zip(task.documents, logprobs.tolist(), is_greedy, strict=True)
    ]
    probability = list(map(reference_probability, logprobs.tolist(), counts.tolist()))
    predicted = ["greedy" if greedy else "not greedy" for greedy in is_greedy]
    loss = float((-logprobs / counts).mean())
    return _Scored(np.array(values, np.float64), np.array(probability, np.float64), loss, predicted)


def _dialogue(
    task: PreparedTask,
    split: PreparedSplit,
    sums: npt.NDArray[np.float32],
    outcome: Outcome,
    tokenizer: Tokenizer,
    loss_batch_size: int,
) -> _Scored:
    losses = sums[task.continuations[0] : task.continuations[-1]].astype(np.float64)
    texts, values = _written(task, split, outcome, tokenizer)
    counts = np.diff(split.workload.first_slot)[task.continuations[0] : task.continuations[-1]]
    loss = batched_loss(-losses, counts, loss_batch_size)
    probability = list(map(reference_probability, losses.tolist(), counts.tolist()))
    return _Scored(values, np.array(probability, np.float64), loss, texts)


def _written(
    task: PreparedTask, split: PreparedSplit, outcome: Outcome, tokenizer: Tokenizer
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The texts that were written, and their metric."""
    graded = [_grade(task, split, unit, outcome.tokens[unit], tokenizer) for unit in task.units]
    return [text for text, _ in graded], np.array([value for _, value in graded], np.float64)


def _grade(
    task: PreparedTask, split: PreparedSplit, unit: int, tokens: list[int], tokenizer: Tokenizer
) -> tuple[str, float]:
    """The text of a unit's ``tokens``, and its metric, which depends on the text alone."""
    if unit in task.graded and task.graded[unit][0] == tokens:
        return task.graded[unit][1:]
    ending = split.workload.units[unit].ending
    text = cut_at_stops(tokenizer.decode(tokens), ending.stops if ending else ())
    value = task.task.graded(task.documents[unit - task.units.start], text)
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
    probability = None if task.task.form == "generation" else chance
    return _Scored(chance, probability, None, [None] * len(chance))


def _averages(
    tasks: Sequence[PreparedTask],
    metrics: Mapping[str, Mapping[str, float | None]],
    families: Sequence[str],
) -> Averages:
    """The mean over the tasks of each family and over all, each task alike."""
    primary = [(task.task.family, metrics[task.task.name][task.task.metric] or 0.0) for task in tasks]
    averages: Averages = {}
    for scope in (*families, "all"):
        values = [value for family, value in primary if scope in (family, "all")]
        averages[scope] = float(np.mean(values)) if values else None
    return averages


def _group_averages(
    groups: Sequence[SuiteGroup], tasks: Sequence[PreparedTask], scored: Sequence[_Scored]
) -> Averages:
    """The mean of each group over its documents, or over its tasks, as lm-eval has it."""
    values = {task.task.name: one.value for task, one in zip(tasks, scored, strict=True)}
    averages: Averages = {}
    for group in groups:
        of_tasks = [values[name] for name in group.tasks if name in values]
        of_tasks = [np.concatenate(of_tasks)] if group.weight_by_size and of_tasks else of_tasks
        averages[group.name] = float(np.mean([one.mean() for one in of_tasks])) if of_tasks else None
    return averages


def _table(split: PreparedSplit, scored: Sequence[_Scored], sums: npt.NDArray[np.float32] | None) -> pa.Table:
    predictions = [prediction for one in scored for prediction in one.prediction]
    columns = dict(split.columns) | {
        "value": pa.array(np.concatenate([one.value for one in scored]), pa.float64()),
        "probability": pa.concat_arrays(
            [
                pa.nulls(len(one.value), pa.float64())
                if one.probability is None
                else pa.array(one.probability, pa.float64())
                for one in scored
            ]
        ),
        "prediction": pa.array(predictions, pa.string()),
        "choice_logprobs": _choice_logprobs(split, sums),
    }
    schema = pa.schema([SAMPLES.field(name) for name in SAMPLE_COLUMNS])
    return pa.Table.from_arrays([columns[name] for name in SAMPLE_COLUMNS], schema=schema)


def _choice_logprobs(split: PreparedSplit, sums: npt.NDArray[np.float32] | None) -> pa.Array:
    """Summed log-probabilities of each document's choices or target; null of written texts and where not finite."""
    kind = SAMPLES.field("choice_logprobs").type
    parts = []
    for task in split.tasks:
        if sums is None or task.task.form not in ("choice", "loglikelihood"):
            parts.append(pa.nulls(len(task.documents), kind))
            continue
        start, stop = task.continuations[0], task.continuations[-1]
        offsets = pa.array((task.continuations - start).astype(np.int32))
        parts.append(pa.ListArray.from_arrays(offsets, pa.array(sums[start:stop], pa.float32())))
    return pa.concat_arrays([part.cast(kind) for part in parts])
