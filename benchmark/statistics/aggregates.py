"""Aggregates beside the plain mean: chance-corrected averages, improvement, profiles."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import mannwhitneyu

from benchmark.schema.stored_columns import ALL
from benchmark.statistics.design import Floats
from benchmark.statistics.textbook import wilson

PROFILE_POINTS = 101
ENTRY = ["track", "suite_version", "model", "arm", "corpus"]
PROFILE_COLUMNS = [*ENTRY, "scope", "threshold", "share", "low", "high", "n_texts"]


def chance_corrected(scores: ArrayLike, chance: ArrayLike) -> Floats:
    """(score - chance) / (1 - chance), task by task: 0 at chance, 1 when all is right; F1 has chance 0.

    `scores` [..., tasks], `chance` [tasks] in [0, 1). Average the result over tasks for the corrected
    average.
    """
    by_chance = np.asarray(chance, dtype=np.float64)
    if np.any(by_chance < 0) or np.any(by_chance >= 1):
        raise ValueError("chance lies in [0, 1)")
    return (np.asarray(scores, dtype=np.float64) - by_chance) / (1 - by_chance)


def corrected_averages(
    scores: Mapping[str, float], chance: Mapping[str, float], families: Mapping[str, str]
) -> dict[str, float]:
    """Chance-corrected means by scope: `all` and the families of the tasks."""
    tasks = sorted(scores)
    corrected = chance_corrected([scores[t] for t in tasks], [chance.get(t, 0.0) for t in tasks])
    return {
        scope: float(
            np.mean(
                [
                    value
                    for task, value in zip(tasks, corrected, strict=True)
                    if scope in (ALL, families[task])
                ]
            )
        )
        for scope in dict.fromkeys((ALL, *(families[task] for task in tasks)))
    }


def probability_of_improvement(treated: ArrayLike, reference: ArrayLike) -> float | None:
    """P(treated > reference) + P(equal) / 2 over all pairs of runs: Mann-Whitney's U by pair.

    `treated` [texts], `reference` [texts of a control], or the one score of a base model. None when one is
    empty.
    """
    first, second = _finite(treated), _finite(reference)
    if not len(first) or not len(second):
        return None
    return float(mannwhitneyu(first, second, method="asymptotic").statistic / (len(first) * len(second)))


@dataclass(frozen=True)
class Profile:
    """Shares of scores above each threshold with 95 % intervals over the scores; all fields are [thresholds]."""

    thresholds: Floats
    share: Floats
    low: Floats
    high: Floats


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> Profile:
    """Share of `scores` [texts or runs] above each of `thresholds` [thresholds], with Wilson's interval.

    Agarwal et al. 2021, section 4.2; their intervals are by bootstrap. Raises ValueError without any finite score.
    """
    finite, levels = _finite(scores), np.asarray(thresholds, dtype=np.float64)
    if not len(finite):
        raise ValueError("a profile needs at least one finite score")
    above = (finite[:, None] > levels).sum(axis=0)
    return Profile(levels, above / len(finite), *wilson(above, len(finite)))


def profile_table(
    scores: Mapping[tuple[str, str, str], ArrayLike], scope: str, *, track: str, suite_version: str
) -> pd.DataFrame:
    """Rows of `profile.csv`: the performance profiles of entries over their texts, at common thresholds.

    `scores` maps (model, arm, corpus) to scores [texts] at `scope`. Thresholds are equally spaced from the lowest to
    the highest score of all entries.
    """
    finite = {key: _finite(values) for key, values in sorted(scores.items())}
    finite = {key: values for key, values in finite.items() if len(values)}
    if not finite:
        return pd.DataFrame(columns=PROFILE_COLUMNS)
    pooled = np.concatenate(list(finite.values()))
    thresholds = np.linspace(pooled.min(), pooled.max(), PROFILE_POINTS)
    tables = []
    for (model, arm, corpus), values in finite.items():
        profile = performance_profile(values, thresholds)
        named = (track, suite_version, model, arm, corpus, scope)
        columns = (*named, thresholds, profile.share, profile.low, profile.high, len(values))
        tables.append(pd.DataFrame(dict(zip(PROFILE_COLUMNS, columns, strict=True))))
    return pd.concat(tables, ignore_index=True)


def _finite(values: ArrayLike) -> Floats:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return array[np.isfinite(array)]
