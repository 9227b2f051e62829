"""The gain by learning rate and step, with nothing chosen."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from benchmark.results.derived_tables import sensitivity_table

ARMS = {"gap": ("ascent", 5e-5), "gap-lr1e-4": ("ascent", 1e-4), "descent": ("descent", 5e-5)}


def _curves() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {
            "track": "t",
            "suite_version": "v",
            "model": "m",
            "draw": 0,
            "arm": arm,
            "corpus": "code",
            "text_id": f"text{text}",
            "seed": 0,
            "step": step,
            "split": split,
            "scope": "all",
            "score": 0.5 + step * rate * 100 + (step > 0) * 0.001 * rng.standard_normal(),
        }
        for arm, (_, rate) in ARMS.items()
        for text in range(5)
        for step in (0, 1, 5)
        for split in ("select", "test")
    ]
    return pd.DataFrame(rows)


def test_rows_are_learning_rates_and_columns_are_steps() -> None:
    table = sensitivity_table(_curves(), ARMS)
    grid = table[table["kind"] == "ascent"].pivot(index="learning_rate", columns="step", values="gain")
    assert list(grid.index) == [5e-5, 1e-4]
    assert list(grid.columns) == [1, 5]
    assert grid.loc[1e-4, 5] == pytest.approx(0.05, abs=0.002)
    assert set(table["kind"]) == {"ascent", "descent"}


def test_the_gain_and_its_interval_are_those_of_a_t_test_over_texts_on_the_test_split() -> None:
    curves = _curves()
    table = sensitivity_table(curves, ARMS)
    row = table[(table["arm"] == "gap") & (table["step"] == 5)].iloc[0]
    chosen = curves[(curves["arm"] == "gap") & (curves["step"] == 5) & (curves["split"] == "test")]
    interval = ttest_1samp(chosen["score"] - 0.5, 0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert row["n_texts"] == 5


def test_seeds_of_a_text_are_averaged_before_they_count() -> None:
    curves = _curves()
    twice = pd.concat([curves, curves.assign(seed=1)])
    first, second = (sensitivity_table(c, ARMS) for c in (curves, twice))
    pd.testing.assert_frame_equal(first, second)


def test_one_text_has_no_interval_and_an_unnamed_arm_no_row() -> None:
    one = _curves().query("text_id == 'text0'")
    assert sensitivity_table(one, ARMS)["low"].isna().all()
    assert sensitivity_table(one, {}).empty
