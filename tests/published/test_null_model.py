"""The simulation of choosing the best step where nothing changes: spread, limits and early stop."""

import numpy as np
import pytest

from benchmark.published.null_model import (
    EPOCHS,
    PATTERNS,
    Unmodified,
    accuracy_paths,
    explaining_share,
    f1_paths,
    last_epochs,
    simulate_selection,
)

MODEL = Unmodified((0.25, 0.7), (320, 100), (320, 320), f1_sd=0.1)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_change_is_no_gain_and_the_unmodified_model_is_best(pattern: str) -> None:
    found = simulate_selection(MODEL, 0.0, pattern, 50, np.random.default_rng(0))
    for family in ("classification", "dialogue"):
        assert not found.gains[family].any()
        assert not found.best_epochs[family].any()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_fixed_epoch_gains_nothing_on_average_and_the_best_epoch_does(pattern: str) -> None:
    rng = np.random.default_rng(0)
    paths = accuracy_paths(MODEL, 0.3, pattern, 4000, rng)
    assert np.abs(paths.mean(axis=0)).max() < 4 * paths.std(axis=0).max() / np.sqrt(4000)
    gains = simulate_selection(MODEL, 0.3, pattern, 4000, rng).gains["classification"]
    assert gains.min() == 0.0
    assert gains.mean() > 10 * gains.std() / np.sqrt(4000)


def test_documents_drawn_one_by_one_give_the_same_spread_at_the_last_epoch() -> None:
    """The counts agree with a simulation of single documents, in both patterns."""
    rng = np.random.default_rng(1)
    start = np.zeros(320, dtype=bool)
    start[:80] = True
    redrawn = rng.random((4000, 320)) < 0.3
    answers = np.where(redrawn, rng.random((4000, 320)) < 0.25, start)
    expected = (answers.mean(axis=1) - 0.25).std()
    single = Unmodified((0.25,), (320,), (320,))
    for pattern in PATTERNS:
        last = accuracy_paths(single, 0.3, pattern, 4000, rng)[:, -1]
        assert last.std() == pytest.approx(expected, rel=0.05)
    assert (answers != start).mean() == pytest.approx(single.flip_rate(0.3), rel=0.02)


def test_replies_drawn_one_by_one_give_the_same_spread_at_the_last_epoch() -> None:
    rng = np.random.default_rng(2)
    start = rng.gamma(1.4, 0.085, 320)
    redrawn = rng.random((4000, 320)) < 0.4
    replies = np.where(redrawn, rng.choice(start, (4000, 320)), start)
    expected = (replies.mean(axis=1) - start.mean()).std()
    single = Unmodified((0.25,), (320,), (320,), f1_sd=float(start.std()))
    for pattern in PATTERNS:
        assert f1_paths(single, 0.4, pattern, 4000, rng)[:, -1].std() == pytest.approx(expected, rel=0.05)


def test_neighbouring_epochs_are_alike_only_where_changes_accumulate() -> None:
    rng = np.random.default_rng(3)
    correlations = {
        pattern: np.corrcoef(accuracy_paths(MODEL, 0.5, pattern, 4000, rng)[:, -2:].T)[0, 1]
        for pattern in PATTERNS
    }
    assert abs(correlations["independent"]) < 0.06
    assert correlations["cumulative"] > 0.8


def test_two_epochs_from_the_fifth_on_with_both_families_below_their_best_stop_a_run() -> None:
    classification, dialogue = np.zeros((3, EPOCHS)), np.zeros((3, EPOCHS))
    classification[0, 3] = dialogue[0, 3] = 0.1
    classification[1, 3] = 0.1
    classification[2, 3] = dialogue[2, 3] = 0.1
    classification[2, 5] = 0.2
    assert list(last_epochs(classification, dialogue)) == [6, EPOCHS - 1, 7]


def test_the_explaining_share_is_where_the_simulated_gain_reaches_the_published_one() -> None:
    shares = [0.0, 0.01, 0.04]
    assert explaining_share(shares, [0.0, 0.1, 0.2], 0.15) == pytest.approx(0.0225)
    assert explaining_share(shares, [0.0, 0.1, 0.2], 0.21) is None


def test_the_same_seed_gives_the_same_runs_and_nonsense_is_refused() -> None:
    first, second = (
        simulate_selection(MODEL, 0.1, "cumulative", 20, np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.gains["dialogue"], second.gains["dialogue"])
    with pytest.raises(ValueError, match="pattern"):
        simulate_selection(MODEL, 0.1, "other", 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        simulate_selection(MODEL, 1.1, "cumulative", 1, np.random.default_rng(0))
