"""Ranks with intervals from pairwise paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.scoring.comparisons import LEVEL, figures
from benchmark.statistics.best_step import TIE_DECIMALS
from benchmark.statistics.contrast import GIVEN_ALL, ContrastEstimate, paired_units, score
from benchmark.statistics.design import DocumentScores, Floats, Ints, Layout
from benchmark.statistics.multiplicity import holm


@dataclass(frozen=True)
class Ranking:
    """Ranks from 1 and the interval of each, all [entries] in the order given."""

    rank: Ints
    low: Ints
    high: Ints


def rank_entries(
    rows: Sequence[dict[str, Any]],
    chosen: Mapping[tuple[str, str, str], DocumentScores],
    bases: Mapping[str, DocumentScores],
    layout: Layout,
) -> list[dict[str, Any]]:
    """Fill in the ranks of entries that rest on more than documents; returns the rows of `pairs.csv`."""
    ranked = [row for row in rows if row["row_kind"] == "entry" and row["conditional"] != GIVEN_ALL]
    entries = [chosen[row["model"], row["arm"], row["corpus"]] for row in ranked]
    pairs = pair_rows(entries, bases, layout)
    found = ranking(np.array([row["score_all"] for row in ranked], dtype=np.float64), pairs)
    for place, row in enumerate(ranked):
        row |= {"rank": found.rank[place], "rank_low": found.low[place], "rank_high": found.high[place]}
    return pairs


def paired(
    first: DocumentScores, second: DocumentScores, bases: Mapping[str, DocumentScores], layout: Layout
) -> tuple[ContrastEstimate, int]:
    """First minus second by scope on shared documents, and the number of units that pair.

    Gains pair by draw or text (`contrast.paired_units`); otherwise their units are independent samples and 0 is
    returned. Levels of one base model cancel.
    """
    contrast = score(first, bases[first.model]) - score(second, bases[second.model])
    return contrast.estimated(layout), len(paired_units(first, second))


def pair_rows(
    entries: Sequence[DocumentScores], bases: Mapping[str, DocumentScores], layout: Layout
) -> list[dict[str, Any]]:
    """Rows of `pairs.csv` for every two entries and summary scope; Holm over the pairs of each scope."""
    rows: list[dict[str, Any]] = []
    for first, second in combinations(entries, 2):
        found, units = paired(first, second, bases, layout)
        columns = figures(found.estimate) | {"n_docs": found.layout.scope_documents()}
        fixed = {
            **dict(zip(("model", "arm", "corpus"), first.key, strict=True)),
            **dict(zip(("other_model", "other_arm", "other_corpus"), second.key, strict=True)),
            "conditional": found.conditional,
            "n_paired": units,
            "n_texts": min(first.n_texts, second.n_texts),
            "n_draws": min(first.n_draws, second.n_draws),
        }
        rows += [
            {**fixed, "scope": scope} | {name: column[place] for name, column in columns.items()}
            for place, scope in enumerate(found.layout.summary_scopes)
        ]
    for scope in {row["scope"] for row in rows}:
        member = [row for row in rows if row["scope"] == scope]
        for row, p in zip(member, holm(np.array([row["p_value"] for row in member])), strict=True):
            row["p_adjusted"] = p
    return rows


def ranking(scores: Floats, rows: Sequence[dict[str, Any]]) -> Ranking:
    """Ranks by `scores` [entries] (`all`, highest first) with intervals from the `all` rows of `pair_rows`.

    An entry's interval is [1 + entries significantly better, entries - entries significantly worse]. Only
    entries that are more than documents (three draws, or three texts on one draw) belong here.
    """
    n = len(scores)
    better, worse = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    decided = [row for row in rows if row["scope"] == "all"]
    for (i, j), row in zip(combinations(range(n), 2), decided, strict=True):
        if row["p_adjusted"] < LEVEL and row["delta"] != 0:
            above, below = (i, j) if row["delta"] > 0 else (j, i)
            worse[above] += 1
            better[below] += 1
    low, high = 1 + better, n - worse
    rounded = np.round(scores, TIE_DECIMALS)
    rank = np.array([1 + int((rounded > score).sum()) for score in rounded], dtype=np.int64)
    return Ranking(rank, low, high)
