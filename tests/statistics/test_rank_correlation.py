"""Spearman between familiarity and gain: agreement with scipy, coverage, and the effect of corpora."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from benchmark.statistics.rank_correlation import familiarity_table, spearman_with_interval


@pytest.mark.parametrize("n", [4, 10, 50])
def test_rho_and_p_are_those_of_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((2, n))
    found, expected = spearman_with_interval(x, y), spearmanr(x, y)
    assert found["spearman"] == pytest.approx(expected.statistic)
    assert found["p_value"] == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.8])
def test_the_interval_covers_the_true_rank_correlation(rho: float) -> None:
    """Truth for a bivariate normal: 6 / pi * asin(rho / 2) (Pearson 1907); 1,500 data sets of 20."""
    truth, rng = 6 / np.pi * np.arcsin(rho / 2), np.random.default_rng(7)
    hits = 0
    for _ in range(1500):
        x, noise = rng.standard_normal((2, 20))
        found = spearman_with_interval(x, rho * x + np.sqrt(1 - rho**2) * noise)
        hits += found["low"] <= truth <= found["high"]
    assert 0.92 <= hits / 1500 <= 0.975


def test_what_does_not_vary_or_is_too_little_gives_nothing() -> None:
    assert spearman_with_interval([1, 1, 1, 1], [1, 2, 3, 4])["spearman"] is None
    assert spearman_with_interval([], [])["n"] == 0
    three = spearman_with_interval([1, 2, 3], [3, 1, 2])
    assert three["spearman"] == pytest.approx(-0.5)
    assert three["low"] is None


def _runs(offsets: dict[str, float], slope: float, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for corpus, offset in offsets.items():
        for text in range(30):
            loss = 3 + offset + 0.2 * rng.standard_normal()
            gain = offset + slope * (loss - 3 - offset) + 0.05 * rng.standard_normal()
            rows += [
                {
                    "track": "t",
                    "suite_version": "v",
                    "model": "m",
                    "arm": "gap",
                    "corpus": corpus,
                    "text_id": f"{corpus}{text}",
                    "seed": seed,
                    "text_loss_start": loss,
                    "corpus_loss": 3 + offset,
                    "gain": gain + 0.01 * (2 * seed - 1),
                }
                for seed in (0, 1)
            ]
    return pd.DataFrame(rows)


def test_levels_tell_corpora_from_texts() -> None:
    """Corpora that differ in loss and gain make texts correlate; within corpora nothing is left."""
    table = familiarity_table(_runs({"a": 0.0, "b": 1.0, "c": 2.0}, slope=0.0)).set_index("level")
    assert table.loc["corpora", "spearman"] == pytest.approx(1.0)
    assert table.loc["corpora", "n"] == 3
    assert table.loc["texts", "spearman"] > 0.8
    assert table.loc["texts", "n"] == 90
    assert table.loc["texts within corpora", "low"] < 0 < table.loc["texts within corpora", "high"]


def test_an_association_inside_corpora_is_found() -> None:
    table = familiarity_table(_runs({"a": 0.0, "b": 1.0}, slope=0.5)).set_index("level")
    assert table.loc["texts within corpora", "low"] > 0


def test_rows_in_any_order_give_the_same_table() -> None:
    runs = _runs({"a": 0.0, "b": 1.0}, slope=0.2)
    pd.testing.assert_frame_equal(
        familiarity_table(runs), familiarity_table(runs.sample(frac=1, random_state=1))
    )
