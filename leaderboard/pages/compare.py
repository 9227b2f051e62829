"""Compare: two to four entries head to head, task by task, down to the documents on which they disagree."""

import pandas as pd
import streamlit as st

from benchmark.schema.result_columns import PAIRS
from leaderboard.display import charts, tables, wording
from leaderboard.display.columns import Column
from leaderboard.overview import pair_differences
from leaderboard.parts import evidence, head_to_head, order, track_choice
from leaderboard.site import page, state, task_families, track_data

LEAD = (
    "Two to four treated models or controls head to head: task by task against the same kind of baseline, "
    "and directly against each other."
)
Key = tuple[str, str, str]
LABELS = {
    "entry": Column("Entry", "Model / treatment / corpus."),
    "other": Column("Against", "The entry that it is compared with directly."),
    "scope": Column("Tasks", "`all`, a family of tasks, or a single task."),
}
FOREST = ["entry", "scope", *evidence.COMPARISON]
WORDS = {track_data.SCORE: "score", track_data.PROBABILITY: "the probability of the right answer"}
MEASURES = {track_data.SCORE: "Accuracy, F1", track_data.PROBABILITY: "Probability of the right answer"}


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("compare", "Compare", LEAD)
    if track is None:
        return
    entries, comparisons = track_data.table(track, "entries.csv"), track_data.table(track, "comparisons.csv")
    page.explain(entries, comparisons)
    named = track_choice.by_name(track_choice.entry_keys(entries, track))
    names = list(named)
    if len(named) < 2:
        page.unwritten("There are fewer than two entries to compare in this track.")
        page.finish()
        return
    chosen = state.pick_many(
        "Entries (two to four)",
        names,
        "entry",
        default=first_view(track, named),
        most=4,
        explicit=True,
        help="Type to search. The order of your choice is kept.",
    )
    if len(chosen) < 2:
        st.info("Choose at least two entries.", icon=":material/compare_arrows:")
        page.finish()
        return
    keys = {name: named[name] for name in chosen}
    show_forest(track, keys)
    show_direct(track, keys)
    show_all_pairs(track, entries)
    head_to_head.show_documents(track, keys)
    head_to_head.show_profiles(track, keys)
    head_to_head.show_sensitivity(track, keys)
    page.finish()


def first_view(track: str, named: dict[str, Key]) -> list[str]:
    """The best entry of the claims' treatment and its placebos in the claims, or the first two entries."""
    names = list(named)
    model, _, corpus = named[names[0]]
    placebos = [track_choice.name_of((model, arm, corpus)) for arm in order.claims_placebos(track)]
    beside = [name for name in placebos if name in named and name != names[0]]
    return [names[0], *beside][:4] if beside else names[:2]


def show_forest(track: str, keys: dict[str, Key]) -> None:
    """Differences from one kind of baseline by task, entries side by side, in the measure that is chosen."""
    st.header("Task by task", anchor=False)
    measure, families = track_data.SCORE, task_families.of_track(track)
    if track_data.table(track, "comparisons.csv", track_data.PROBABILITY):
        measure = state.pick_segment(
            "Measure",
            list(MEASURES),
            "measure",
            words=MEASURES.__getitem__,
            help="The claims are about accuracy and F1. The probability of the right answer is finer: it shows "
            "what is too small for them. It is never averaged over families of tasks.",
        )
    comparisons = track_data.table(track, "comparisons.csv", measure)
    rows = [comparisons.of(key).assign(entry=name) for name, key in keys.items()]
    frame = pd.concat(rows, ignore_index=True)
    if frame.empty:
        page.unwritten("No comparison of these entries is stored.")
        return
    frame["name"] = [evidence.baseline_name(row) for row in frame.itertuples()]
    frame = frame.sort_values("size_ratio", kind="stable")
    frame["against"] = frame["name"].where(frame["baseline_kind"] != "rung", "larger: the next rung up")
    nearest = frame[frame["baseline_kind"] == "rung"].groupby("entry")["size_ratio"].transform("min")
    frame = frame[(frame["baseline_kind"] != "rung") | (frame["size_ratio"] == nearest.reindex(frame.index))]
    kinds = list(dict.fromkeys(frame["against"]))
    holders = frame.groupby("against")["entry"].nunique()
    placebo = any(key[1] in order.claims_placebos(track) for key in keys.values())
    first = ("itself", "larger") if placebo else ("larger", "itself")
    kinds.sort(key=lambda name: (-holders[name], *(not name.startswith(word) for word in first), name))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = state.pick_one("Each against", kinds, "against", width=280)
        level = state.pick_segment(
            "Rows",
            ["tasks", "families"],
            "rows",
            words={"tasks": "Families and tasks", "families": "Families"}.__getitem__,
        )
    scopes = families.in_order(frame["scope"])
    scopes = scopes if level == "tasks" else [scope for scope in scopes if scope in families.scopes]
    shown = frame[(frame["against"] == against) & frame["scope"].isin(scopes)]
    shown = shown.assign(what=shown["scope"].map(families.label))
    in_order = [families.label(scope) for scope in scopes]
    if shown.empty:
        page.nothing("None of these entries has this comparison.", "Choose another baseline.")
        return
    charts.show(
        charts.forest(
            shown,
            "what",
            "verdict",
            title=f"Difference in {WORDS[measure]}, with 95 % interval",
            margin="margin",
            order=in_order,
            colour_by="entry",
            row_height=19,
        ),
        "Differences by task with 95 % intervals, one mark per entry",
        name="by-task-chart",
    )
    note = (
        f"Shaded: the shortfall that still counts as comparable ({wording.MARGIN}). "
        if len(charts.with_margin(shown))
        else ""
    )
    st.caption(
        f"{note}An interval across the dashed line shows no clear difference. *Detectable* is the smallest true "
        f"difference that would be found in 80 % of repetitions. {evidence.without_interval(shown)}".strip()
    )
    place = {scope: number for number, scope in enumerate(scopes)}
    ordered = shown.assign(_place=shown["scope"].map(place)).sort_values(["_place", "entry"], kind="stable")
    tables.show(
        evidence.kept_columns(ordered, FOREST),
        "by-task",
        labels=LABELS,
        known_widths=tables.widths(shown),
        words={"scope": families.label},
    )


