"""Power of a comparison before it is made: what an effect must be, and how many texts or documents it needs.

Variances come in as plain numbers, so that this module needs no results and no scoring. Words: T, B and R are
the treated model, its base and the larger rung; gain = T - B, gap = R - B, both means over documents.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import nctdtrinc

POWER = 0.80
FEWEST_UNITS = 3
"""Texts below which scoring gives no verdict."""

MOST_TEXTS = 1_000_000
MOST_DOCUMENTS = 2.0**20
LARGEST_DF = 1e9
NODES = 80
REACH = 8.0
MANY_DF = 1e5
FAR = 30.0
SMALLEST = 1e-12


class VarianceSource(NamedTuple):
    """What one source of chance adds to the variance of an estimate, and its degrees of freedom."""

    variance: float
    df: float = math.inf


def satterthwaite(sources: Sequence[VarianceSource]) -> float:
    """Degrees of freedom of the sum of the sources' variances (Satterthwaite 1946)."""
    total = sum(source.variance for source in sources)
    spread = sum(source.variance**2 / source.df for source in sources)
    return min(total**2 / spread, LARGEST_DF) if spread > 0 else LARGEST_DF


def critical_value(sources: Sequence[VarianceSource], tail: float, fewest: float) -> float:
    """The critical value by scoring's rule: a mean of Satterthwaite's and Cochran's by 2 / (fewest - 1).

    `fewest` is the number of units (texts or draws) of the smallest set that has more than one, 1 where there is
    none. `docs/STATISTICS.md` has the simulation behind the weights.
    """
    total = sum(source.variance for source in sources)
    trust = max(0.0, 1 - 2 / (fewest - 1)) if fewest > 1 else 1.0
    cochran = sum(
        source.variance * stats.t.isf(tail, min(source.df, LARGEST_DF))
        for source in sources
        if source.variance
    )
    return float(trust * stats.t.isf(tail, satterthwaite(sources)) + (1 - trust) * cochran / total)


def detectable(
    sources: Sequence[VarianceSource], fewest: float = 1, level: float = 0.05, power: float = POWER
) -> float:
    """The effect that a two-sided test at `level` with scoring's critical value finds with `power`.

    `level` is the one at which the verdict is given: 0.05 / m for Holm's first step among m tests; `fewest` is that of
    `critical_value`. It is exact (noncentral t) for one source; the sum of the two quantiles of t, which is often used,
    is 5 % too small with 2 degrees of freedom at a level of 0.05 and 16 % at 0.05 / 15.
    """
    critical = critical_value(sources, level / 2, fewest)
    return float(nctdtrinc(satterthwaite(sources), 1 - power, critical)) * _error(sources)


@dataclass(frozen=True)
class Variances:
    """The variances of one pair of models at one scope, for the documents that there are.

    Attributes:
        gap_documents: of the gap, over documents.
        gain_documents: of the gain, over documents, in what all texts share.
        interaction: of one text's gain, over documents, in what is its own.
        texts: of one text's gain, over texts.
        covariance: of gain and gap, over documents.
        gain_draws: of the gain, from one draw of the base model to another.
        base_draws: of the base model's score, from draw to draw.
        rung_draws: of the larger rung's score, from draw to draw.
        documents_df: degrees of freedom of what documents add.
    """

    gap_documents: float
    gain_documents: float = 0.0
    interaction: float = 0.0
    texts: float = 0.0
    covariance: float = 0.0
    gain_draws: float = 0.0
    base_draws: float = 0.0
    rung_draws: float = 0.0
    documents_df: float = math.inf


@dataclass(frozen=True)
class PlannedStudy:
    """How much is run.

    Attributes:
        texts: texts of an entry, over all its draws; `math.inf` is the limit.
        documents: how many times the documents that the variances are for.
        gain_draws: draws that are treated. With more than one the draw is the unit and texts are nested in it; with
            one the answer is conditional on that draw.
        gap_draws: draws of the base model and of the larger rung, each, behind the gap; one as above.
    """

    texts: float
    documents: float = 1.0
    gain_draws: int = 1
    gap_draws: int = 1


@dataclass(frozen=True)
class ComparableRule:
    """When a verdict says `comparable`.

    Attributes:
        margin: share of the gap that may remain.
        level: one-sided level of the test of that, such as 0.025 / 3 for Holm's first step among three.
        gate: one-sided level at which the gap itself must be above 0.
    """

    margin: float = 0.5
    level: float = 0.025
    gate: float = 0.025


def gap_sources(variances: Variances, design: PlannedStudy) -> list[VarianceSource]:
    """The sources of chance of the gap: documents, and the draws of either rung where there are several."""
    documents = VarianceSource(
        variances.gap_documents / design.documents, variances.documents_df * design.documents
    )
    return [documents, *_draws(variances, design, 1.0)]


def contrast_sources(variances: Variances, design: PlannedStudy, margin: float) -> list[VarianceSource]:
    """The sources of chance of gain - (1 - margin) gap: documents, texts or treated draws, and the rungs' draws."""
    share = 1 - margin
    documents = variances.gain_documents + share**2 * variances.gap_documents
    documents = max(documents - 2 * share * variances.covariance, 0.0)
    sources = [VarianceSource(documents / design.documents, variances.documents_df * design.documents)]
    own = (variances.texts + variances.interaction / design.documents) / design.texts
    if design.gain_draws > 1:
        sources.append(VarianceSource(own + variances.gain_draws / design.gain_draws, design.gain_draws - 1))
    elif design.texts > 1:
        sources.append(VarianceSource(own, design.texts - 1))
    return sources + _draws(variances, design, share)


