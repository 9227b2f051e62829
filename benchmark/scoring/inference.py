"""Crossed inference: how sure a mean over documents x texts is, stratified by task, by two-way variances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmark.scoring.layout import Floats, Layout

CONFIDENCE = 0.95
POWER = 0.80


@dataclass(frozen=True)
class Estimate:
    """Estimates by scope: `value`, `variance` and degrees of freedom `df`, each [..., scopes].

    A variance that cannot be estimated, or is zero beside a difference that is not, is nan.
    """

    value: Floats
    variance: Floats
    df: Floats

    @property
    def error(self) -> Floats:
        """Standard error."""
        return np.sqrt(self.variance)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Two-sided t interval."""
        half = stats.t.ppf(0.5 + confidence / 2, self.df) * self.error
        return self.value - half, self.value + half

    def p_two_sided(self) -> Floats:
        """p-value of the hypothesis that the value is 0."""
        return np.asarray(2 * stats.t.sf(np.abs(self._statistic()), self.df), dtype=np.float64)

    def p_above_zero(self) -> Floats:
        """One-sided p-value against the hypothesis that the value is 0 or less."""
        return np.asarray(stats.t.sf(self._statistic(), self.df), dtype=np.float64)

    def detectable(self, power: float = POWER, confidence: float = CONFIDENCE) -> Floats:
        """Minimum detectable effect of a two-sided test: (t[1 - alpha/2] + t[power]) standard errors."""
        t = stats.t.ppf(0.5 + confidence / 2, self.df) + stats.t.ppf(power, self.df)
        return np.asarray(t * self.error, dtype=np.float64)

    def _statistic(self) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.value / self.error
        return np.where((self.variance == 0) & (self.value == 0), 0.0, statistic)


@dataclass(frozen=True)
class _TextGroup:
    """What one set of texts adds to the variance: `text` [..., scopes], `interaction` [..., tasks]."""

    text: Floats
    interaction: Floats
    df_text: int
    df_interaction: Floats


def crossed(groups: Sequence[Floats], fixed: Floats | None, layout: Layout) -> Estimate:
    """Estimate the sum of the groups' means and of a fixed score by document, for every scope of `layout`.

    Each group is [..., texts, documents]: contributions of one set of texts; groups are independent in
    their texts and share the documents. `fixed` [..., documents] has no texts (a base model's score). A
    scope is the mean over its tasks of means over documents; documents are nested in tasks and texts cross
    all tasks.

    The variance is the two-way one, documents + texts - interaction (Cameron, Gelbach & Miller 2011, eq.
    2.11; Owen 2007, section 4), by unbiased mean squares in each task, so that the subtracted term is the
    part which the first two count twice. Its degrees of freedom are Satterthwaite's (1946). With one text a
    group adds no text variance: the estimate is then conditional on that text. A task needs two documents
    (nan otherwise).
    """
    by_document = sum((group.mean(axis=-2) for group in groups), 0.0 if fixed is None else fixed)
    by_document = np.asarray(by_document, dtype=np.float64)
    weights, counts = layout.scope_weights, layout.counts
    task_means = layout.task_means(by_document)
    residual = by_document - np.repeat(task_means, counts, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        document = np.add.reduceat(residual**2, layout.starts, axis=-1) / (counts - 1) / counts
    squares = (weights**2).T
    variance = _sum_tasks(document, squares)
    spread = _sum_tasks(document**2 / np.maximum(counts - 1, 1), squares**2)
    floor = variance
    for part in (_text_group(group, layout) for group in groups if group.shape[-2] > 1):
        interaction = _sum_tasks(part.interaction, squares)
        variance = variance + part.text - interaction
        floor = np.maximum(floor, part.text)
        spread = spread + part.text**2 / part.df_text
        spread = spread + _sum_tasks(part.interaction**2 / part.df_interaction, squares**2)
    value = task_means @ weights.T
    variance = np.maximum(variance, floor)
    variance = np.where((variance <= 1e-24) & (np.abs(value) > 1e-12), np.nan, variance)
    variance = np.where(variance <= 1e-24, 0.0, variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(variance > 0, variance**2 / spread, np.inf)
    df = np.where(np.isnan(variance), np.nan, df)
    value = np.where(np.abs(value) <= 1e-15, 0.0, value)
    return Estimate(value, variance, df)


def _text_group(group: Floats, layout: Layout) -> _TextGroup:
    texts, counts = group.shape[-2], layout.counts
    centred = group - group.mean(axis=-2, keepdims=True)
    text_means = layout.task_means(centred)
    scope_means = text_means @ layout.scope_weights.T
    text = (scope_means**2).sum(axis=-2) / (texts - 1) / texts
    squared = np.add.reduceat((centred**2).sum(axis=-2), layout.starts, axis=-1)
    squared = np.maximum(squared - counts * (text_means**2).sum(axis=-2), 0.0)
    df = (texts - 1.0) * np.maximum(counts - 1, 1)
    return _TextGroup(text, squared / df / (texts * counts), texts - 1, df)


def _sum_tasks(by_task: Floats, squares: Floats) -> Floats:
    """[..., tasks] x [tasks, scopes], where a task that a scope leaves out may be nan."""
    if np.isnan(by_task).any():
        products = np.where(squares > 0, by_task[..., :, None] * squares, 0.0)
        return np.asarray(products.sum(axis=-2), dtype=np.float64)
    return np.asarray(by_task @ squares, dtype=np.float64)


def wilson(successes: float, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's (1927) score interval for a proportion."""
    interval = stats.binomtest(round(successes), trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


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
