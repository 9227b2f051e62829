"""Means over documents crossed with texts, stratified by task: two-way variances, intervals and tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from benchmark.statistics.design import Floats, Layout
from benchmark.statistics.sign_test import ROUNDING, sign_test

CONFIDENCE = 0.95
POWER = 0.80
TINY = 1e-300
LARGEST_DF = 1e9
HALVINGS = 50


class VariancePart(NamedTuple):
    """One part of a variance, such as that of documents, and its degrees of freedom, each [..., scopes]."""

    variance: Floats
    df: Floats


@dataclass(frozen=True)
class Estimate:
    """Estimates by scope: `value` and `variance`, each [..., scopes].

    `parts` are the parts of the variance: that of the documents, then one per set of texts. `df` are
    Satterthwaite's degrees of freedom of their sum and `trust` in [0, 1] the weight that they get. A variance
    that cannot be estimated is nan, and so is one of 0: where all differences are the same, they do not show
    how much others would vary. There is then no interval, and the p-value is `exact` (nan where there is no
    such test).
    """

    value: Floats
    variance: Floats
    parts: tuple[VariancePart, ...]
    df: Floats
    trust: float
    exact: Floats

    @property
    def error(self) -> Floats:
        """Standard error."""
        return np.sqrt(self.variance)

    def critical(self, tail: Floats | float) -> Floats:
        """Critical value that leaves `tail` above it: a mean of Satterthwaite's and Cochran's, by `trust`.

        Cochran's (1964) is the mean of Student's quantiles of the parts, weighted by their variances.
        """
        cochran = sum(part.variance * _quantile(part.df, tail) for part in self.parts) / self._total
        mixed = self.trust * _quantile(self.df, tail) + (1 - self.trust) * cochran
        return np.asarray(np.where(self.variance > 0, mixed, 0.0), dtype=np.float64)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Two-sided interval."""
        half = self.critical((1 - confidence) / 2) * self.error
        return self.value - half, self.value + half

    def p_two_sided(self) -> Floats:
        """p-value of a value of 0: the level at which the interval ends there; `exact` without an interval."""
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(self.value == 0, 0.0, np.abs(self.value) / self.error)
        bounds = np.stack(
            [2 * stdtr(_bounded(df), -statistic) for df in (self.df, *(p.df for p in self.parts))]
        )
        low, high = (np.log(np.maximum(bound, TINY)) for bound in (bounds.min(axis=0), bounds.max(axis=0)))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = self.critical(np.exp(middle) / 2) > statistic
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        p_value = np.exp((low + high) / 2)
        return np.where(np.isnan(self.variance), self.exact, np.where(statistic == 0, 1.0, p_value))

    def p_above_zero(self) -> Floats:
        """One-sided p-value against the hypothesis that the value is 0 or less."""
        half = self.p_two_sided() / 2
        return np.where(self.value > 0, half, 1 - half)

    def is_above_zero(self) -> NDArray[np.bool_]:
        """Whether the 95 % interval lies above 0; without one, whether the exact test says so."""
        exact = (self.value > 0) & (self.exact < 1 - CONFIDENCE)
        return np.where(np.isnan(self.variance), exact, self.interval()[0] > 0)

    def detectable(self, power: float = POWER, confidence: float = CONFIDENCE) -> Floats:
        """Minimum detectable effect of a two-sided test: critical values of level and power times the error."""
        steps = self.critical((1 - confidence) / 2) + self.critical(1 - power)
        return np.asarray(np.where(np.isnan(self.variance), np.nan, steps * self.error), dtype=np.float64)

    def at(self, scopes: slice) -> "Estimate":
        """The estimate for a slice of the scopes."""
        parts = tuple(VariancePart(part.variance[..., scopes], part.df[..., scopes]) for part in self.parts)
        fields = (self.value, self.variance, self.df, self.exact)
        value, variance, df, exact = (field[..., scopes] for field in fields)
        return Estimate(value, variance, parts, df, self.trust, exact)

    @property
    def _total(self) -> Floats:
        total: Any = sum(part.variance for part in self.parts)
        return np.where(total > 0, total, 1.0)


