"""The original's early stop and both choices of a step, on made averages."""

import numpy as np
import pytest

from benchmark.posttrain.early_stopping import EarlyStop, best_step
from benchmark.scoring.selection import NO_STEP
from benchmark.scoring.selection import best_step as best_step_of_tables


def stopped_at(pairs: list[tuple[float, float]]) -> int | None:
    stopper = EarlyStop(best={})
    for epoch, (classification, dialogue) in enumerate(pairs):
        if stopper.stops(epoch, {"classification": classification, "dialogue": dialogue}):
            return epoch
    return None


def test_two_epochs_below_both_bests_from_epoch_five_on_stop_the_run() -> None:
    assert stopped_at([(0.5, 0.5), *[(0.4, 0.4)] * 9]) == 6


def test_the_two_epochs_need_not_follow_one_another() -> None:
    assert stopped_at([(0.5, 0.5)] * 5 + [(0.4, 0.4), (0.5, 0.4), (0.4, 0.4)]) == 7


def test_one_family_at_its_best_keeps_the_run_going() -> None:
    assert stopped_at([(0.5, 0.5), *[(0.4, 0.5)] * 14]) is None


def test_a_new_best_counts_from_the_next_epoch_on() -> None:
    assert stopped_at([(0.1, 0.1)] * 5 + [(0.9, 0.9), (0.8, 0.8), (0.8, 0.8)]) == 7


@pytest.mark.parametrize(
    ("scored", "best"),
    [
        ([(1, 0.2), (2, 0.3), (3, 0.3)], 2),
        ([(1, 0.2), (2, None)], 1),
        ([], None),
        ([(1, None)], None),
    ],
)
def test_the_best_step_is_the_earliest_of_the_highest(
    scored: list[tuple[int, float | None]], best: int | None
) -> None:
    assert best_step([(step, {"all": value}) for step, value in scored], "all") == best


def test_the_step_of_a_run_record_is_the_step_that_scoring_reports() -> None:
    rng = np.random.default_rng(0)
    # A few levels give many ties; what is added is below rounding, as another order of summing is.
    scores = rng.integers(0, 3, (500, 4)) / 10 + rng.choice([0.0, 5e-17, -5e-17, 1e-16], (500, 4))
    scores[rng.random(scores.shape) < 0.2] = np.nan
    scores[0] = np.nan
    found = best_step_of_tables(scores)
    for row, place in zip(scores, found, strict=True):
        scored = [(step, {"all": None if np.isnan(score) else score}) for step, score in enumerate(row)]
        assert best_step(scored, "all") == (None if place == NO_STEP else place)
