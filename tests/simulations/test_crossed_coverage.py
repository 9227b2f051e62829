"""Simulation with known truth, small: coverage, error rates and selection noise; the full table is in docs."""

import numpy as np
import pytest

from benchmark.simulations.crossed_coverage import simulate
from benchmark.simulations.made_samples import (
    BASE_SCORES,
    SCENARIOS,
    scores_of,
    simulated_layout,
    treated_latent,
)
from benchmark.simulations.selection_noise import simulate_noise


@pytest.mark.slow
def test_intervals_cover_and_tests_keep_their_level() -> None:
    cell = simulate("mixed", 5, 32, data_sets=1000)
    assert (cell.rates.covered > 0.93).all() and (cell.rates.covered < 0.985).all()
    assert cell.rates.covered == pytest.approx(1 - cell.rates.rejected)
    assert cell.rates.familywise < 0.07
    assert cell.rates.comparable < 0.035


@pytest.mark.slow
def test_choosing_a_step_among_equals_gains_on_test_and_nothing_held_out() -> None:
    found = simulate_noise(texts=5, documents=32, data_sets=300)
    error = found.held_out.std() / len(found.held_out) ** 0.5
    assert abs(found.held_out.mean()) < 4 * error
    assert found.on_test.mean() > 10 * error
    truth = found.optimism[:, 0].mean()
    covers = (found.optimism[:, 1] <= truth) & (truth <= found.optimism[:, 2])
    assert 0.90 < covers.mean() < 0.99


def test_expected_scores_of_simulated_models_are_what_they_are_set_to() -> None:
    layout = simulated_layout(400)
    rng = np.random.default_rng(0)
    documents = rng.standard_normal((40, layout.size))
    effects = SCENARIOS["mixed"]
    treated = scores_of(
        treated_latent(documents, effects, 2, layout, rng), BASE_SCORES, effects.variance, layout
    )
    found = layout.task_means(treated).mean(axis=(0, 1))
    assert found == pytest.approx(BASE_SCORES, abs=0.015)
