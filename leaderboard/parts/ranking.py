"""The ranking as readers see it: one row per entry, with figures and verdicts. Joins tables, computes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import tables, wording
from leaderboard.display.columns import COLUMNS, Column
from leaderboard.parts import evidence, order
from leaderboard.site import task_families, track_data
from leaderboard.site.state import relative_link
from leaderboard.site.task_families import TaskFamilies
from leaderboard.site.track_data import KEY, ResultTable, Stamp

COMPOSED = {
    "score_bar": ["score_all", "score_all_low", "score_all_high"],
    "gain_line": ["gain_all", "gain_all_low", "gain_all_high"],
    "size_line": ["effective_size", "effective_size_low", "effective_size_high", "effective_size_note"],
    "verdicts": ["against_base", "against_controls", "against_rungs", "verification"],
}
"""Columns that show several stored ones in one cell: a figure with its interval, or the four verdicts."""

SHOWN = [
    "ranks",
    "model",
    "arm",
    "corpus",
    "score_bar",
    "gain_line",
    "size_line",
    "verdicts",
    "n_texts",
    "n_docs",
]
"""The columns of the first view, in this order."""
MOST_SHOWN = 10

OPTIONAL = [
    "n_draws",
    "score_all",
    "score_interval",
    "gain_all",
    "gain_interval",
    "gap_closed",
    "behaves_like",
    "against_base",
    "against_controls",
    "against_rungs",
    "conditional",
    "verification",
    "optimism",
    "open",
    "rank",
    "score_*",
    "corrected_all",
    "iqm_all",
    "iqm_interval",
    "effective_size",
    "size_multiplier",
    "probability_*",
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
    "parameters",
    "share_diverged",
    "corpus_loss",
    "overlap",
]
"""Columns that a reader may add; `score_*` and `probability_*` are those of each family of tasks."""


@dataclass(frozen=True)
class RankingView:
    """A track's rows as readers see them, and what the filters need; shared by all readers and never changed.

    `frame` holds all rows, `ranked` those that compete, `lines` the words of each of these that a search looks
    through, in lower case; `labels` are the columns of the track's families of tasks.
    """

    frame: pd.DataFrame
    ranked: pd.DataFrame
    lines: list[str]
    first_view: list[str]
    options: dict[str, list[str]]
    widths: tables.Widths
    families: TaskFamilies
    labels: dict[str, Column]

    @property
    def offered(self) -> list[str]:
        """The columns that a reader may choose from, those of the first view first."""
        names = [*SHOWN, *for_families(OPTIONAL, self.families)]
        return [*self.first_view, *(name for name in names if name not in self.first_view)]

    @property
    def reference(self) -> pd.DataFrame:
        """The rows that are not ranked: untreated models and controls."""
        return self.frame[self.frame["row_kind"] != "entry"]

    def heading(self, name: str) -> str:
        """The heading of a column."""
        return (self.labels.get(name) or COLUMNS[name]).label


def for_families(names: Iterable[str], families: TaskFamilies) -> list[str]:
    """Names of columns, with `bar_*`, `score_*` (figure and interval) and `probability_*` for each family in place."""
    columns: list[str] = []
    for name in names:
        if name == "bar_*":
            columns += [f"bar_{family}" for family in families.names]
        elif name == "score_*":
            columns += [one for family in families.names for one in (f"score_{family}", f"{family}_interval")]
        elif name == "probability_*":
            columns += [f"probability_{family}" for family in families.separate]
        else:
            columns.append(name)
    return columns


def of_track(track: str) -> RankingView:
    """The ranking of a track, rebuilt when one of its tables changes."""
    names = ("entries.csv", "comparisons.csv", "curves.csv", "claims.json")
    return _built(track, *(track_data.stamp(track_data.results_folder() / track / name) for name in names))


@st.cache_resource(max_entries=16, show_spinner=False)
def _built(track: str, *marks: Stamp | None) -> RankingView:
    del marks  # they are the cache's key
    families = task_families.of_track(track)
    labels = families.columns()
    frame = build(
        track_data.table(track, "entries.csv"), track_data.table(track, "comparisons.csv"), track, families
    )
    ranked = frame[frame["row_kind"] == "entry"].reset_index(drop=True)
    searched = ranked[[*KEY, "against_rungs", "verification"]].fillna("").astype(str)
    lines = [" ".join(cells).casefold() for cells in searched.itertuples(index=False, name=None)]
    options = {column: sorted(ranked[column].dropna().unique()) for column in KEY}
    first, wide = first_view(ranked, families), tables.widths(frame, labels)
    return RankingView(frame, ranked, lines, first, options, wide, families, labels)


def build(entries: ResultTable, comparisons: ResultTable, track: str, families: TaskFamilies) -> pd.DataFrame:
    """All rows of `entries.csv` with their verdicts over all tasks, entries in their order, then rungs and controls."""
    arm = order.claims_arm(track)
    frame = order.placing(order.standing(entries.frame, arm), arm)
    frame["row_kind"] = frame["row_kind"].fillna("entry")
    found = verdicts_by_entry(comparisons, families)
    keys = list(frame[KEY].itertuples(index=False, name=None))
    for kind, column in (
        ("base", "against_base"),
        ("control", "against_controls"),
        ("rung", "against_rungs"),
    ):
        rows = [found.get((*key, kind), []) for key in keys]
        frame[column] = ["; ".join(_said(row, kind, families) for row in group) or "–" for group in rows]
        frame[f"_{kind}"] = [tuple(row.verdict for row in group) for group in rows]
    rungs = [found.get((*key, "rung"), []) for key in keys]
    frame["_nearest"] = [
        tuple(row.verdict for row in group if row.baseline == group[0].baseline) for group in rungs
    ]
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
    for family in families.names:
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
        ["_order", "placing", "parameters", *KEY], kind="stable", ignore_index=True
    )


def _intervals(frame: pd.DataFrame, name: str, *, signed: bool = False) -> list[str]:
    low, high = frame[f"{name}_low"], frame[f"{name}_high"]
    places = wording.decimals(0.0, (high - low).median())
    return [wording.interval(*pair, signed=signed, places=places) for pair in zip(low, high, strict=True)]


def verdicts_by_entry(
    comparisons: ResultTable, families: TaskFamilies
) -> dict[tuple[str, str, str, str], list[Any]]:
    """Rows over all tasks (by family where there are none) by entry and kind of baseline, the nearest size first."""
    overall = comparisons.where(scope="all")
    if overall.empty:
        overall = comparisons.where(scope=families.names)
    found: dict[tuple[str, str, str, str], list[Any]] = {}
    for row in overall.sort_values(["size_ratio", "baseline_arm", "scope"], kind="stable").itertuples():
        found.setdefault((row.model, row.arm, row.corpus, row.baseline_kind), []).append(row)
    return found


def _said(row: Any, kind: str, families: TaskFamilies) -> str:
    """`≈ comparable: larger model (3.0×)`; with the family where it is not over all tasks."""
    about = []
    if kind == "rung":
        about.append(row.baseline + ("" if wording.missing(row.size_ratio) else f" ({row.size_ratio:.1f}×)"))
    if kind == "control":
        about.append(row.baseline_arm)
    if row.scope != "all":
        about.append(families.inside(row.scope))
    verdict = wording.VERDICTS.get(row.verdict, str(row.verdict))
    if row.conditional == wording.DOCUMENTS_ALONE:
        verdict += " (documents alone)"
    return f"{verdict}: {', '.join(about)}" if about else verdict


def _gap_closed(rungs: list[Any]) -> str:
    """`34 % (12 % to 60 %)` of the gap to the next larger model; a dash where that is not known."""
    if not rungs or rungs[0].scope != "all":
        return "–"
    return wording.share(rungs[0].share_closed, rungs[0].share_closed_low, rungs[0].share_closed_high)


def first_view(frame: pd.DataFrame, families: TaskFamilies) -> list[str]:
    """The columns to begin with: those that hold something, by family where there is no score over all tasks."""
    names = SHOWN
    if frame["score_all"].isna().all():
        names = for_families(["bar_*" if name == "score_bar" else name for name in SHOWN], families)
    return [name for name in names if _holds_something(frame, name)][:MOST_SHOWN]


_SAY_LITTLE = ("verification", "effective_size_note")
"""Stored columns that are never empty and do not make a composed column worth a place."""


def _holds_something(frame: pd.DataFrame, name: str) -> bool:
    cells = [frame[one] for one in stored_columns(name) if one not in _SAY_LITTLE]
    return any(bool(one.notna().any() and not (one == "–").all()) for one in cells)


def stored_columns(name: str) -> list[str]:
    """The stored columns that a column shows."""
    if name.startswith("bar_"):
        score = f"score_{name.removeprefix('bar_')}"
        return [score, f"{score}_low", f"{score}_high"]
    return COMPOSED.get(name, [name])


def in_full(names: Iterable[str]) -> list[str]:
    """The stored columns behind a choice of columns, each once."""
    return list(dict.fromkeys(stored for name in names for stored in stored_columns(name)))


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


def keep_reference(
    ranking: RankingView, chosen: Mapping[str, Iterable[str]], *, words: str = ""
) -> pd.DataFrame:
    """Rows that are not ranked and belong to the `chosen` models and corpora, with every word in their names."""
    frame, asked = ranking.reference, words.casefold().split()
    models, corpora = (set(chosen.get(name, ())) for name in ("model", "corpus"))
    fits = [
        (not models or row.model in models)
        and (not corpora or row.row_kind == "rung" or row.corpus in corpora)
        and all(word in f"{row.model} {row.arm} {row.corpus}".casefold() for word in asked)
        for row in frame.itertuples()
    ]
    return frame[fits]


def with_reference(kept: pd.DataFrame, reference: pd.DataFrame, families: TaskFamilies) -> pd.DataFrame:
    """Both by score, highest first, so that each entry stands beside the untreated models of its height."""
    both = pd.concat([kept, reference])
    by = next((f"score_{s}" for s in families.scopes if both[f"score_{s}"].notna().any()), "score_all")
    return both.sort_values(by, ascending=False, kind="stable", na_position="last")


def sort(frame: pd.DataFrame, column: str, *, descending: bool) -> pd.DataFrame:
    """Rows by one column, empty cells last."""
    by = {
        "ranks": "rank_low",
        "score_interval": "score_all_low",
        "gain_interval": "gain_all_low",
        "behaves_like": "effective_size",
        "gap_closed": "_share",
        "verdicts": "against_rungs",
    }
    if (column, descending) == ("placing", False):
        return frame  # sorted in their usual order
    return frame.sort_values(
        by.get(column, stored_columns(column)[0]), ascending=not descending, kind="stable", na_position="last"
    )
