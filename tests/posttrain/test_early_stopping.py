"""The original's early stop and both choices of a step, on made averages."""

import pytest

from benchmark.posttrain.early_stopping import EarlyStop, chosen_step


def stopped_at(pairs: list[tuple[float, float]]) -> int | None:
    stopper = EarlyStop(best={})
    for epoch, (classification, dialogue) in enumerate(pairs):
        if stopper.stops(epoch, {"classification": classification, "dialogue": dialogue}):
            return epoch
    return None


@pytest.mark.parametrize(
    ("pairs", "epoch"),
    [
        ([(0.5, 0.5), *[(0.4, 0.4)] * 9], 6),
        ([(0.5, 0.5)] * 5 + [(0.4, 0.4), (0.5, 0.4), (0.4, 0.4)], 7),
        ([(0.5, 0.5), *[(0.4, 0.5)] * 14], None),
        ([(0.1, 0.1)] * 5 + [(0.9, 0.9), (0.8, 0.8), (0.8, 0.8)], 7),
    ],
    ids=["in a row", "not in a row", "one family at its best", "a new best counts from the next epoch on"],
)
def test_two_epochs_below_both_bests_from_epoch_five_on_stop_the_run(
    pairs: list[tuple[float, float]], epoch: int | None
) -> None:
    assert stopped_at(pairs) == epoch


@pytest.mark.parametrize(
    ("scored", "best"),
    [
        ([(1, 0.2), (2, 0.3), (3, 0.3)], 2),
        ([(1, 0.2), (2, None)], 1),
        ([], None),
        ([(1, None)], None),
        ([(1, 0.1 + 0.2), (2, 0.3)], 1),
        ([(1, 0.3), (2, 0.1 + 0.2)], 1),
    ],
)
def test_the_best_step_is_the_earliest_of_the_highest(
    scored: list[tuple[int, float | None]], best: int | None
) -> None:
    assert chosen_step([(step, {"all": value}) for step, value in scored], "all") == best
