"""Ranks and their intervals."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.ranks import pair_rows, paired, ranking
from benchmark.statistics.design import DocumentScores
from tests.scoring.synthetic import Study, base_of, entry_of, layout_of, tables_of

TEXTS = ("a", "b", "c", "d")


def bases(documents: int = 200) -> dict[str, DocumentScores]:
    """One draw of every model, which scores 0."""
    return {name: base_of(name, np.zeros(documents)) for name in ("m0", "m1", "m2", "m3", "a", "b", "twin")}


def entry(
    name: str, values: np.ndarray, corpus: str = "code", texts: tuple[str, ...] = TEXTS
) -> DocumentScores:
    return entry_of(name, values, 0.0, texts, corpus=corpus, by="text")


def made(gains: list[float], spread: float = 0.05) -> list[DocumentScores]:
    rng = np.random.default_rng(0)
    documents = rng.uniform(size=200)
    return [
        entry(f"m{n}", documents + gain + spread * rng.normal(size=(4, 200))) for n, gain in enumerate(gains)
    ]


@pytest.mark.parametrize(
    ("gains", "rank", "low", "high"),
    [([0.3, 0.0, 0.15], [1, 3, 2], [1, 3, 2], [1, 3, 2]), ([0.3, 0.0, 0.0], None, [1, 2, 2], [1, 3, 3])],
)
def test_entries_that_differ_clearly_have_ranks_of_their_own_and_others_share_an_interval(
    gains: list[float], rank: list[int] | None, low: list[int], high: list[int]
) -> None:
    entries = made(gains)
    found = ranking(np.array([e.values.mean() for e in entries]), pair_rows(entries, bases(), layout_of(200)))
    assert rank is None or found.rank.tolist() == rank
    assert (found.low.tolist(), found.high.tolist()) == (low, high)


def test_equal_scores_have_equal_ranks() -> None:
    entries = made([0.1])
    twins = [entries[0], entry("twin", entries[0].values)]
    found = ranking(np.array([0.5, 0.5]), pair_rows(twins, bases(), layout_of(200)))
    assert found.rank.tolist() == [1, 1]


def test_the_intervals_are_corrected_over_all_pairs() -> None:
    rows = pair_rows(made([0.0, 0.004, 0.008, 0.012]), bases(), layout_of(200))
    every = [row for row in rows if row["scope"] == "all"]
    expected = multipletests([row["p_value"] for row in every], method="holm")[1]
    assert [row["p_adjusted"] for row in every] == pytest.approx(expected)


def test_entries_of_one_corpus_pair_by_text() -> None:
    rng = np.random.default_rng(1)
    texts = rng.normal(size=(4, 1)) * np.ones((4, 50))
    first, second = entry("a", texts + 0.1), entry("b", texts)
    found, paired_texts = paired(first, second, bases(50), layout_of(50))
    assert paired_texts == 4
    assert found.estimate.value[0] == pytest.approx(0.1)


def test_entries_of_two_corpora_are_independent_in_their_texts() -> None:
    rng = np.random.default_rng(2)
    first = entry("a", rng.normal(size=(4, 1)) * np.ones((4, 50)))
    second = entry("a", rng.normal(size=(4, 1)) * np.ones((4, 50)), "web")
    found, paired_texts = paired(first, second, bases(50), layout_of(50))
    assert paired_texts == 0
    expected = stats.sem(first.values[:, 0]) ** 2 + stats.sem(second.values[:, 0]) ** 2
    assert found.estimate.variance[0] == pytest.approx(expected)


def test_levels_of_one_base_model_cancel_and_draws_pair() -> None:
    rng = np.random.default_rng(3)
    base = base_of("a", rng.normal(size=(10, 1)) + rng.normal(size=(10, 50)))
    gains = rng.normal(size=(5, 50))
    first, second = (
        entry_of("a", base.values[:5] + part, base.values[:5], arm=arm)
        for arm, part in (("gap", gains + 0.1), ("gap-lr1e-3", gains))
    )
    found, draws = paired(first, second, {"a": base}, layout_of(50))
    assert draws == 5 and found.conditional == ""
    assert found.estimate.value[0] == pytest.approx(0.1) and np.isnan(found.estimate.variance[0])


def test_a_single_entry_is_first_and_no_entry_is_fine() -> None:
    found = ranking(np.array([0.5]), [])
    assert (found.rank[0], found.low[0], found.high[0]) == (1, 1, 1)
    assert ranking(np.array([]), []).rank.size == 0


def test_conditional_entries_are_not_ranked(tmp_path: Path) -> None:
    frame = Study(entries={("small", "gap", "code"): 0.1, ("small", "gap", "web"): 0.2}).frame()
    few = frame[(frame["corpus"] != "web") | frame["text_id"].isin(["web-0", "web-1"])]
    tables = tables_of(few, tmp_path)
    entries = tables["entries.csv"].query("row_kind == 'entry'").set_index("corpus")
    assert entries.loc["web", "score_all"] > entries.loc["code", "score_all"]
    assert entries.loc["code", ["rank", "rank_high"]].tolist() == [1, 1]
    assert np.isnan(entries.loc["web", "rank"]) and entries.loc["web", "conditional"] == "texts and draws"
    assert tables["pairs.csv"].empty
