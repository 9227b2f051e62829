"""Crossed inference agrees with textbook tests where those apply, and says so where it cannot tell."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from benchmark.statistics.crossed import crossed
from benchmark.statistics.design import Layout
from benchmark.statistics.textbook import mcnemar_exact, mean_over_texts, wilson
from tests.scoring.synthetic import layout_of


def test_one_text_and_one_task_is_the_paired_t_test_over_documents() -> None:
    rng = np.random.default_rng(0)
    treated, base = rng.uniform(size=(1, 50)), rng.uniform(size=50)
    estimate = crossed([treated], -base, layout_of(50))
    expected = stats.ttest_rel(treated[0], base)
    low, high = expected.confidence_interval()
    assert estimate.p_two_sided()[0] == pytest.approx(expected.pvalue, rel=1e-8)
    assert [bound[0] for bound in estimate.interval()] == pytest.approx([low, high])


def test_without_differences_between_documents_it_is_the_t_test_over_texts() -> None:
    by_text = np.array([0.1, 0.3, 0.25, 0.4])
    values = np.repeat(by_text[:, None], 20, axis=1)
    estimate = crossed([values], None, layout_of(20))
    expected = stats.ttest_1samp(by_text, 0.0)
    assert estimate.df[0] == pytest.approx(3)
    assert estimate.p_two_sided()[0] == pytest.approx(expected.pvalue, rel=1e-8)


def test_the_variance_is_that_of_the_two_way_random_model() -> None:
    rng = np.random.default_rng(1)
    texts, documents = 4, 30
    values = rng.normal(size=(texts, documents)) + rng.normal(size=(texts, 1)) + rng.normal(size=documents)
    mean = values.mean()
    by_text, by_document = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    residual = values - mean - by_text[:, None] - by_document
    between_texts = documents * (by_text**2).sum() / (texts - 1)
    between_documents = texts * (by_document**2).sum() / (documents - 1)
    error = (residual**2).sum() / ((texts - 1) * (documents - 1))
    expected = (between_texts + between_documents - error) / (texts * documents)
    assert crossed([values], None, layout_of(documents)).variance[0] == pytest.approx(expected)


def test_tasks_weigh_the_same_whatever_their_number_of_documents() -> None:
    values = np.concatenate([np.ones(10), np.zeros(90)])
    estimate = crossed([], values, layout_of(10, 90))
    assert estimate.value[0] == pytest.approx(0.5)


def test_independent_sets_of_texts_add_their_variances() -> None:
    rng = np.random.default_rng(2)
    first, second = (np.repeat(rng.normal(size=(n, 1)), 8, axis=1) for n in (5, 4))
    estimate = crossed([first, -second], None, layout_of(8))
    expected = stats.sem(first[:, 0]) ** 2 + stats.sem(second[:, 0]) ** 2
    assert estimate.variance[0] == pytest.approx(expected)


def test_leading_axes_are_data_sets_of_their_own() -> None:
    rng = np.random.default_rng(3)
    layout = layout_of(12, 15, families=("classification", "dialogue"))
    values, fixed = rng.uniform(size=(6, 3, 27)), rng.uniform(size=(6, 27))
    together = crossed([values], fixed, layout)
    alone = [crossed([values[n]], fixed[n], layout) for n in range(6)]
    for name in ("value", "variance", "df", "p_two_sided"):
        found, expected = (
            [v() if callable(v) else v for v in (getattr(one, name) for one in some)]
            for some in ([together], alone)
        )
        assert found[0] == pytest.approx(np.stack(expected))


def test_the_critical_value_lies_between_those_of_documents_and_texts() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(3, 200)) + 0.1 * rng.normal(size=(3, 1)) + 2 * rng.normal(size=200)
    critical = crossed([values], None, layout_of(200)).critical(0.025)[0]
    assert stats.t.isf(0.025, 199) < critical < stats.t.isf(0.025, 2)


def test_three_texts_have_cochrans_critical_value_and_many_satterthwaites() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(3, 200)) + 0.1 * rng.normal(size=(3, 1)) + 2 * rng.normal(size=200)
    few = crossed([values], None, layout_of(200))
    parts = [(part.variance[0], part.df[0]) for part in few.parts]
    cochran = sum(v * stats.t.isf(0.025, df) for v, df in parts) / sum(v for v, _ in parts)
    assert few.critical(0.025)[0] == pytest.approx(cochran)
    many = crossed([rng.normal(size=(400, 20))], None, layout_of(20))
    assert many.critical(0.025)[0] == pytest.approx(stats.t.isf(0.025, many.df[0]), rel=0.01)


@pytest.mark.parametrize("texts", [3, 5, 20])
def test_p_is_the_level_at_which_the_interval_ends_at_zero(texts: int) -> None:
    rng = np.random.default_rng(texts)
    values = rng.normal(size=(texts, 40)) + 0.5 * rng.normal(size=(texts, 1)) + 0.4
    estimate = crossed([values], None, layout_of(40))
    p_value = estimate.p_two_sided()[0]
    assert estimate.interval(1 - p_value)[0][0] == pytest.approx(0, abs=1e-6)
    assert estimate.p_above_zero()[0] == pytest.approx(p_value / 2)


def test_one_document_a_task_gives_no_p_value_and_other_scopes_keep_theirs() -> None:
    rng = np.random.default_rng(5)
    layout = layout_of(1, 20, families=("classification", "dialogue"))
    estimate = crossed([rng.uniform(size=(4, 21))], None, layout)
    by_scope = dict(zip(layout.scopes, estimate.p_two_sided(), strict=True))
    assert np.isnan(by_scope["classification"]) and np.isnan(by_scope["all"])
    assert by_scope["dialogue"] < 0.05


def test_the_minimum_detectable_effect_is_found_with_four_fifths_power() -> None:
    estimate = crossed([], np.random.default_rng(6).normal(size=400), layout_of(400))
    effect, error, df = estimate.detectable()[0], estimate.error[0], estimate.df[0]
    critical = stats.t.ppf(0.975, df)
    power = stats.nct.sf(critical, df, effect / error)
    assert power == pytest.approx(0.80, abs=0.005)


def test_mcnemar_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(7)
    first, second = rng.integers(0, 2, (2, 80)).astype(float)
    table = [[((first == a) & (second == b)).sum() for b in (0, 1)] for a in (0, 1)]
    assert mcnemar_exact(first, second) == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert mcnemar_exact(first, first) == 1


def test_wilson_agrees_with_scipy_whatever_the_shape() -> None:
    expected = [stats.binomtest(k, 40).proportion_ci(0.9, method="wilson") for k in (0, 7)]
    low, high = wilson([0, 7], 40, confidence=0.9)
    assert low == pytest.approx([one.low for one in expected])
    assert high == pytest.approx([one.high for one in expected])


def test_the_mean_over_texts_is_scipys_t_interval() -> None:
    values = np.array([0.1, 0.4, 0.2, 0.25])
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert mean_over_texts(values) == pytest.approx((values.mean(), *interval))
    assert np.isnan(mean_over_texts(values[:1])[1])


def clustered(*sizes: int) -> Layout:
    """One task whose documents stand in clusters of these sizes."""
    return layout_of(sum(sizes), cluster=np.repeat(np.arange(len(sizes)), sizes))


def test_the_variance_of_clusters_is_that_of_their_sums() -> None:
    """Liang and Zeger: sum of squared cluster sums of residuals over n^2, times G / (G - 1)."""
    sizes = (4, 4, 4, 4, 4, 4)
    layout, values = clustered(*sizes), np.random.default_rng(8).normal(size=24)
    sums = np.add.reduceat(values - values.mean(), np.arange(0, 24, 4))
    estimate = crossed([], values, layout)
    assert estimate.variance[0] == pytest.approx((sums**2).sum() / 24**2 * 6 / 5)
    means = values.reshape(6, 4).mean(axis=1)
    assert estimate.p_two_sided()[0] == pytest.approx(stats.ttest_1samp(means, 0).pvalue)


def test_clusters_of_several_sizes_count_by_their_effective_number() -> None:
    sizes = (1, 2, 3, 6, 8)
    layout, values = clustered(*sizes), np.random.default_rng(9).normal(size=20)
    effective = 20**2 / sum(size**2 for size in sizes)
    assert layout.effective_clusters == pytest.approx([effective])
    sums = np.add.reduceat(values - values.mean(), np.cumsum((0, *sizes[:-1])))
    estimate = crossed([], values, layout)
    assert estimate.variance[0] == pytest.approx((sums**2).sum() / 20**2 * effective / (effective - 1))
    assert estimate.df[0] == pytest.approx(effective - 1)


def test_clusters_of_one_document_are_documents() -> None:
    values = np.random.default_rng(10).normal(size=(4, 35))
    one, plain = layout_of(15, 20, cluster=np.arange(35)[::-1]), layout_of(15, 20)
    for first, second in zip(
        crossed([values], None, one).interval(), crossed([values], None, plain).interval(), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def test_clusters_may_stand_in_any_order_and_belong_to_one_task() -> None:
    """Two tasks number their clusters alike: they are still apart."""
    rng = np.random.default_rng(11)
    values, cluster = rng.normal(size=(3, 24)), np.tile(np.arange(4), 6)
    order = np.concatenate(
        [np.argsort(cluster[:12], kind="stable"), 12 + np.argsort(cluster[12:], kind="stable")]
    )
    mixed = crossed([values], None, layout_of(12, 12, cluster=cluster))
    sorted_ = crossed([values[:, order]], None, layout_of(12, 12, cluster=cluster[order]))
    assert mixed.variance == pytest.approx(sorted_.variance)
    assert layout_of(12, 12, cluster=cluster).effective_clusters.tolist() == [4, 4]


def test_a_task_of_one_cluster_has_no_variance() -> None:
    layout = layout_of(10, 20, cluster=np.array([0] * 10 + list(range(1, 21))))
    estimate = crossed([np.random.default_rng(12).normal(size=(4, 30))], None, layout)
    by_scope = dict(zip(layout.scopes, estimate.p_two_sided(), strict=True))
    assert np.isnan(by_scope["t0"]) and np.isnan(by_scope["all"]) and by_scope["t1"] >= 0


def test_variances_of_clusters_texts_and_interaction_are_unbiased() -> None:
    """Documents, and what texts do to them, are alike in clusters; the mean of 2,000 estimates is the truth."""
    rng, texts, size, clusters = np.random.default_rng(13), 4, 5, 12
    layout, number = clustered(*[size] * clusters), 2000

    def alike(*shape: int) -> np.ndarray:
        common = np.repeat(rng.normal(size=(*shape, clusters)), size, axis=-1)
        return common + 0.5 * rng.normal(size=(*shape, size * clusters))

    values = 0.3 * rng.normal(size=(number, texts, 1)) + alike(number, 1) + 0.7 * alike(number, texts)
    found = crossed([values], None, layout)
    one = (1 + 0.25 / size) / clusters
    expected = 0.09 / texts + one + 0.49 * one / texts
    for estimates, truth in (
        (found.parts[1].variance[:, 0], 0.09 / texts + 0.49 * one / texts),
        (found.variance[:, 0], expected),
        (values.mean(axis=(1, 2)) ** 2, expected),
    ):
        assert estimates.mean() == pytest.approx(truth, abs=4 * estimates.std() / number**0.5)
    low, high = found.interval()
    covered = ((low[:, 0] <= 0) & (high[:, 0] >= 0)).mean()
    assert 0.93 <= covered <= 0.98
