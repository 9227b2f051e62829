"""Textbook intervals and tests for one sample: Wilson for proportions, McNemar for pairs, t for a mean over texts."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from benchmark.statistics.crossed import CONFIDENCE
from benchmark.statistics.design import Floats


def wilson(successes: ArrayLike, trials: int, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Wilson's (1927) score interval for proportions: low and high ends, each with the shape of `successes`."""
    low, high = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def mcnemar_exact(first: Floats, second: Floats) -> float:
    """Exact two-sided McNemar p-value of two paired 0/1 vectors: a binomial test of the discordant pairs."""
    better, worse = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    if better + worse == 0:
        return 1.0
    return float(stats.binomtest(better, better + worse, 0.5).pvalue)


def mean_over_texts(values: Floats) -> tuple[float, float, float]:
    """Mean with 95 % t interval over texts [texts]; nan bounds with fewer than two."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return mean, mean - half, mean + half
