"""Effective size: the ladder's inverse, its ends, and the coverage of its interval."""

import numpy as np
import pytest
from scipy.stats import norm

from benchmark.scoring.entries import Rung, size_columns
from benchmark.scoring.run_records import Model
from benchmark.simulations.made_samples import simulated_layout
from benchmark.simulations.size_coverage import LADDERS, coverage, draw_study, scores_of_study
from benchmark.statistics.contrast import gain, level, score
from benchmark.statistics.design import Layout
from benchmark.statistics.effective_size import (
    BELOW,
    BEYOND,
    INTERVAL_BEYOND,
    NO_LADDER,
    HalfWidths,
    centred_isotonic,
    effective_size,
    widths_from_documents,
)
from tests.scoring.synthetic import base_of, entry_of, layout_of

PARAMETERS = np.array([1e6, 2e6, 4e6, 8e6])
SCORES = np.array([0.40, 0.45, 0.55, 0.60])


def widths_from_resamples(score_resamples: np.ndarray, rung_resamples: np.ndarray) -> HalfWidths:
    """Half-widths from the covariance of scores [resamples] and [resamples, rungs] with common documents."""
    covariance = np.cov(np.column_stack([score_resamples, rung_resamples]), rowvar=False)

    def half_widths(weights: np.ndarray) -> np.ndarray:
        contrast = np.column_stack([np.ones(len(weights)), -weights])
        variance = np.einsum("gi,ij,gj->g", contrast, covariance, contrast)
        return norm.ppf(0.975) * np.sqrt(np.maximum(variance, 0.0))

    return half_widths


def widths(values: np.ndarray, ladder: np.ndarray, layout: Layout) -> HalfWidths:
    """Half-widths for texts [texts, documents] on one draw of the smallest of the rungs [rungs, documents]."""
    entry, levels = scores_of_study(values, ladder)
    return widths_from_documents(score(entry, levels[0]), levels, layout)


def test_a_score_between_two_rungs_is_a_size_between_them_on_the_log_scale() -> None:
    found = effective_size(0.50, SCORES, PARAMETERS, own_parameters=1e6)
    assert found.size == pytest.approx(np.sqrt(2e6 * 4e6))
    assert found.multiplier == pytest.approx(np.sqrt(8.0))
    assert found.note == ""
    assert found.size_low is None


def test_every_rung_is_worth_its_own_size() -> None:
    for rung, parameters in zip(SCORES, PARAMETERS, strict=True):
        assert effective_size(rung, SCORES, PARAMETERS, 1e6).size == pytest.approx(parameters)


def test_a_score_above_the_ladder_is_clipped_and_one_below_has_no_size() -> None:
    above, below = (effective_size(s, SCORES, PARAMETERS, 1e6) for s in (0.7, 0.3))
    assert (above.size, above.note) == (pytest.approx(8e6), BEYOND)
    assert (below.size, below.multiplier, below.note) == (None, None, BELOW)


def test_below_the_ladder_only_the_upper_end_of_the_interval_is_known() -> None:
    found = effective_size(0.395, SCORES, PARAMETERS, 1e6, lambda weights: np.full(len(weights), 0.025))
    assert (found.size, found.size_low, found.multiplier_low, found.note) == (None, None, None, BELOW)
    assert np.log(found.size_high / 1e6) == pytest.approx(0.02 / 0.05 * np.log(2))


@pytest.mark.parametrize(
    ("scores", "parameters"),
    [
        ([0.5], [1e6]),
        ([0.5, 0.5, 0.5], [1e6, 2e6, 4e6]),
        ([0.6, 0.5], [1e6, 2e6]),
        ([0.5, np.nan], [1e6, 2e6]),
    ],
)
def test_a_flat_falling_or_one_rung_ladder_gives_nothing_and_no_error(scores: list, parameters: list) -> None:
    found = effective_size(0.5, scores, parameters, 1e6)
    assert found.size is None
    assert found.multiplier is None
    assert found.note == NO_LADDER


def test_rungs_that_fall_are_pooled_at_their_geometric_mean() -> None:
    knots = centred_isotonic(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.4, 0.5, 0.46, 0.6]))
    assert knots.log_parameters == pytest.approx([0.0, 1.5, 3.0])
    assert knots.scores == pytest.approx([0.4, 0.48, 0.6])


def test_the_interval_is_where_the_difference_from_the_ladder_is_within_its_error() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(40_000)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * 0.01
    widths = widths_from_resamples(0.5 + noise, np.tile(SCORES, (40_000, 1)))
    found = effective_size(0.5, SCORES, PARAMETERS, 1e6, widths)
    reach = 1.959964 * 0.01 / 0.10 * np.log(2)
    assert np.log(found.size_low) == pytest.approx(np.log(found.size) - reach, abs=1e-6)
    assert np.log(found.size_high) == pytest.approx(np.log(found.size) + reach, abs=1e-6)


def test_an_interval_that_leaves_the_ladder_is_clipped_and_noted() -> None:
    rng = np.random.default_rng(0)
    widths = widths_from_resamples(0.59 + 0.02 * rng.standard_normal(2000), np.tile(SCORES, (2000, 1)))
    found = effective_size(0.59, SCORES, PARAMETERS, 1e6, widths)
    assert found.size_high == pytest.approx(8e6)
    assert found.note == INTERVAL_BEYOND


def test_noise_that_documents_share_cancels() -> None:
    rng = np.random.default_rng(0)
    shared = 0.05 * rng.standard_normal(2000)
    widths = widths_from_resamples(0.5 + shared, SCORES + shared[:, None])
    found = effective_size(0.5, SCORES, PARAMETERS, 1e6, widths)
    assert found.size_high / found.size_low == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("texts", [3, 5, 20])