def _draws(variances: Variances, design: PlannedStudy, share: float) -> list[VarianceSource]:
    if design.gap_draws < 2:
        return []
    return [
        VarianceSource(share**2 * variance / design.gap_draws, design.gap_draws - 1)
        for variance in (variances.base_draws, variances.rung_draws)
    ]


def power_of_comparable(
    variances: Variances, design: PlannedStudy, gap: float, rule: ComparableRule, gain: float | None = None
) -> float:
    """How often `comparable` comes out where the true gap is `gap` and the true gain is `gain` (T = R if absent).

    Both must hold: the gap's interval lies above 0, and gain - (1 - margin) gap is above 0 at `rule.level`. The two
    estimates are taken as bivariate normal; the second is divided by an estimated error (noncentral t given the
    first), the first by a known one with its critical value of t.
    """
    share = 1 - rule.margin
    contrast, opened = contrast_sources(variances, design, rule.margin), gap_sources(variances, design)
    error, gap_error = _error(contrast), _error(opened)
    effect = (gap if gain is None else gain) - share * gap
    if error < SMALLEST or gap_error < SMALLEST:
        return float(effect > 0 and gap > 0)
    shared = (variances.covariance - share * variances.gap_documents) / design.documents
    shared -= sum(source.variance for source in _draws(variances, design, 1.0)) * share
    correlation = min(max(shared / error / gap_error, -1.0), 1.0)
    left = math.sqrt(max(1 - correlation**2, SMALLEST))
    z, gate = gap / gap_error, critical_value(opened, rule.gate, _fewest(design.gap_draws))
    low, high = max(gate, z - REACH), z + REACH
    if low >= high:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    at = (low + high) / 2 + nodes * (high - low) / 2
    density = stats.norm.pdf(at - z) * weights * (high - low) / 2
    critical = critical_value(contrast, rule.level, _fewest_units(design)) / left
    shift = (effect / error + correlation * (at - z)) / left
    above = _above(critical, satterthwaite(contrast), shift)
    return float(min(max((density * above).sum(), 0.0), 1.0))


def _above(critical: float, df: float, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(noncentral t > critical), `critical` above 0: the normal limit where the degrees of freedom are many.

    Where the shift is far from 0 its own unit variance is nothing beside it, and scipy's series does not converge.
    """
    if df > MANY_DF:
        return np.asarray(stats.norm.sf(critical - shift), dtype=np.float64)
    near = stats.nct.sf(critical, df, np.clip(shift, -FAR, FAR))
    far = np.where(shift > 0, stats.chi2.cdf(df * (shift / critical) ** 2, df), 0.0)
    return np.asarray(np.where(np.abs(shift) > FAR, far, near), dtype=np.float64)


def _error(sources: Sequence[VarianceSource]) -> float:
    return math.sqrt(sum(source.variance for source in sources))


def _fewest(units: float) -> float:
    return units if units > 1 else 1.0


def _fewest_units(design: PlannedStudy) -> float:
    own = design.gain_draws if design.gain_draws > 1 else design.texts
    return min((units for units in (own, float(design.gap_draws)) if units > 1), default=1.0)


@dataclass(frozen=True)
class Outlook:
    """What a design can say of one pair of models.

    Attributes:
        gap: the true gap that is assumed; `error` its standard error, `z` their ratio.
        power: of `comparable` at T = R, with the design's texts.
        limit: the same with any number of texts.
        texts: the fewest texts that reach the power wanted; None where no number does.
        documents: where no number does, how many times the documents would reach it with the design's texts; None
            where texts are enough, or where no number of documents is.
    """

    gap: float
    error: float
    power: float
    limit: float
    texts: int | None
    documents: float | None

    @property
    def z(self) -> float:
        """The gap in standard errors."""
        return self.gap / self.error if self.error > 0 else math.inf


def outlook(
    variances: Variances, design: PlannedStudy, gap: float, rule: ComparableRule, wanted: float = POWER
) -> Outlook:
    """Whether a treated model that is as good as the larger rung would be found `comparable`.

    With a gap of 0 or less there is nothing to close and the power is that of the gate's error at most.
    """

    def reached(texts: float, documents: float = 1.0) -> float:
        more = replace(design, texts=texts, documents=design.documents * documents)
        return power_of_comparable(variances, more, gap, rule)

    limit = reached(math.inf)
    texts = _fewest_texts(reached, max(FEWEST_UNITS, design.gain_draws), wanted) if limit >= wanted else None
    documents = None
    if texts is None and gap > 0 and reached(design.texts, MOST_DOCUMENTS) >= wanted:
        documents = _fewest_documents(reached, design.texts, wanted)
    error = _error(gap_sources(variances, design))
    return Outlook(gap, error, reached(design.texts), limit, texts, documents)


def _fewest_texts(reached: Callable[..., float], least: int, wanted: float) -> int | None:
    high = least
    while reached(high) < wanted:
        high *= 2
        if high > MOST_TEXTS:
            return None
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= wanted else (middle + 1, high)
    return high


def _fewest_documents(reached: Callable[..., float], texts: float, wanted: float) -> float:
    low, high = 1.0, 2.0
    while reached(texts, high) < wanted:
        low, high = high, 2 * high
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if reached(texts, middle) >= wanted else (middle, high)
    return high