def crossed(groups: Sequence[Floats], fixed: Floats | None, layout: Layout) -> Estimate:
    """Estimate the sum of the groups' means and of a fixed score by document, for every scope of `layout`.

    Each group is [..., texts, documents]: contributions of one set of texts; groups are independent in
    their texts and share the documents. `fixed` [..., documents] has no texts (a base model's score). A
    scope is the mean over its tasks of means over documents; documents are nested in tasks and texts cross
    all tasks.

    The variance is the two-way one, texts + (documents - interaction) (Cameron, Gelbach & Miller 2011, eq.
    2.11; Owen 2007, section 4), by unbiased mean squares in each task. The interaction, which has by far the
    more degrees of freedom, is taken off the documents (0 where that comes out below), so that the few
    degrees of freedom of the texts stand for all that their mean square holds. Satterthwaite's (1946)
    degrees of freedom alone cover too little with three texts and Cochran's (1964) critical value a little
    too much with more; they are weighted by 2 / (texts - 1), so that three texts have Cochran's
    (`docs/STATISTICS.md` has the simulation). With one text a group adds no text variance: the estimate is
    conditional on that text. Documents of one cluster may err alike, so their part comes from sums over
    clusters (Liang & Zeger 1986; Miller 2024, section 2.2), with `Layout.effective_clusters` less one degrees
    of freedom a task. A task needs two clusters (nan otherwise). Where the variance comes out as 0, the test
    is an exact one (`sign_test`).
    """
    terms = [sampled(group, layout) for group in groups]
    if fixed is not None:
        terms.append(Sampled(np.asarray(fixed, dtype=np.float64)))
    return weighed(terms, np.ones(len(terms)), layout)


class Sampled(NamedTuple):
    """Scores by document of one set of texts (or draws), averaged, and how sure the average is.

    `mean` is [..., documents]. `part` is the variance between texts and `interaction` that of texts by
    documents, each [..., scopes]; None for scores that are taken as given.
    """

    mean: Floats
    part: VariancePart | None = None
    interaction: Floats | None = None
    units: int = 1


def sampled(group: Floats, layout: Layout, fewest: int = 2) -> Sampled:
    """A set of texts [..., texts, documents] as a term of `weighed`; fewer than `fewest` are taken as given."""
    units = group.shape[-2]
    mean = np.asarray(group.mean(axis=-2), dtype=np.float64)
    return Sampled(mean, *_text_variance(group, layout), units) if units >= fewest else Sampled(mean)


def weighed(terms: Sequence[Sampled], weights: Floats, layout: Layout) -> Estimate:
    """The estimate of sums of `terms` with `weights` [..., terms], as `crossed` has it for weights of 1.

    Many sums of the same terms cost little more than one: variances between texts scale with squared weights.
    """
    sums: Any = sum(weights[..., place, None] * term.mean for place, term in enumerate(terms))
    by_document = np.asarray(sums, dtype=np.float64)
    task_means = layout.task_means(by_document)
    value = task_means @ layout.scope_weights.T
    value = np.where(np.abs(value) <= ROUNDING, 0.0, value)
    documents, df = _document_variance(by_document, task_means, layout)
    parts, interaction = [], np.zeros_like(documents)
    for place, term in enumerate(terms):
        if term.part is not None and term.interaction is not None:
            squared = weights[..., place, None] ** 2
            variance = np.broadcast_to(squared * term.part.variance, documents.shape)
            parts.append(VariancePart(variance, np.broadcast_to(term.part.df, documents.shape)))
            interaction = interaction + squared * term.interaction
    fewest = min((term.units for term in terms if term.part is not None), default=1)
    estimate = combined(value, VariancePart(documents, df), parts, interaction, fewest)
    alike = _nothing(estimate.parts)
    if alike.any():
        exact = sign_test(by_document, value, fewest, layout)
        estimate = replace(estimate, exact=np.where(alike, exact, np.nan))
    return estimate