@pytest.mark.parametrize("ladder", ["even", "close rungs"])
def test_the_interval_covers_the_interpolant_through_the_true_rungs(texts: int, ladder: str) -> None:
    """At least 0.92, three standard errors of 300 data sets allowed; the full table is the benchmark's."""
    found = coverage(LADDERS[ladder], texts, documents=32, datasets=300, seed=0)
    assert found.covered >= 0.92 - 3 * np.sqrt(0.92 * 0.08 / 300)
    assert found.covered <= 0.995
    assert found.without_ladder == 0


def test_on_a_nearly_flat_ladder_the_interval_spans_it() -> None:
    found = coverage(LADDERS["nearly flat"], 5, documents=32, datasets=100, seed=0)
    assert found.covered >= 0.92
    assert found.width == pytest.approx(PARAMETERS[-1] / PARAMETERS[0])


def test_resamples_of_common_documents_give_the_interval_of_the_crossed_variance() -> None:
    """With many texts the bootstrap over texts and documents and the analytic variance agree."""
    layout, rungs = simulated_layout(64), np.array([0.45, 0.50, 0.53, 0.58])
    rng = np.random.default_rng(3)
    values, ladder = draw_study(rng, 60, layout, 0.515, rungs)
    entry, steps = [], []
    for _ in range(600):
        columns = np.concatenate([s + rng.integers(0, 64, 64) for s in layout.starts])
        rows = rng.integers(0, 60, 60)
        entry.append(layout.scope_means(values[rows][:, columns].mean(axis=0))[0])
        steps.append(layout.scope_means(ladder[:, columns])[:, 0])
    mean, scores = layout.scope_means(values.mean(axis=0))[0], layout.scope_means(ladder)[:, 0]
    resampled = effective_size(
        mean, scores, PARAMETERS, 1e6, widths_from_resamples(np.array(entry), np.array(steps))
    )
    crossed = effective_size(mean, scores, PARAMETERS, 1e6, widths(values, ladder, layout))
    width = np.log(crossed.size_high / crossed.size_low)
    assert np.log(resampled.size_high / resampled.size_low) == pytest.approx(width, rel=0.15)


def test_an_interval_narrower_than_the_grid_is_still_an_interval() -> None:
    found = effective_size(0.4771, SCORES, PARAMETERS, 1e6, lambda weights: np.full(len(weights), 1e-5))
    reach = 1e-5 / 0.10 * np.log(2)
    assert np.log(found.size_high / found.size) == pytest.approx(reach, rel=1e-6)
    assert np.log(found.size / found.size_low) == pytest.approx(reach, rel=1e-6)


def test_one_document_a_task_gives_a_size_without_an_interval() -> None:
    rng = np.random.default_rng(0)
    layout = simulated_layout(1)
    values, ladder = draw_study(rng, 5, layout, 0.5, SCORES)
    scores = np.sort(layout.scope_means(ladder)[:, 0])
    found = effective_size(float(scores.mean()), scores, PARAMETERS, 1e6, widths(values, ladder, layout))
    assert found.size is not None
    assert found.size_low is None


def test_rungs_come_in_any_order_and_two_of_one_size_count_as_their_mean() -> None:
    widths = widths_from_resamples(
        0.5 + 0.01 * np.random.default_rng(0).standard_normal(500), np.tile(SCORES, (500, 1))
    )
    ordered = effective_size(0.5, SCORES, PARAMETERS, 1e6, widths)
    turned = effective_size(
        0.5, SCORES[::-1], PARAMETERS[::-1], 1e6, lambda weights: widths(weights[:, ::-1])
    )
    assert (turned.size_low, turned.size_high) == (
        pytest.approx(ordered.size_low),
        pytest.approx(ordered.size_high),
    )
    twins = effective_size(0.5, [0.40, 0.44, 0.46, 0.55], [1e6, 2e6, 2e6, 4e6], 1e6)
    assert twins.size == pytest.approx(np.sqrt(2e6 * 4e6))
    assert effective_size(0.5, [0.4, 0.6], [1e6, 1e6], 1e6).note == NO_LADDER
    assert effective_size(0.5, [], [], 1e6).note == NO_LADDER


def test_size_is_that_of_the_mean_over_draws_and_its_interval_holds_every_rung_s_draws() -> None:
    """The half-width at a rung is the interval of the entry minus that rung, whatever draws stand behind it."""
    rng = np.random.default_rng(4)
    layout = layout_of(60)
    rungs = [base_of(f"r{n}", SCORES[n] + 0.1 * rng.normal(size=(6, 60))) for n in range(4)]
    entry = entry_of("r0", rungs[0].values[:3] + 0.07 + 0.02 * rng.normal(size=(3, 60)), rungs[0].values[:3])
    half_widths = widths_from_documents(score(entry, rungs[0]), rungs, layout)
    for place, rung in enumerate(rungs):
        contrast = gain(entry) if place == 0 else score(entry, rungs[0]) - level(rung)
        low, high = contrast.estimated(layout).estimate.interval()
        assert half_widths(np.eye(4)[[place]])[0] == pytest.approx((high[0] - low[0]) / 2)
    columns = size_columns(
        entry,
        rungs[0],
        [Rung(Model(f"r{n}", int(PARAMETERS[n]), "l", "both"), rung) for n, rung in enumerate(rungs)],
        Model("r0", int(PARAMETERS[0]), "l", "both"),
        layout,
    )
    means = [rung.values.mean() for rung in rungs]
    expected = effective_size(means[0] + (entry.values - entry.start).mean(), means, PARAMETERS, 1e6)
    assert columns["effective_size"] == pytest.approx(expected.size)
    assert columns["effective_size_low"] < expected.size < columns["effective_size_high"]
