"""Corrected p-values: statsmodels' and worked examples, and places kept by tests that could not be done."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from benchmark.statistics.multiplicity import benjamini_hochberg, holm


def test_holm_steps_down() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_benjamini_hochberg_steps_up() -> None:
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.04, 0.04])


@pytest.mark.parametrize("size", [1, 2, 9, 40])
def test_both_agree_with_statsmodels(size: int) -> None:
    p_values = np.random.default_rng(size).uniform(0, 0.2, size).round(2)
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


def test_holm_takes_many_families_at_once() -> None:
    p_values = np.random.default_rng(0).uniform(size=(5, 7))
    assert holm(p_values) == pytest.approx(np.stack([holm(family) for family in p_values]))


def test_a_test_that_could_not_be_done_still_counts() -> None:
    for adjusted in (holm(np.array([0.01, np.nan])), benjamini_hochberg(np.array([0.01, np.nan]))):
        assert adjusted[0] == pytest.approx(0.02)
        assert np.isnan(adjusted[1])


def test_an_empty_family_is_empty() -> None:
    assert holm(np.array([])).size == 0
    assert benjamini_hochberg(np.array([])).size == 0