def show_direct(track: str, keys: dict[str, Key]) -> None:
    """Rows of `pairs.csv` between the chosen entries, as stored."""
    st.header("Directly against each other", anchor=False)
    pairs = track_data.table(track, "pairs.csv")
    if not pairs.has("other_model", "delta"):
        page.unwritten(wording.plain(pairs.problem or "pairs.csv holds no rows."))
        return
    page.explain(pairs)
    frame = pairs.where(model=[k[0] for k in keys.values()])
    names = {key: name for name, key in keys.items()}
    frame["entry"] = [
        names.get(key) for key in frame[["model", "arm", "corpus"]].itertuples(index=False, name=None)
    ]
    frame["other"] = [
        names.get(key)
        for key in frame[["other_model", "other_arm", "other_corpus"]].itertuples(index=False, name=None)
    ]
    frame = pd.concat(
        [frame.dropna(subset=["entry", "other"]), against_controls(track, names)], ignore_index=True
    )
    if frame.empty:
        page.nothing(
            "No direct comparison of these entries is stored.",
            "Ranked entries are compared with each other and with the controls of their own model and corpus.",
        )
        return
    figures = [name for name in PAIRS.names[PAIRS.names.index("scope") :] if name != "n_texts"]
    shown = evidence.kept_columns(frame, ["entry", "other", *figures])
    tables.show(
        shown,
        "pairs",
        labels=LABELS,
        words={"scope": task_families.of_track(track).label},
        note="Difference: entry minus the other, on documents that both have; Holm over all pairs.",
    )


def show_all_pairs(track: str, entries: track_data.ResultTable) -> None:
    """All ranked entries against each other, as a heat table."""
    pairs = track_data.table(track, "pairs.csv")
    ranked = track_choice.by_name(track_choice.entry_keys(entries, track, kinds=("entry",), by_rank=True))
    if not pairs.has("other_model", "delta") or len(ranked) < 2:
        return
    st.header("Every entry against every other", anchor="pairs")
    families = task_families.of_track(track)
    scopes = [scope for scope in families.scopes if scope in set(pairs.frame["scope"])]
    if not scopes:
        page.unwritten("No pair over all tasks or over a family is stored.")
        return
    scope = state.pick_segment("Pairs over", scopes, "pairs", words=families.label)
    names = list(ranked)[: pair_differences.MOST_ENTRIES]
    if len(ranked) > len(names):
        st.caption(f"The first {len(names)} of {len(ranked)} entries. The download holds all pairs.")
    both = pair_differences.both_ways(pairs, scope, names)
    if both.empty:
        page.nothing("No pair of ranked entries is stored over these tasks.", "Choose others.")
        return
    chart = pair_differences.heat_of_pairs(both, names, track)
    charts.show(chart, "Differences between all pairs of entries", name="pairs-heat")
    tables.offer(
        pairs.where(scope=scope), "all-pairs", note="Each pair once, as stored; Holm over all pairs."
    )


def against_controls(track: str, names: dict[Key, str]) -> pd.DataFrame:
    """The comparisons of chosen entries with chosen controls, over all tasks and the families."""
    rows = track_data.table(track, "comparisons.csv").where(
        baseline_kind="control", scope=task_families.of_track(track).scopes, model=[key[0] for key in names]
    )
    entry = rows[["model", "arm", "corpus"]].itertuples(index=False, name=None)
    other = rows[["baseline", "baseline_arm", "corpus"]].itertuples(index=False, name=None)
    rows = rows.assign(
        entry=[names.get(key) for key in entry],
        other=[names.get(key) for key in other],
        n_paired=rows["n_texts"],
    )
    return rows.dropna(subset=["entry", "other"])


main()
