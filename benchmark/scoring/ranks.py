"""Ranks with intervals from pairwise paired differences, and groups of entries that are not told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.scoring.comparisons import LEVEL
from benchmark.scoring.inference import Estimate, crossed
from benchmark.scoring.layout import DocumentScores, Floats, Ints, Layout, shared_columns
from benchmark.scoring.multiplicity import holm
from benchmark.scoring.selection import TIE_DECIMALS
from benchmark.scoring.settings import FEWEST_TEXTS


@dataclass(frozen=True)
class Ranking:
    """Ranks from 1, the interval of each and its tie group, all [entries] in the order given."""

    rank: Ints
    low: Ints
    high: Ints
    tie_group: Ints


def paired(first: DocumentScores, second: DocumentScores, layout: Layout) -> tuple[Estimate, int, Layout]:
    """First minus second by scope on shared documents; the number of texts that pair, and the shared layout.

    Runs pair by text where both entries have one corpus and share three texts or more; otherwise their texts
    are independent samples and 0 is returned.
    """
    columns = shared_columns(first, second)
    shared = layout.subset(columns, f"{first.name} against {second.name}")
    ours, theirs = first.at(columns), second.at(columns)
    common = (
        [text for text in first.texts if text in set(second.texts)] if first.corpus == second.corpus else []
    )
    if len(common) >= FEWEST_TEXTS or (common and first.texts == second.texts):
        difference = ours[first.rows(common)] - theirs[second.rows(common)]
        return crossed([difference], None, shared), len(common), shared
    return crossed([ours, -theirs], None, shared), 0, shared


def pair_rows(entries: Sequence[DocumentScores], layout: Layout) -> list[dict[str, Any]]:
    """Rows of `pairs.csv` for every two entries and summary scope; Holm over the pairs of a scope."""
    rows: list[dict[str, Any]] = []
    for first, second in combinations(entries, 2):
        estimate, texts, shared = paired(first, second, layout)
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
                    "n_paired_texts": texts,
                    "n_texts": min(len(first.texts), len(second.texts)),
                }
            )
    for scope in {row["scope"] for row in rows}:
        member = [row for row in rows if row["scope"] == scope]
        for row, p in zip(member, holm(np.array([row["p_value"] for row in member])), strict=True):
            row["p_adjusted"] = p
    return rows


def ranking(scores: Floats, rows: Sequence[dict[str, Any]]) -> Ranking:
    """Ranks by `scores` [entries] (`all`, highest first) with intervals from the `all` rows of `pair_rows`.

    An entry's interval is [1 + entries significantly better, entries - entries significantly worse]; a pair
    in which an entry has fewer than three texts tells nothing. Tie groups are chains of overlapping
    intervals.
    """
    n = len(scores)
    better, worse = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    decided = [row for row in rows if row["scope"] == "all"]
    for (i, j), row in zip(combinations(range(n), 2), decided, strict=True):
        if row["p_adjusted"] < LEVEL and row["n_texts"] >= FEWEST_TEXTS and row["delta"] != 0:
            above, below = (i, j) if row["delta"] > 0 else (j, i)
            worse[above] += 1
            better[below] += 1
    low, high = 1 + better, n - worse
    rounded = np.round(scores, TIE_DECIMALS)
    rank = np.array([1 + int((rounded > score).sum()) for score in rounded], dtype=np.int64)
    group = np.zeros(n, dtype=np.int64)
    number, reach = 0, 0
    for place in sorted(range(n), key=lambda place: (low[place], rank[place], place)):
        if low[place] > reach:
            number += 1
        group[place] = number
        reach = max(reach, int(high[place]))
    return Ranking(rank, low, high, group)
