"""Crossed inference: how sure a mean over documents x texts is, stratified by task, by two-way variances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from benchmark.scoring.layout import Floats, Layout

CONFIDENCE = 0.95
POWER = 0.80
ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """Estimates by scope: `value`, `variance` and degrees of freedom `df`, each [..., scopes].

    `df` is that of the Student distribution whose 97.5 % point is the critical value. A variance that cannot
    be estimated, or is zero beside a difference that is not, is nan.
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


def crossed(groups: Sequence[Floats], fixed: Floats | None, layout: Layout) -> Estimate:
    """Estimate the sum of the groups' means and of a fixed score by document, for every scope of `layout`.

    Each group is [..., texts, documents]: contributions of one set of texts; groups are independent in
    their texts and share the documents. `fixed` [..., documents] has no texts (a base model's score). A
    scope is the mean over its tasks of means over documents; documents are nested in tasks and texts cross
    all tasks.

    The variance is the two-way one, documents + texts - interaction (Cameron, Gelbach & Miller 2011, eq.
    2.11; Owen 2007, section 4), by unbiased mean squares in each task; the part of the texts alone, texts -
    interaction, is taken as 0 where it comes out below. The critical value is Cochran's (1964): the average
    of Student's for the documents (Satterthwaite's degrees of freedom over tasks) and for the texts (texts -
    1), weighted by their parts of the variance. `docs/STATISTICS.md` shows why not Satterthwaite's for the
    sum: it covers too little with three texts. With one text a group adds no text variance, and the estimate
    is conditional on that text. A task needs two documents (nan otherwise).
    """
    sums: Any = sum((group.mean(axis=-2) for group in groups), 0.0 if fixed is None else fixed)
    by_document = np.asarray(sums, dtype=np.float64)
    task_means = layout.task_means(by_document)
    value = task_means @ layout.scope_weights.T
    value = np.where(np.abs(value) <= ROUNDING, 0.0, value)
    documents, df = _document_variance(by_document, task_means, layout)
    variance: Floats = documents
    critical: Floats = documents * _critical(df)
    for group in groups:
        texts = group.shape[-2]
        if texts > 1:
            part = _text_variance(group, layout)
            variance = variance + part
            critical = critical + part * _critical(np.float64(texts - 1))
    nothing = variance <= ROUNDING**2
    variance = np.where(nothing, np.where(value == 0, 0.0, np.nan), variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(nothing, np.inf, _df_with_critical(critical / variance))
    return Estimate(value, variance, np.where(np.isnan(variance), np.nan, df))


def _document_variance(by_document: Floats, task_means: Floats, layout: Layout) -> tuple[Floats, Floats]:
    """Variance between documents and its degrees of freedom, by scope."""
    counts, squares = layout.counts, (layout.scope_weights**2).T
    residual = by_document - np.repeat(task_means, counts, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_task = np.add.reduceat(residual**2, layout.starts, axis=-1) / (counts - 1) / counts
        variance = _sum_tasks(by_task, squares)
        spread = _sum_tasks(by_task**2 / np.maximum(counts - 1, 1), squares**2)
        return variance, np.where(variance > 0, variance**2 / spread, np.inf)


def _text_variance(group: Floats, layout: Layout) -> Floats:
    """Variance of texts alone [..., scopes]: mean square of text means less that of the interaction."""
    texts, counts = group.shape[-2], layout.counts
    centred = group - group.mean(axis=-2, keepdims=True)
    text_means = layout.task_means(centred)
    between = ((text_means @ layout.scope_weights.T) ** 2).sum(axis=-2) / (texts - 1) / texts
    squared = np.add.reduceat((centred**2).sum(axis=-2), layout.starts, axis=-1)
    squared = np.maximum(squared - counts * (text_means**2).sum(axis=-2), 0.0)
    interaction = squared / ((texts - 1.0) * np.maximum(counts - 1, 1)) / (texts * counts)
    alone = between - _sum_tasks(interaction, (layout.scope_weights**2).T)
    return np.asarray(np.maximum(alone, 0.0), dtype=np.float64)


def _sum_tasks(by_task: Floats, squares: Floats) -> Floats:
    """[..., tasks] x [tasks, scopes], where a task that a scope leaves out may be nan."""
    if np.isnan(by_task).any():
        products = np.where(squares > 0, by_task[..., :, None] * squares, 0.0)
        return np.asarray(products.sum(axis=-2), dtype=np.float64)
    return np.asarray(by_task @ squares, dtype=np.float64)


def _critical(df: Any) -> Floats:
    return np.asarray(stats.t.ppf(0.5 + CONFIDENCE / 2, df), dtype=np.float64)


_INVERSE_DF = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 4000)])
_CRITICAL = _critical(1 / np.maximum(_INVERSE_DF, 1e-12))


def _df_with_critical(critical: Floats) -> Floats:
    """Degrees of freedom of the Student distribution with this 97.5 % point (to 5 digits, by a table)."""
    inverse = np.interp(critical, _CRITICAL, _INVERSE_DF)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(inverse > 0, 1 / inverse, np.inf), dtype=np.float64)


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
