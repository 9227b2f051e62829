"""Aggregates agree with their definitions and with independent implementations."""

import itertools

import numpy as np
import pytest

from benchmark.statistics.aggregates import (
    chance_corrected,
    corrected_averages,
    performance_profile,
    probability_of_improvement,
    profile_table,
)


def test_correction_puts_chance_at_zero_and_a_full_score_at_one() -> None:
    assert chance_corrected([0.25, 0.5, 1.0, 0.3], [0.25, 0.5, 0.2, 0.0]) == pytest.approx([0, 0, 1, 0.3])


def test_the_corrected_average_leaves_f1_as_it_is() -> None:
    averages = corrected_averages(
        {"piqa": 0.75, "arc": 0.25, "talk": 0.12},
        {"piqa": 0.5, "arc": 0.25},
        {"piqa": "classification", "arc": "classification", "talk": "dialogue"},
    )
    assert averages["classification"] == pytest.approx(0.25)
    assert averages["dialogue"] == pytest.approx(0.12)
    assert averages["all"] == pytest.approx((0.5 + 0.0 + 0.12) / 3)


def test_only_families_with_tasks_have_an_average() -> None:
    averages = corrected_averages({"piqa": 0.6}, {}, {"piqa": "classification"})
    assert averages == {"all": 0.6, "classification": 0.6}


@pytest.mark.parametrize("seed", range(5))
def test_probability_of_improvement_counts_pairs_and_half_the_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    treated, control = rng.integers(0, 6, 9) / 10, rng.integers(0, 6, 7) / 10
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in itertools.product(treated, control)]
    assert probability_of_improvement(treated, control) == pytest.approx(np.mean(pairs))


def test_against_a_base_model_it_is_the_share_of_texts_that_gain() -> None:
    assert probability_of_improvement([0.4, 0.5, 0.6, 0.7], 0.5) == pytest.approx(0.625)


def test_a_profile_is_the_share_of_texts_above_each_threshold() -> None:
    scores = {("m", "gap", "b"): [0.1, 0.2, 0.3, 0.4], ("m", "gap", "a"): [0.2, 0.2, 0.5]}
    table = profile_table(scores, "all", track="t", suite_version="v")
    assert list(table["corpus"].unique()) == ["a", "b"]
    for (_, _, corpus), values in scores.items():
        rows = table[table["corpus"] == corpus]
        by_definition = [np.mean(np.array(values) > tau) for tau in rows["threshold"]]
        assert rows["share"].to_numpy() == pytest.approx(by_definition)
        profile = performance_profile(values, rows["threshold"])
        np.testing.assert_array_equal(profile.low, rows["low"])
        assert (rows["low"] <= rows["share"] + 1e-12).all()
        assert (rows["share"] <= rows["high"] + 1e-12).all()


def test_no_scores_make_an_empty_profile() -> None:
    assert profile_table({("m", "gap", "a"): [np.nan]}, "all", track="t", suite_version="v").empty
