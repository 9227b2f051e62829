"""The interquartile mean and its interval: what resampling adds, and that the settings drive it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.results.score_track import run_score
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.crossed import crossed
from benchmark.statistics.design import Layout
from benchmark.statistics.interquartile import (
    Resampling,
    _documents_drawn,
    _resampled,
    interquartile_interval,
    interquartile_mean,
)
from tests.scoring.synthetic import MODELS, TASKS, Study
from tests.scoring.synthetic import layout_of as tasks_of


def layout_of(documents: int) -> Layout:
    return tasks_of(*[documents] * 6)


def study(rng: np.random.Generator, texts: int, layout: Layout) -> np.ndarray:
    """Scores [texts, documents] of expectation 0.5 with effects of documents, texts and their interaction."""
    documents, text = rng.normal(0, 0.2, layout.size), rng.normal(0, 0.02, (texts, 1))
    return 0.5 + documents + text + rng.normal(0, 0.1, (texts, layout.size))


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 21])
def test_the_interquartile_mean_drops_a_quarter_at_each_end(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n)
    assert interquartile_mean(values) == pytest.approx(np.sort(values)[n // 4 : n - n // 4].mean())


def test_one_wild_text_does_not_move_the_interquartile_mean() -> None:
    assert interquartile_mean(np.array([0.5, 0.5, 0.5, 0.5, 0.0])) == pytest.approx(0.5)


def test_with_three_texts_it_is_the_mean_and_its_interval_that_of_the_mean() -> None:
    layout = layout_of(40)
    values = study(np.random.default_rng(0), 3, layout)
    value, low, high = interquartile_interval(values, layout, Resampling(4000, 0))
    mean = crossed([values], None, layout)
    expected = mean.interval()
    assert value == pytest.approx(mean.value[0])
    assert high - low == pytest.approx(expected[1][0] - expected[0][0], rel=0.08)


@pytest.mark.parametrize("texts", [3, 5, 20])
def test_the_interval_covers(texts: int) -> None:
    """0.93 or more, three standard errors of 300 data sets allowed; a little wide with few texts."""
    layout, rng = layout_of(20), np.random.default_rng(texts)
    held = [
        low <= 0.5 <= high
        for number in range(300)
        for _, low, high in [
            interquartile_interval(study(rng, texts, layout), layout, Resampling(150, number % 3))
        ]
    ]
    assert np.mean(held) >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / 300)


def test_a_task_of_one_document_gives_no_interval() -> None:
    low, high = interquartile_interval(np.full((5, 6), 0.5), layout_of(1), Resampling(100, 0))[1:]
    assert np.isnan([low, high]).all()


def test_resamples_and_seed_drive_the_interval_and_nothing_else(tmp_path: Path) -> None:
    samples = Study(documents=20).write(tmp_path / "samples.parquet")

    def entries(**settings: int) -> pd.DataFrame:
        run_score([samples], MODELS, tmp_path / "out", tasks=TASKS, settings=ScoringSettings(**settings))
        return pd.read_csv(tmp_path / "out" / "entries.csv")

    first, again = entries(resamples=200), entries(resamples=200)
    pd.testing.assert_frame_equal(first, again)
    interval = ["iqm_all_low", "iqm_all_high"]
    for other in (entries(resamples=300), entries(resamples=200, seed=1)):
        pd.testing.assert_frame_equal(first.drop(columns=interval), other.drop(columns=interval))
        treated = first["row_kind"] != "rung"
        assert (first.loc[treated, interval] != other.loc[treated, interval]).all(axis=None)


@pytest.mark.parametrize("resamples", [100, 700])
def test_sums_over_resamples_are_those_of_their_definition(resamples: int) -> None:
    layout = layout_of(7)
    drawn = _documents_drawn(tuple(layout.counts.tolist()), Resampling(resamples, 0))
    weighted = np.random.default_rng(0).normal(size=(3, layout.size))
    assert _resampled(drawn, weighted) == pytest.approx((drawn - 1.0) @ weighted.T, abs=1e-12)
