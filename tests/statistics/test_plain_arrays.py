"""Statistics on plain arrays: the figures of the tables, coverage with known truth, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmark.statistics.aggregates import performance_profile
from benchmark.statistics.plain_arrays import paired_difference
from tests.conftest import ROOT


def test_the_paired_difference_is_the_one_of_the_comparison_table() -> None:
    """Every entry of the committed micro track against its base model, over all tasks."""
    documents = pd.read_parquet(ROOT / "results/micro/documents.parquet")
    columns = ["model", "arm", "corpus", "delta", "ci_low", "ci_high", "p_value"]
    table = pd.read_csv(ROOT / "results/micro/comparisons.csv")
    rows = table.query("scope == 'all' and baseline_kind == 'base' and measure == 'score'")[columns]
    wide = documents.pivot_table(
        index=["model", "arm", "corpus", "draw"], columns=["task", "doc_id", "cluster"], values="value"
    )
    assert len(rows) > 10
    for model, arm, corpus, *figures in rows.itertuples(index=False):
        treated = wide.loc[model, arm, corpus].dropna(axis=1)
        base = wide.loc[model, "none", "none"].loc[treated.index, treated.columns]
        tasks, _, clusters = zip(*treated.columns, strict=True)
        found = paired_difference(treated, base, tasks=tasks, clusters=clusters)
        expected = pytest.approx(figures, rel=1e-8, abs=1e-12, nan_ok=True)
        assert [found.value, found.low, found.high, found.p_value] == expected


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Five runs of 40 documents in two tasks; the truth is 0.1; three standard errors of 200 data sets allowed."""
    rng, covered = np.random.default_rng(0), {0.95: 0, 0.8: 0}
    for _ in range(200):
        base = rng.normal(size=40)
        moved = 0.1 + 0.05 * rng.normal(size=(5, 1)) + 0.2 * rng.normal(size=40)
        treated = base + moved + 0.3 * rng.normal(size=(5, 40))
        for level in covered:
            found = paired_difference(treated, base, tasks=np.repeat(["a", "b"], 20), level=level)
            covered[level] += found.low <= 0.1 <= found.high
    for level, count in covered.items():
        assert count / 200 == pytest.approx(level, abs=3 * (level * (1 - level) / 200) ** 0.5 + 0.02)


def test_one_run_is_the_paired_t_test_over_documents_and_says_what_it_takes_as_given() -> None:
    treated, base = np.random.default_rng(1).normal(size=(2, 30))
    found, expected = paired_difference(treated, base), stats.ttest_rel(treated, base)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.conditional == "texts and draws"


def test_the_order_of_documents_and_the_names_of_tasks_and_clusters_have_no_part_in_it() -> None:
    rng = np.random.default_rng(2)
    treated, base, order = rng.normal(size=(4, 24)), rng.normal(size=(4, 24)), rng.permutation(24)
    tasks, clusters = np.repeat([2, 10], 12), np.arange(24) // 3
    found = paired_difference(treated, base, tasks=tasks, clusters=clusters)
    names = np.array([f"passage {cluster}" for cluster in clusters])
    again = paired_difference(
        treated[:, order], base[:, order], tasks=tasks.astype(str)[order], clusters=names[order]
    )
    assert (again.value, again.low, again.p_value) == pytest.approx((found.value, found.low, found.p_value))


def test_without_any_spread_the_p_value_is_that_of_a_sign_test() -> None:
    found = paired_difference(np.ones((6, 20)), np.zeros(20))
    assert np.isnan([found.low, found.high]).all() and found.p_value == pytest.approx(2 / 64)


@pytest.mark.parametrize(
    ("treated", "base", "named", "message"),
    [
        (np.zeros((3, 4)), np.zeros(5), {}, "not \\[rows, documents\\] of one shape"),
        (np.zeros((3, 4)), np.zeros((2, 4)), {}, "not \\[rows, documents\\] of one shape"),
        (np.zeros((3, 0)), np.zeros(0), {}, "not \\[rows, documents\\] of one shape"),
        (np.full((3, 4), np.nan), np.zeros(4), {}, "not finite"),
        (np.zeros((3, 4)), np.zeros(4), {"level": 95}, "level 95 is not between 0 and 1"),
        (np.zeros((3, 4)), np.zeros(4), {"tasks": ["a"]}, "labels \\(1,\\) are not \\[documents\\]"),
        (np.zeros((2, 3, 4)), np.zeros(4), {}, "not \\[rows, documents\\] of one shape"),
    ],
)
def test_what_makes_no_sense_is_refused(
    treated: np.ndarray, base: np.ndarray, named: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        paired_difference(treated, base, **named)


def test_a_profile_of_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one finite score"):
        performance_profile([np.nan], [0.5])
