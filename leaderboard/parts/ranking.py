"""The ranking as readers see it: one row per entry, with figures and verdicts. Joins tables, computes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from benchmark.statistics.design import FAMILIES
from leaderboard.display import tables, wording
from leaderboard.parts import evidence, order
from leaderboard.parts.track_choice import scope_word
from leaderboard.site import track_data
from leaderboard.site.state import relative_link
from leaderboard.site.track_data import KEY, ResultTable, Stamp

FAMILY_COLUMNS = [name for family in FAMILIES for name in (f"score_{family}", f"{family}_interval")]
SHOWN = [
    "model",
    "arm",
    "corpus",
    "gain_all",
    "gain_interval",
    "against_base",
    "against_controls",
    "against_rungs",
    "gap_closed",
    "behaves_like",
    "score_all",
    "score_interval",
    "ranks",
    "optimism",
    "n_texts",
    "n_draws",
    "conditional",
    "verification",
    "open",
]
"""The columns of the first view, in this order."""

OPTIONAL = [
    "rank",
    *FAMILY_COLUMNS,
    "corrected_all",
    "iqm_all",
    "iqm_interval",
    "effective_size",
    "size_multiplier",
    *(f"probability_{family}" for family in FAMILIES),
    "prob_improve_new",
    "prob_improve_new_low",
    "prob_improve_new_high",
    "prob_improve_base",
    "prob_improve_control",
    "prob_improve_control_arm",
    "best_text",
    "best_text_step",
    "best_text_gain_all",
    "floor_gain",
    "n_docs",
    "parameters",
    "share_diverged",
    "corpus_loss",
    "overlap",
]
"""Columns that a reader may add."""

REFERENCE = ["row_kind", *KEY, "parameters", "score_all", "score_interval"]
REFERENCE += [f"score_{family}" for family in FAMILIES]
REFERENCE += ["gain_all", "gain_interval", "n_texts", "n_draws", "conditional", "n_docs"]
"""The columns of the rows that are not ranked."""


@dataclass(frozen=True)
class RankingView:
    """A track's rows as readers see them, and what the filters need; shared by all readers and never changed.

    `frame` has all rows, `ranked` those that are ranked, and `lines` the searchable words of each of these in lower
    case.
    """

    frame: pd.DataFrame
    ranked: pd.DataFrame
    lines: list[str]
    first_view: list[str]
    options: dict[str, list[str]]
    widths: tables.Widths


def of_track(track: str) -> RankingView:
    """The ranking of a track, rebuilt when one of its tables changes."""
    names = ("entries.csv", "comparisons.csv", "curves.csv", "claims.json")
    return _built(track, *(track_data.stamp(track_data.results_folder() / track / name) for name in names))


@st.cache_resource(max_entries=16, show_spinner=False)
def _built(track: str, *marks: Stamp | None) -> RankingView:
    del marks  # the cache's key
    frame = build(track_data.table(track, "entries.csv"), track_data.table(track, "comparisons.csv"), track)
    ranked = frame[frame["row_kind"] == "entry"].reset_index(drop=True)
    searched = ranked[[*KEY, "against_rungs", "verification"]].fillna("").astype(str)
    lines = [" ".join(cells).casefold() for cells in searched.itertuples(index=False, name=None)]
    options = {column: sorted(ranked[column].dropna().unique()) for column in KEY}
    return RankingView(frame, ranked, lines, first_view(ranked), options, tables.widths(frame))


def build(entries: ResultTable, comparisons: ResultTable, track: str) -> pd.DataFrame:
    """All rows of `entries.csv` with their verdicts over all tasks, entries in their order, then rungs and controls."""
    frame = order.standing(entries.frame, order.claims_arm(track))
    frame["row_kind"] = frame["row_kind"].fillna("entry")
    found = verdicts_by_entry(comparisons)
    keys = list(frame[KEY].itertuples(index=False, name=None))
    for kind, column in (
        ("base", "against_base"),
        ("control", "against_controls"),
        ("rung", "against_rungs"),
    ):
        rows = [found.get((*key, kind), []) for key in keys]
        frame[column] = ["; ".join(_said(row, kind) for row in group) or "–" for group in rows]
        frame[f"_{kind}"] = [tuple(row.verdict for row in group) for group in rows]
    frame["_share"] = [
        next((row.share_closed for row in found.get((*key, "rung"), []) if row.scope == "all"), None)
        for key in keys
    ]
    frame["gap_closed"] = [_gap_closed(found.get((*key, "rung"), [])) for key in keys]
    frame["ranks"] = [
        why or wording.rank_range(low, high)
        for why, low, high in zip(
            order.without_place(frame), frame["rank_low"], frame["rank_high"], strict=True
        )
    ]
    steps = evidence.candidate_steps(track_data.table(track, "curves.csv"))
    single = [steps.get(key) == 1 for key in keys]
    frame.loc[single, ["optimism", "optimism_low", "optimism_high"]] = None  # nothing was chosen
    frame["score_interval"] = _intervals(frame, "score_all")
    frame["gain_interval"] = _intervals(frame, "gain_all", signed=True)
    frame["iqm_interval"] = _intervals(frame, "iqm_all")
    for family in FAMILIES:
        frame[f"{family}_interval"] = _intervals(frame, f"score_{family}")
    size_columns = [
        "parameters",
        "effective_size",
        "effective_size_low",
        "effective_size_high",
        "effective_size_note",
    ]
    frame["behaves_like"] = [
        wording.behaves_like(*cells) if kind == "entry" else "–"
        for kind, cells in zip(
            frame["row_kind"], frame[size_columns].itertuples(index=False, name=None), strict=True
        )
    ]
    frame["open"] = [relative_link("entry", track=track, model=m, arm=a, corpus=c) for m, a, c in keys]
    kind = frame["row_kind"].map({"entry": 0, "rung": 1, "control": 2}).fillna(3)
    return frame.assign(_order=kind).sort_values(
        ["_order", "standing", "parameters", *KEY], kind="stable", ignore_index=True
    )


def _intervals(frame: pd.DataFrame, name: str, *, signed: bool = False) -> list[str]:
    low, high = frame[f"{name}_low"], frame[f"{name}_high"]
    places = wording.decimals(0.0, (high - low).median())
    return [wording.interval(*pair, signed=signed, places=places) for pair in zip(low, high, strict=True)]


def verdicts_by_entry(comparisons: ResultTable) -> dict[tuple[str, str, str, str], list[Any]]:
    """Rows over all tasks (by family where there are none) by entry and kind of baseline, the nearest size first."""
    overall = comparisons.where(scope="all")
    if overall.empty:
        overall = comparisons.where(scope=list(FAMILIES))
    found: dict[tuple[str, str, str, str], list[Any]] = {}
    for row in overall.sort_values(["size_ratio", "baseline_arm", "scope"], kind="stable").itertuples():
        found.setdefault((row.model, row.arm, row.corpus, row.baseline_kind), []).append(row)
    return found


def _said(row: Any, kind: str) -> str:
    """`≈ comparable: micro-600k (3.0×)`; with the family where it is not over all tasks."""
    about = []
    if kind == "rung":
        about.append(row.baseline + ("" if wording.missing(row.size_ratio) else f" ({row.size_ratio:.1f}×)"))
    if kind == "control":
        about.append(row.baseline_arm)
    if row.scope != "all":
        about.append(scope_word(row.scope).lower())
    verdict = wording.VERDICTS.get(row.verdict, str(row.verdict))
    if row.conditional == wording.DOCUMENTS_ALONE:
        verdict += " (documents alone)"
    return f"{verdict}: {', '.join(about)}" if about else verdict


def _gap_closed(rungs: list[Any]) -> str:
    """`34 % (12 % to 60 %)` of the gap to the next larger model; a dash where that is not known."""
    if not rungs or rungs[0].scope != "all":
        return "–"
    return wording.share(rungs[0].share_closed, rungs[0].share_closed_low, rungs[0].share_closed_high)


def first_view(frame: pd.DataFrame) -> list[str]:
    """The initial columns: those that are not empty, by family if there is no score over all tasks."""
    names = SHOWN
    if frame["score_all"].isna().all():
        names = [one for name in SHOWN for one in (FAMILY_COLUMNS if name == "score_all" else [name])]
    return [name for name in names if frame[name].notna().any() and not (frame[name] == "–").all()]


def keep(
    ranking: RankingView,
    chosen: Mapping[str, Iterable[str]],
    *,
    verdicts: Iterable[str] = (),
    words: str = "",
) -> pd.DataFrame:
    """Ranked rows that have every word and, in each column with `chosen` values, one of these.

    `verdicts` are those against larger models.
    """
    frame, asked = ranking.ranked, words.casefold().split()
    wanted = [(list(frame[column]), set(values)) for column, values in chosen.items() if set(values)]
    verdict = set(verdicts)
    fits = [
        all(cells[row] in values for cells, values in wanted)
        and (not verdict or bool(verdict & set(found)))
        and all(word in line for word in asked)
        for row, (line, found) in enumerate(zip(ranking.lines, frame["_rung"], strict=True))
    ]
    return frame if all(fits) else frame[fits]


def sort(frame: pd.DataFrame, column: str, *, descending: bool) -> pd.DataFrame:
    """Rows by one column, empty cells last."""
    by = {
        "ranks": "rank_low",
        "score_interval": "score_all_low",
        "gain_interval": "gain_all_low",
        "behaves_like": "effective_size",
        "gap_closed": "_share",
    }
    if (column, descending) == ("standing", False):
        return frame  # sorted in their usual order
    return frame.sort_values(
        by.get(column, column), ascending=not descending, kind="stable", na_position="last"
    )
