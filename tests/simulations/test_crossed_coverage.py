"""Simulation with known truth, small: coverage, error rates and selection noise; the full table is in docs."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import CheckFailed
from benchmark.simulations.crossed_coverage import BEGIN, END, put_between_marks, simulate
from benchmark.simulations.made_samples import (
    BASE_SCORES,
    SCENARIOS,
    scores_of,
    simulated_layout,
    treated_latent,
)
from benchmark.simulations.selection_noise import simulate_noise


@pytest.mark.slow
@pytest.mark.parametrize("texts", [3, 5])
def test_intervals_cover_and_tests_keep_their_level(texts: int) -> None:
    cell = simulate("mixed", texts, 32, data_sets=1000)
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


def test_a_seed_fixes_every_rate() -> None:
    first, second = (simulate("rare changes", 3, 4, data_sets=20, seed=1) for _ in range(2))
    assert first.rates.covered.tolist() == second.rates.covered.tolist()
    assert first.rates.familywise == second.rates.familywise


def test_tables_replace_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_between_marks(page, "new\n")
    assert page.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text("nothing")
    with pytest.raises(CheckFailed, match="no lines"):
        put_between_marks(page, "new\n")
