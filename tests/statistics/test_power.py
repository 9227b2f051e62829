"""Power before a study: exact t tests, the rule of scoring, and the gate of an open gap, by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.crossed import VariancePart, combined
from benchmark.statistics.power import (
    ComparableRule,
    PlannedStudy,
    Variances,
    VarianceSource,
    contrast_sources,
    critical_value,
    detectable,
    outlook,
    power_of_comparable,
    satterthwaite,
)


@pytest.mark.parametrize(("df", "level"), [(2, 0.05), (4, 0.05 / 15), (30, 0.05 / 6), (1e12, 0.05)])
def test_the_detectable_effect_is_found_with_the_power_asked_for(df: float, level: float) -> None:
    effect = detectable([VarianceSource(0.25, df)], level=level) / 0.5
    critical = stats.t.isf(level / 2, min(df, 1e9))
    found = stats.norm.sf(critical - effect) if df > 1e9 else stats.nct.sf(critical, df, effect)
    assert found == pytest.approx(0.8, abs=1e-6)


def test_the_detectable_effect_by_simulated_t_tests_grows_with_the_number_of_tests() -> None:
    rng, source = np.random.default_rng(0), VarianceSource(1 / 4, 3)
    effect = detectable([source])
    samples = rng.normal(effect, 1, (20_000, 4))
    assert (stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.01)
    nine = [VarianceSource(1.0, 9.0)]
    assert detectable(nine, level=0.05 / 15) / detectable(nine) == pytest.approx(1.54, abs=0.05)


@pytest.mark.parametrize("fewest", [1, 3, 5, 20])
def test_the_critical_value_is_that_of_scoring(fewest: int) -> None:
    documents, texts = VarianceSource(2e-5, 400.0), VarianceSource(1e-5, max(fewest - 1.0, 1.0))
    sources = [documents] if fewest == 1 else [documents, texts]
    parts = [VariancePart(np.array([source.variance]), np.array([source.df])) for source in sources]
    estimate = combined(np.zeros(1), parts[0], parts[1:], np.zeros(1), fewest)
    assert critical_value(sources, 0.004, fewest) == pytest.approx(float(estimate.critical(0.004)[0]))
    assert satterthwaite(sources) == pytest.approx(float(estimate.df[0]))


VARIANCES = Variances(
    gap_documents=4e-4,
    gain_documents=5e-5,
    interaction=1e-4,
    texts=2e-4,
    covariance=5e-5,
    gain_draws=1e-4,
    base_draws=2e-4,
    rung_draws=3e-4,
)


@pytest.mark.parametrize(
    "design",
    [
        PlannedStudy(texts=5),
        PlannedStudy(texts=100, documents=2),
        PlannedStudy(texts=10, gain_draws=5, gap_draws=10),
        PlannedStudy(texts=math.inf),
    ],
)
@pytest.mark.parametrize("gap", [0.03, 0.06])
def test_power_is_that_of_simulated_estimates(design: PlannedStudy, gap: float) -> None:
    """Gap and contrast drawn from their model, each divided by an estimated error and tested."""
    rng, studies, rule = np.random.default_rng(1), 60_000, ComparableRule(margin=0.5, level=0.025 / 3)
    share = 1 - rule.margin
    covariance = np.array(
        [
            [VARIANCES.gain_documents, VARIANCES.covariance],
            [VARIANCES.covariance, VARIANCES.gap_documents],
        ]
    )
    gain, found = rng.multivariate_normal([gap, gap], covariance / design.documents, studies).T
    spread = (VARIANCES.texts + VARIANCES.interaction / design.documents) / design.texts
    if design.gain_draws > 1:
        spread += VARIANCES.gain_draws / design.gain_draws
    gain = gain + rng.normal(0, math.sqrt(spread), studies)
    if design.gap_draws > 1:
        for variance, sign in ((VARIANCES.base_draws, -1), (VARIANCES.rung_draws, 1)):
            found = found + sign * rng.normal(0, math.sqrt(variance / design.gap_draws), studies)
    sources = contrast_sources(VARIANCES, design, rule.margin)
    own = design.gain_draws if design.gain_draws > 1 else design.texts
    fewest = min([units for units in (own, design.gap_draws) if units > 1])
    estimated = sum(
        source.variance * (1 if math.isinf(source.df) else rng.chisquare(source.df, studies) / source.df)
        for source in sources
    )
    # The critical value of the true variances: that of estimated ones differs by what the trust's rule is for.
    contrast = (gain - share * found) / np.sqrt(estimated) > critical_value(sources, rule.level, fewest)
    gap_error = math.sqrt(
        VARIANCES.gap_documents / design.documents
        + (design.gap_draws > 1) * (VARIANCES.base_draws + VARIANCES.rung_draws) / design.gap_draws
    )
    gate = stats.norm.isf(0.025)
    if design.gap_draws > 1:
        from benchmark.statistics.power import gap_sources

        gate = critical_value(gap_sources(VARIANCES, design), 0.025, design.gap_draws)
    simulated = (contrast & (found / gap_error > gate)).mean()
    assert power_of_comparable(VARIANCES, design, gap, rule) == pytest.approx(simulated, abs=0.015)


def test_a_gap_that_its_documents_do_not_show_is_decided_by_no_number_of_texts() -> None:
    variances = Variances(gap_documents=1.0, texts=1e-4)
    rule = ComparableRule(level=0.025 / 3)
    closed = outlook(variances, PlannedStudy(texts=100), 1.0, rule)
    assert closed.z == 1.0 and closed.texts is None and closed.limit < 0.2
    assert closed.documents is not None and closed.documents > 1
    enough = outlook(variances, PlannedStudy(texts=100, documents=closed.documents), 1.0, rule)
    assert enough.power == pytest.approx(0.8, abs=0.001)
    open_gap = outlook(variances, PlannedStudy(texts=100), 8.0, rule)
    assert open_gap.texts == 3 and open_gap.documents is None and open_gap.power > 0.95


def test_the_fewest_texts_are_enough_and_one_less_is_not() -> None:
    variances, rule = (
        Variances(gap_documents=1e-4, texts=4e-3, interaction=1e-3),
        ComparableRule(level=0.025 / 3),
    )
    found = outlook(variances, PlannedStudy(texts=5), 0.06, rule)
    assert found.texts is not None and found.texts > 5
    powers = [
        power_of_comparable(variances, PlannedStudy(texts=texts), 0.06, rule)
        for texts in (found.texts - 1, found.texts)
    ]
    assert powers[0] < 0.8 <= powers[1] and found.power < 0.8 < found.limit


def test_draws_that_vary_too_much_are_not_mended_by_documents() -> None:
    variances = Variances(gap_documents=1e-4, base_draws=1.0, rung_draws=1.0)
    found = outlook(variances, PlannedStudy(texts=5, gap_draws=3), 0.05, ComparableRule())
    assert found.texts is None and found.documents is None


def test_without_a_gap_power_is_the_error_of_the_gate_at_most() -> None:
    assert power_of_comparable(VARIANCES, PlannedStudy(texts=math.inf), 0.0, ComparableRule()) <= 0.025
    assert outlook(VARIANCES, PlannedStudy(texts=100), -0.01, ComparableRule()).documents is None
