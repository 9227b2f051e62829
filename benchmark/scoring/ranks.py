"""Ranks with intervals from pairwise paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.scoring.comparisons import LEVEL
from benchmark.scoring.selection import TIE_DECIMALS
from benchmark.statistics.contrast import ContrastEstimate, paired_units, score
from benchmark.statistics.design import DocumentScores, Floats, Ints, Layout
from benchmark.statistics.multiplicity import holm


@dataclass(frozen=True)
class Ranking:
    """Ranks from 1 and the interval of each, all [entries] in the order given."""

    rank: Ints
    low: Ints
    high: Ints


def paired(
    first: DocumentScores, second: DocumentScores, bases: Mapping[str, DocumentScores], layout: Layout
) -> tuple[ContrastEstimate, int]:
    """First minus second by scope on shared documents, and the number of units that pair.

    Gains pair by draw or text (`contrast.paired_units`); else their units are independent samples and 0 is
    returned. Levels of one base model cancel.
    """
    contrast = score(first, bases[first.model]) - score(second, bases[second.model])
    return contrast.estimated(layout), len(paired_units(first, second))


def pair_rows(
    entries: Sequence[DocumentScores], bases: Mapping[str, DocumentScores], layout: Layout
) -> list[dict[str, Any]]:
    """Rows of `pairs.csv` for every two entries and summary scope; Holm over the pairs of a scope."""
    rows: list[dict[str, Any]] = []
    for first, second in combinations(entries, 2):
        found, units = paired(first, second, bases, layout)
        estimate, shared = found.estimate, found.layout
        low, high = estimate.interval()
        p_value, documents = estimate.p_two_sided(), shared.scope_documents()
        for place, scope in enumerate(shared.summary_scopes):
            rows.append(
                {
                    "model": first.model,
                    "arm": first.arm,
                    "corpus": first.corpus,
                    "other_model": second.model,
                    "other_arm": second.arm,
                    "other_corpus": second.corpus,
                    "scope": scope,
                    "delta": estimate.value[place],
                    "ci_low": low[place],
                    "ci_high": high[place],
                    "p_value": p_value[place],
                    "n_docs": int(documents[place]),
                    "conditional": found.conditional,
                    "n_paired": units,
                    "n_texts": min(first.n_texts, second.n_texts),
                    "n_draws": min(first.n_draws, second.n_draws),
                }
            )
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
