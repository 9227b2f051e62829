"""The simulation of draws: a cell repeats bit for bit, bounds are named, layouts are what they are said to be."""

import numpy as np
import pytest

from benchmark.simulations import draw_coverage
from benchmark.simulations.draw_coverage import (
    GRID,
    LatentEffects,
    Rates,
    Scenario,
    layout_of,
    missed,
    shown,
    simulate,
)

NAN = float("nan")
GOOD = Rates(0.95, 0.95, 0.95, 0.05, 0.02, 0.02)


SOME = (Scenario("plain", 10, 3), Scenario("plain", 0, 1), Scenario("skewed texts", 0, 1, skewed=5))


@pytest.mark.parametrize("scenario", SOME)
def test_a_cell_repeats_bit_for_bit(scenario: Scenario) -> None:
    first, again = (simulate(scenario, 5, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    for rate in first:
        assert np.isnan(rate) or 0 <= rate <= 1
    if scenario.draws == 1:
        assert np.isnan([first.margin, first.comparable]).all()


def test_clusters_and_the_small_task_stand_in_the_layout() -> None:
    clusters, small = (
        layout_of(Scenario("x", 10, 3, clusters=True)),
        layout_of(Scenario("x", 10, 3, small_task=True)),
    )
    assert small.counts.tolist() == [47] + [120] * 11
    assert (clusters.effective_clusters < 20).all() and clusters.clusters is not None
    sizes = np.bincount(clusters.cluster)
    assert set(sizes[sizes > 0]) == {1, 2, 3, 4, 10}


def test_draws_have_the_variance_that_the_scenario_asks_for() -> None:
    """In units of the texts': that of a draw on all tasks, and as much on each."""
    scenario = Scenario("plain", 100, 3)
    world = LatentEffects(scenario, layout_of(scenario), np.random.default_rng(0))
    _, effects = world.draws(np.zeros(world.layout.size), 4000, noisy=2.5)
    expected = 2.5**2 * 100 * draw_coverage.TEXT**2
    assert effects.mean(axis=1).var() == pytest.approx(expected * (1 + 1 / 12), rel=0.1)
    assert effects.var(axis=0).mean() == pytest.approx(2 * expected, rel=0.1)


@pytest.mark.parametrize(
    ("scenario", "rates", "says"),
    [
        (Scenario("plain", 0, 10), GOOD._replace(gain=0.92), "coverage of the gain 0.920, outside 0.93-0.97"),
        (Scenario("plain", 0, 10), GOOD._replace(larger=0.98), "coverage of treated - larger"),
        (Scenario("plain", 0, 10), GOOD._replace(margin=0.5), "coverage of the margin"),
        (Scenario("plain", 0, 3), GOOD._replace(gain=0.995), "outside 0.92-0.99"),
        (Scenario("plain", 0, 3), GOOD._replace(familywise=0.07), "family-wise error 0.070"),
        (Scenario("plain", 0, 3), GOOD._replace(comparable=0.04), "wrongly comparable 0.040"),
        (Scenario("skewed texts", 0, 1, skewed=100), GOOD._replace(gain=0.9), "coverage of the gain"),
    ],
)
def test_a_bound_that_is_missed_is_named(scenario: Scenario, rates: Rates, says: str) -> None:
    found = missed(scenario, rates)
    assert len(found) == 1 and says in found[0]


def test_bounds_that_hold_or_do_not_apply_are_not_named() -> None:
    assert missed(Scenario("plain", 0, 10), GOOD) == []
    assert missed(Scenario("plain", 0, 3), GOOD._replace(gain=0.985)) == []
    assert missed(Scenario("plain", 0, 1), Rates(0.95, 0.95, NAN, 0.05, NAN, 0.02)) == []
    assert missed(Scenario("skewed texts", 0, 1, skewed=20), GOOD._replace(gain=0.7)) == []


def test_a_rate_that_does_not_apply_is_left_empty() -> None:
    row = shown(GRID[0], Rates(0.95, NAN, NAN, 0.05, NAN, 0))
    assert row[2:] == ["5 texts, 1 draw", "0.950", "", "", "0.050", "", "0.000"]
