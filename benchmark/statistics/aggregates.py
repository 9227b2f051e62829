"""Aggregates beside the plain mean: chance-corrected averages, improvement, profiles."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import mannwhitneyu
from statsmodels.stats.proportion import proportion_confint

PROFILE_POINTS = 101
PROFILE_COLUMNS = [
    "track",
    "suite_version",
    "model",
    "arm",
    "corpus",
    "scope",
    "threshold",
    "share",
    "low",
    "high",
    "n_texts",
]


def chance_corrected(scores: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
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
) -> dict[str, float | None]:
    """Chance-corrected means by scope: `all`, `classification`, `dialogue` (None where no task is in it)."""
    tasks = sorted(scores)
    corrected = chance_corrected([scores[t] for t in tasks], [chance.get(t, 0.0) for t in tasks])
    averages: dict[str, float | None] = {"all": float(corrected.mean()) if tasks else None}
    for family in ("classification", "dialogue"):
        member = [value for task, value in zip(tasks, corrected, strict=True) if families[task] == family]
        averages[family] = float(np.mean(member)) if member else None
    return averages


def probability_of_improvement(treated: ArrayLike, reference: ArrayLike) -> float | None:
    """P(treated > reference) + P(equal) / 2 over all pairs of runs: Mann-Whitney's U by pair.

    `treated` [texts], `reference` [texts of a control], or the one score of a base model. None when one is
    empty.
    """
    first, second = _finite(treated), _finite(reference)
    if not len(first) or not len(second):
        return None
    return float(mannwhitneyu(first, second, method="asymptotic").statistic / (len(first) * len(second)))


def performance_profile(
    scores: Mapping[tuple[str, str, str], ArrayLike], scope: str, *, track: str, suite_version: str
) -> pd.DataFrame:
    """Share of an entry's texts that score above each threshold, with Wilson's 95 % interval over texts.

    `scores` maps (model, arm, corpus) to scores [texts] at `scope`. Thresholds are common to all rows:
    equally spaced from the lowest to the highest score (Agarwal et al. 2021, section 4.2; intervals here by
    binomial).
    """
    finite = {key: _finite(values) for key, values in sorted(scores.items())}
    finite = {key: values for key, values in finite.items() if len(values)}
    if not finite:
        return pd.DataFrame(columns=PROFILE_COLUMNS)
    pooled = np.concatenate(list(finite.values()))
    thresholds = np.linspace(pooled.min(), pooled.max(), PROFILE_POINTS)
    parts = []
    for (model, arm, corpus), values in finite.items():
        above = (values[:, None] > thresholds).sum(axis=0)
        low, high = proportion_confint(above, len(values), method="wilson")
        parts.append(
            pd.DataFrame(
                {
                    "track": track,
                    "suite_version": suite_version,
                    "model": model,
                    "arm": arm,
                    "corpus": corpus,
                    "scope": scope,
                    "threshold": thresholds,
                    "share": above / len(values),
                    "low": low,
                    "high": high,
                    "n_texts": len(values),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[PROFILE_COLUMNS]


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return array[np.isfinite(array)]
