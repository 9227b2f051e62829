"""Part two of `verify`: repeat runs chosen at random and compare them with the stored ones."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmark.posttrain.record import RunRecord

SCORE = 1e-9


@dataclass(frozen=True)
class Tolerance:
    """How far a repeated run may be from the stored one.

    Attributes:
        log_probability: of a choice, nats. An answer whose margin is smaller may change.
        probability: a choice's changes at most half as much as log-probabilities, a reply's as much as their mean.
        answers: share of generated answers that may differ: their margins are not stored, so they are only counted.
    """

    log_probability: float = 1e-3
    probability: float = 1e-3
    answers: float = 0.02


TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(),
    "tf32": Tolerance(log_probability=0.1, probability=0.017),
    "bf16": Tolerance(log_probability=0.85, probability=0.14, answers=0.12),
}
"""By `evaluation.precision`. Two machines are at most twice as far from each other as either is from float32, so bf16
and tf32 have twice the largest differences of `docs/precision.json` (micro ladder on a CPU, which emulates tf32),
rounded up, and at least what fp32 has."""

ROW = ["step", "task", "split", "doc_id"]


@dataclass(frozen=True)
class RunName:
    """A run of an entry."""

    index: int
    text_id: str
    seed: int


class Repeater(Protocol):
    """Repeats a run without reading anything that is stored about it."""

    @property
    def model_digests(self) -> Mapping[int, str]:
        """sha256 of base weights and tokenizer by draw."""
        ...

    def samples(self, run: RunName) -> pa.Table:
        """Samples of all steps of the run."""
        ...


@dataclass
class Repetition:
    """How far repeated runs agreed with the stored ones.

    Attributes:
        largest: largest difference between choice log-probabilities, nats.
        flips: chosen answers that differ and whose margin was within the tolerance.
        answers: generated answers compared; `differing` of them are not the same text.
        faults: what did not agree, one line each.
    """

    values: int = 0
    largest: float = 0.0
    flips: int = 0
    answers: int = 0
    differing: int = 0
    faults: list[str] = field(default_factory=list)


def draw_runs(records: Sequence[RunRecord], count: int, seed: int) -> list[RunName]:
    """`count` of an entry's runs, drawn without replacement by `seed`; all if there are fewer."""
    names = sorted({(record.index, record.text_id, record.seed) for record in records})
    chosen = random.Random(seed).sample(names, min(count, len(names)))
    return [RunName(*name) for name in sorted(chosen)]


def compare_run(
    name: RunName,
    stored: pa.Table,
    repeated: pa.Table,
    outcome: Repetition,
    tolerance: Tolerance = TOLERANCES["fp32"],
) -> None:
    """Add the comparison of one run's samples to `outcome`."""
    columns = [*ROW, "metric", "value", "probability", "prediction", "choice_logprobs"]
    left, right = (table.select(columns).to_pandas() for table in (stored, repeated))
    joined = left.merge(right, on=[*ROW, "metric"], how="outer", suffixes=("", "_again"), indicator=True)
    label = f"text {name.index} seed {name.seed}"
    single = joined[joined["_merge"] != "both"]
    if len(single):
        outcome.faults.append(f"{label}: {len(single)} documents are on one side only")
    both = joined[joined["_merge"] == "both"]
    for row in both.to_dict("records"):
        place = f"{label} step {row['step']} {row['task']} {row['split']} document {row['doc_id']}"
        gap = _probability_gap(row["probability"], row["probability_again"])
        if not gap <= tolerance.probability:
            outcome.faults.append(f"{place}: its probability differs by {gap:.6g}")
        if _numbers(row["choice_logprobs"]) is not None or row["metric"].startswith("acc"):
            _compare_choice(row, place, outcome, tolerance)
        else:
            _compare_answer(row, place, outcome)


def _compare_choice(row: dict[str, Any], place: str, outcome: Repetition, tolerance: Tolerance) -> None:
    old, new = (_numbers(row[column]) for column in ("choice_logprobs", "choice_logprobs_again"))
    if (old is None) != (new is None) or (old is not None and new is not None and len(old) != len(new)):
        outcome.faults.append(f"{place}: log-probabilities of another number of choices")
        return
    margin = 0.0
    if old is not None and new is not None:
        gap = _largest_gap(old, new)
        outcome.values += len(old)
        outcome.largest = max(outcome.largest, gap)
        if not gap <= tolerance.log_probability:
            outcome.faults.append(f"{place}: a log-probability differs by {gap:.6g}")
            return
        margin = min(_margin(old), _margin(new))
    if row["value"] == row["value_again"] and _same(row["prediction"], row["prediction_again"]):
        return
    if old is not None and margin < tolerance.log_probability:
        outcome.flips += 1
    else:
        outcome.faults.append(f"{place}: the answer or its value differs at a margin of {margin:.6g}")


def _compare_answer(row: dict[str, Any], place: str, outcome: Repetition) -> None:
    outcome.answers += 1
    if not _same(row["prediction"], row["prediction_again"]):
        outcome.differing += 1
    elif not abs(row["value"] - row["value_again"]) <= SCORE:
        outcome.faults.append(f"{place}: the same answer is given another score ({row['value']})")


def judge_answers(outcome: Repetition, tolerance: Tolerance = TOLERANCES["fp32"]) -> None:
    """Add a fault if more generated answers differ than another machine's rounding explains."""
    if outcome.answers and outcome.differing > tolerance.answers * outcome.answers:
        outcome.faults.append(f"{outcome.differing} of {outcome.answers} generated answers differ")


def _probability_gap(old: float, new: float) -> float:
    """The absolute difference; 0 if neither side has a probability, inf if only one has."""
    if np.isnan(old) or np.isnan(new):
        return 0.0 if np.isnan(old) and np.isnan(new) else float("inf")
    return abs(old - new)


def _numbers(value: Any) -> np.ndarray | None:
    return None if value is None or value is pd.NA or isinstance(value, float) else np.asarray(value, float)


def _largest_gap(old: np.ndarray, new: np.ndarray) -> float:
    finite = np.isfinite(old) & np.isfinite(new)
    alike = finite | (old == new) | (np.isnan(old) & np.isnan(new))
    if not alike.all():
        return float("inf")
    return float(np.abs(old[finite] - new[finite]).max(initial=0.0))


def _margin(values: np.ndarray) -> float:
    if len(values) < 2 or not np.isfinite(values).all():
        return 0.0
    last = np.sort(values)[-2:]
    return float(last[1] - last[0])


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) or (not isinstance(left, str) and not isinstance(right, str))
