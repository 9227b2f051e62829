"""Ranks, their intervals and tie groups."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.layout import DocumentScores, Layout, Task
from benchmark.scoring.ranks import pair_rows, paired, ranking

TEXTS = ("a", "b", "c", "d")


def layout(documents: int) -> Layout:
    return Layout(
        (Task("arc", "classification", "acc"),), np.zeros(documents, dtype=int), np.arange(documents)
    )


def entry(
    name: str, values: np.ndarray, corpus: str = "code", texts: tuple[str, ...] = TEXTS
) -> DocumentScores:
    return DocumentScores(name, "gap", corpus, texts, np.arange(values.shape[1]), values)


def made(gains: list[float], spread: float = 0.05) -> list[DocumentScores]:
    rng = np.random.default_rng(0)
    documents = rng.uniform(size=200)
    return [
        entry(f"m{n}", documents + gain + spread * rng.normal(size=(4, 200))) for n, gain in enumerate(gains)
    ]


def test_entries_that_differ_clearly_have_ranks_of_their_own() -> None:
    entries = made([0.3, 0.0, 0.15])
    found = ranking(np.array([e.values.mean() for e in entries]), pair_rows(entries, layout(200)))
    assert found.rank.tolist() == [1, 3, 2]
    assert found.low.tolist() == found.high.tolist() == [1, 3, 2]
    assert sorted(found.tie_group.tolist()) == [1, 2, 3]


def test_entries_that_do_not_differ_share_their_rank_interval_and_group() -> None:
    entries = made([0.3, 0.0, 0.0])
    found = ranking(np.array([e.values.mean() for e in entries]), pair_rows(entries, layout(200)))
    assert found.low.tolist() == [1, 2, 2]
    assert found.high.tolist() == [1, 3, 3]
    assert found.tie_group.tolist() == [1, 2, 2]


def test_equal_scores_have_equal_ranks() -> None:
    entries = made([0.1])
    twins = [entries[0], entry("twin", entries[0].values)]
    found = ranking(np.array([0.5, 0.5]), pair_rows(twins, layout(200)))
    assert found.rank.tolist() == [1, 1]


def test_the_intervals_are_corrected_over_all_pairs() -> None:
    rows = pair_rows(made([0.0, 0.004, 0.008, 0.012]), layout(200))
    every = [row for row in rows if row["scope"] == "all"]
    expected = multipletests([row["p_value"] for row in every], method="holm")[1]
    assert [row["p_adjusted"] for row in every] == pytest.approx(expected)


def test_entries_of_one_corpus_pair_by_text() -> None:
    rng = np.random.default_rng(1)
    texts = rng.normal(size=(4, 1)) * np.ones((4, 50))
    first, second = entry("a", texts + 0.1), entry("b", texts)
    estimate, paired_texts, _ = paired(first, second, layout(50))
    assert paired_texts == 4
    assert estimate.value[0] == pytest.approx(0.1)


def test_entries_of_two_corpora_are_independent_in_their_texts() -> None:
    rng = np.random.default_rng(2)
    first = entry("a", rng.normal(size=(4, 1)) * np.ones((4, 50)))
    second = entry("a", rng.normal(size=(4, 1)) * np.ones((4, 50)), corpus="web")
    estimate, paired_texts, _ = paired(first, second, layout(50))
    assert paired_texts == 0
    expected = stats.sem(first.values[:, 0]) ** 2 + stats.sem(second.values[:, 0]) ** 2
    assert estimate.variance[0] == pytest.approx(expected)


def test_entries_of_fewer_than_three_texts_are_told_from_none() -> None:
    rng = np.random.default_rng(3)
    first = entry("a", rng.uniform(size=(2, 50)) + 5, texts=("a", "b"))
    second = entry("b", rng.uniform(size=(2, 50)), texts=("a", "b"))
    found = ranking(np.array([5.5, 0.5]), pair_rows([first, second], layout(50)))
    assert found.low.tolist() == [1, 1] and found.high.tolist() == [2, 2]


def test_a_single_entry_is_first_and_no_entry_is_fine() -> None:
    found = ranking(np.array([0.5]), [])
    assert (found.rank[0], found.low[0], found.high[0]) == (1, 1, 1)
    assert ranking(np.array([]), []).rank.size == 0
