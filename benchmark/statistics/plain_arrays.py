"""Statistics on plain arrays, for use from other code: nothing here needs a track, a file or a table.

The functions are those behind the result tables. Their names are those of rliable (Agarwal et al. 2021) where it has
the same thing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.schema.stored_columns import ALL
from benchmark.statistics.aggregates import Profile, performance_profile, probability_of_improvement
from benchmark.statistics.contrast import gain
from benchmark.statistics.crossed import CONFIDENCE
from benchmark.statistics.design import DocumentScores, Layout, Task
from benchmark.statistics.interquartile import interquartile_mean

__all__ = [
    "Interval",
    "Profile",
    "interquartile_mean",
    "paired_difference",
    "performance_profile",
    "probability_of_improvement",
]


@dataclass(frozen=True)
class Interval:
    """A mean difference in the unit of the scores, with a two-sided interval from `low` to `high`.

    `p_value` is two-sided, for no difference. `low` and `high` are nan where the differences have no spread, or where a
    task has one document (or one cluster); the p-value is then that of an exact sign test, or nan. `conditional` is
    empty, or "texts and draws": with fewer than three rows the rows are taken as given, and only documents vary.
    """

    value: float
    low: float
    high: float
    p_value: float
    conditional: str


def paired_difference(
    treated: ArrayLike,
    base: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    tasks: ArrayLike | None = None,
    level: float = CONFIDENCE,
) -> Interval:
    """Mean of `treated` minus `base` on the same documents, with the interval that `comparisons.csv` has.

    The variance is the two-way one of documents crossed with rows, stratified by task; `crossed.crossed` has its
    formulas and their sources.

    Args:
        treated: scores [rows, documents] of texts, seeds or runs, or [documents] of one.
        base: the scores that each row is paired with, of the same shape, or [documents] for all rows.
        clusters: labels [documents] of documents that err alike, such as those of one passage; by default each
            document is its own cluster.
        tasks: names [documents]; the mean is over tasks of means over documents. By default there is one task.
        level: confidence level of the interval, in (0, 1).

    Raises:
        ValueError: shapes do not match, there are no documents, a score is not finite, or `level` is outside (0, 1).
    """
    scores, start = (np.atleast_2d(np.asarray(values, dtype=np.float64)) for values in (treated, base))
    rows, documents = scores.shape[0], scores.shape[-1]
    if scores.ndim != 2 or not documents or start.shape not in ((rows, documents), (1, documents)):
        raise ValueError(
            f"treated {scores.shape} and base {start.shape} are not [rows, documents] of one shape"
        )
    if not (np.isfinite(scores).all() and np.isfinite(start).all()):
        raise ValueError("a score is not finite: leave out documents that are not scored")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    names, task_of = _labels(np.zeros(documents) if tasks is None else tasks, documents)
    cluster = _labels(np.arange(documents) if clusters is None else clusters, documents)[1]
    order = np.argsort(task_of, kind="stable")
    layout = Layout(
        tuple(Task(str(name), ALL, "acc") for name in names),
        task_of[order],
        order,
        cluster[order],
    )
    entry = DocumentScores(
        model="model",
        arm="treated",
        corpus="corpus",
        units=tuple(map(str, range(rows))),
        columns=np.arange(documents),
        values=scores[:, order],
        start=np.broadcast_to(start, scores.shape)[:, order],
        by="draw",
    )
    found = gain(entry).estimated(layout)
    figures = (found.estimate.value, *found.estimate.interval(level), found.estimate.p_two_sided())
    value, low, high, p_value = (float(by_scope[0]) for by_scope in figures)
    return Interval(value, low, high, p_value, found.conditional)


def _labels(labels: ArrayLike, documents: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Distinct labels, sorted, and the place of each document's label among them [documents]."""
    given = np.asarray(labels)
    if given.shape != (documents,):
        raise ValueError(f"labels {given.shape} are not [documents], of which there are {documents}")
    names, places = np.unique(given, return_inverse=True)
    return names, places.astype(np.int64)