def combined(
    value: Floats, documents: VariancePart, texts: Sequence[VariancePart], interaction: Floats, fewest: int
) -> Estimate:
    """The estimate whose variance has these parts, as `crossed` weighs them; `gapbench plan` uses it too.

    `documents` and each set of `texts` hold the interaction, which is taken off the documents. `fewest` is
    the number of texts of the smallest set, 1 where no set has more than one.
    """
    parts = (VariancePart(np.maximum(documents.variance - interaction, 0.0), documents.df), *texts)
    total: Any = sum(part.variance for part in parts)
    nothing = _nothing(parts)
    spread: Any = documents.variance**2 / documents.df + sum(part.variance**2 / part.df for part in texts)
    with np.errstate(divide="ignore", invalid="ignore"):
        satterthwaite = np.where(nothing, np.inf, np.maximum(total**2 / spread, _fewest_df(parts)))
    variance = np.where(nothing, np.nan, total)
    trust = max(0.0, 1 - 2 / (fewest - 1)) if fewest > 1 else 1.0
    return Estimate(value, variance, parts, satterthwaite, trust, np.full_like(variance, np.nan))


def _fewest_df(parts: Sequence[VariancePart]) -> Floats:
    """The least degrees of freedom of a part that is not 0 [..., scopes].

    Satterthwaite's of a sum cannot be fewer. Those of a difference can, where documents and interaction are alike and
    texts move clusters against each other, so that little is left of the sum: they would say nothing then.
    """
    return np.asarray(
        np.min([np.where(part.variance > 0, part.df, np.inf) for part in parts], axis=0), dtype=np.float64
    )


def _nothing(parts: Sequence[VariancePart]) -> NDArray[np.bool_]:
    """Where the parts of a variance add up to 0 [..., scopes]."""
    total: Any = sum(part.variance for part in parts)
    return np.asarray(total <= ROUNDING**2)


def _document_variance(by_document: Floats, task_means: Floats, layout: Layout) -> tuple[Floats, Floats]:
    """Variance between documents, interaction included, and its degrees of freedom, by scope."""
    counts, squares = layout.counts, (layout.scope_weights**2).T
    sums = layout.cluster_sums(by_document - np.repeat(task_means, counts, axis=-1))
    df = np.maximum(layout.effective_clusters - 1, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_task = np.add.reduceat(sums**2, layout.cluster_starts, axis=-1) * _unbiased(layout) / counts**2
        variance = _sum_tasks(by_task, squares)
        spread = _sum_tasks(by_task**2 / np.maximum(df, TINY), squares**2)
        return variance, np.where(variance > 0, variance**2 / spread, np.inf)


def _unbiased(layout: Layout) -> Floats:
    """What makes a mean square of clusters unbiased by task: G / (G - 1) [tasks]; nan for one cluster."""
    clusters = layout.effective_clusters
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(clusters > 1 + 1e-9, clusters / (clusters - 1), np.nan), dtype=np.float64)


def _text_variance(group: Floats, layout: Layout) -> tuple[VariancePart, Floats]:
    """Variance between texts, interaction included, and that of the interaction alone, by scope."""
    texts, counts = group.shape[-2], layout.counts
    centred = group - group.mean(axis=-2, keepdims=True)
    text_means = layout.task_means(centred)
    between = ((text_means @ layout.scope_weights.T) ** 2).sum(axis=-2) / (texts - 1) / texts
    sums = layout.cluster_sums(centred - np.repeat(text_means, counts, axis=-1))
    squared = np.add.reduceat((sums**2).sum(axis=-2), layout.cluster_starts, axis=-1)
    factor = np.nan_to_num(_unbiased(layout), nan=1.0)
    interaction = squared * factor / ((texts - 1.0) * texts) / counts**2
    part = VariancePart(between, np.full_like(between, texts - 1.0))
    return part, _sum_tasks(interaction, (layout.scope_weights**2).T)


def _sum_tasks(by_task: Floats, squares: Floats) -> Floats:
    """[..., tasks] x [tasks, scopes], where a task that a scope leaves out may be nan."""
    if np.isnan(by_task).any():
        products = np.where(squares > 0, by_task[..., :, None] * squares, 0.0)
        return np.asarray(products.sum(axis=-2), dtype=np.float64)
    return np.asarray(by_task @ squares, dtype=np.float64)


def _quantile(df: Floats, tail: Floats | float) -> Floats:
    return np.asarray(-stdtrit(_bounded(df), tail), dtype=np.float64)


def _bounded(df: Floats) -> Floats:
    return np.minimum(df, LARGEST_DF)
