"""Checks the run records of an entry: the averages of a record must follow from the samples."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from benchmark.posttrain.record import Averages, RunRecord
from benchmark.store.entry_lookup import Entry

TOLERANCE = 1e-12
RUN = ("text_id", "seed")


def entry_records(entry: Entry) -> list[RunRecord]:
    """The run records of an entry.

    Raises:
        InputError: no records are stored, or they are not readable.
    """
    records = RunRecord.read_all(entry.stored / "runs.jsonl")
    return [record for record in records if record.arm == entry.arm]


def check_records(samples: pa.Table, records: Sequence[RunRecord]) -> list[str]:
    """Disagreements between records and samples, one line each.

    Compares the mean of each task (test split) and the averages over tasks of both splits, at every scored step.
    Values and probabilities must lie in [0, 1], and accuracies must be 0 or 1. A diverged run without a finite step
    has chance instead of accuracies.
    """
    table = samples.select(
        ["draw", *RUN, "step", "task", "family", "split", "metric", "value", "probability"]
    ).to_pandas()
    table["draw"] = table["draw"].fillna(0).astype(int)
    found = [
        f"samples: {row.task} text {row.text_id} step {row.step} has value {row.value!r}"
        for row in table[~table["value"].between(0, 1)].itertuples()
    ]
    unlikely = ~table["probability"].between(0, 1) & table["probability"].notna()
    found += [
        f"samples: {row.task} text {row.text_id} step {row.step} has probability {row.probability!r}"
        for row in table[unlikely].itertuples()
    ]
    scored = {
        (record.draw, record.text_id, record.seed, step.step): step
        for record in records
        for step in record.steps
        if step.averages
    }
    means = table.groupby(["draw", *RUN, "step", "split", "family", "task"], sort=True)["value"].mean()
    for (draw, text_id, seed, step), recorded in sorted(scored.items(), key=lambda item: item[0]):
        if step == 0:
            continue
        for split, averages in (("test", recorded.averages), ("select", recorded.select_averages)):
            if averages is None:
                continue
            place = f"text {text_id} seed {seed} step {step} {split}"
            try:
                tasks = means.loc[(draw, text_id, seed, step, split)]
            except KeyError:
                found.append(f"samples: no rows of {place}")
                continue
            if split == "test":
                found += _task_faults(place, recorded.metrics, tasks.droplevel("family").to_dict())
            found += _average_faults(place, averages, tasks)
    fractions = table[(table["metric"] == "acc") & ~table["value"].isin([0.0, 1.0])]
    is_scored = [place in scored for place in _places(fractions)]
    found += [
        f"samples: an accuracy between 0 and 1 ({place})"
        for place in _places(fractions[np.array(is_scored, bool)])
    ]
    return found


def _places(table: Any) -> list[tuple[int, str, int, int]]:
    return list(zip(table["draw"], table["text_id"], table["seed"], table["step"], strict=True))


def _task_faults(place: str, recorded: Mapping[str, Averages], means: Mapping[str, float]) -> list[str]:
    faults = []
    for task, metrics in recorded.items():
        stored = next((value for name, value in metrics.items() if name != "loss"), None)
        if not _equal(stored, means.get(task)):
            faults.append(f"run record: {task} is {stored} ({place}), its samples give {means.get(task)}")
    return faults


def _average_faults(place: str, recorded: Averages, tasks: Any) -> list[str]:
    computed: dict[str, float] = {"all": float(tasks.mean())}
    computed |= {family: float(values.mean()) for family, values in tasks.groupby(level="family")}
    return [
        f"run record: average {scope} is {value} ({place}), its samples give {computed.get(scope)}"
        for scope, value in recorded.items()
        if not _equal(value, computed.get(scope))
    ]


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is None and (right is None or not math.isfinite(right))
    return math.isclose(left, right, rel_tol=0, abs_tol=TOLERANCE)
