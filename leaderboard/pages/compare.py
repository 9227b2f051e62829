"""Compare: two to four entries head to head, task by task, down to the documents on which they disagree."""

import sys
from pathlib import Path

import pandas as pd
import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run alone, only this folder is there
    sys.path.insert(0, str(ROOT))

from leaderboard import charts, choice, data, evidence, page, samples, state, tables, text  # noqa: E402
from leaderboard.choice import scope_word  # noqa: E402
from leaderboard.samples import Checkpoint  # noqa: E402
from leaderboard.tables import Column  # noqa: E402

LEAD = "Two to four treated models head to head: task by task against the same kind of baseline, and directly against each other."
Key = tuple[str, str, str]
LABELS = {
    "entry": Column("Entry", "Model / treatment / corpus."),
    "other": Column("Against", "The entry that it is compared with directly."),
    "scope": Column("Tasks", "`all`, a family of tasks, or a single task."),
    "n_paired_texts": Column("Paired texts", "Texts that drove runs of both; 0 where their texts are independent samples.", "count"),
}
FOREST = ["entry", "scope", "name", "verdict", "delta", "ci_low", "ci_high", "p_adjusted", "q_value", "margin", "mde", "size_ratio", "n_docs", "n_runs"]


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("compare", "Compare", LEAD)
    if track is None:
        return
    entries, comparisons = data.table(track, "entries.csv"), data.table(track, "comparisons.csv")
    page.explain(entries, comparisons)
    named = choice.by_name(choice.entry_keys(entries, kinds=("entry",)))
    names = sorted(named, key=list(named).index, reverse=True)
    if len(named) < 2:
        page.nothing("There are fewer than two entries to compare in this track.", "Entries appear when runs have been scored:", "dvc repro")
        page.finish()
        return
    chosen = state.pick_many("Entries (two to four)", names, "entry", default=names[:2], most=4, explicit=True, help="Type to search. The order chosen is kept.")
    if len(chosen) < 2:
        st.info("Choose at least two entries.", icon=":material/compare_arrows:")
        page.finish()
        return
    keys = {name: named[name] for name in chosen}
    show_forest(comparisons, keys)
    show_direct(track, keys)
    show_documents(track, keys)
    show_profiles(track, keys)
    show_sensitivity(track, keys)
    page.finish()


def show_forest(comparisons: data.Table, keys: dict[str, Key]) -> None:
    """Differences from one kind of baseline by task, entries side by side."""
    st.subheader("Task by task", anchor=False)
    rows = [
        comparisons.where(model=m, arm=a, corpus=c).assign(entry=name) for name, (m, a, c) in keys.items()
    ]
    frame = pd.concat(rows, ignore_index=True)
    if frame.empty:
        page.nothing("No comparison of these entries is stored.", "They are written by the last stage:", "dvc repro")
        return
    frame["name"] = [evidence.baseline_name(row) for row in frame.itertuples()]
    frame = frame.sort_values("size_ratio", kind="stable")
    frame["against"] = frame["name"].where(frame["baseline_kind"] != "rung", "larger: the next rung up")
    nearest = frame[frame["baseline_kind"] == "rung"].groupby("entry")["size_ratio"].transform("min")
    frame = frame[(frame["baseline_kind"] != "rung") | (frame["size_ratio"] == nearest.reindex(frame.index))]
    kinds = list(dict.fromkeys(frame["against"]))
    kinds.sort(key=lambda name: (not name.startswith("larger"), not name.startswith("itself"), name))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = state.pick_one("Each against", kinds, "against", width=280)
        level = state.pick_segment("Rows", ["tasks", "families"], "rows", words={"tasks": "Families and tasks", "families": "Families"}.__getitem__)
    scopes = choice.scopes_in_order(frame["scope"])
    scopes = scopes if level == "tasks" else [scope for scope in scopes if scope in choice.SCOPE_WORDS]
    shown = frame[(frame["against"] == against) & frame["scope"].isin(scopes)]
    shown = shown.assign(what=shown["scope"].map(scope_word))
    order = [scope_word(scope) for scope in scopes]
    if shown.empty:
        page.nothing("None of these entries has this comparison.", "Choose another baseline.")
        return
    charts.show(
        charts.forest(shown, "what", "verdict", title="Difference in score, with 95 % interval", margin="margin", order=order, colour_by="entry", row_height=19),
        "Differences by task with 95 % intervals, one mark an entry",
    )
    note = "Shaded: the shortfall that still counts as comparable (half the gap to the larger model). " if shown["margin"].notna().any() else ""
    st.caption(f"{note}An interval across the dashed line shows no difference. *Detectable* is the smallest true difference that would be found in 80 % of repetitions.")
    place = {scope: number for number, scope in enumerate(scopes)}
    ordered = shown.assign(_place=shown["scope"].map(place)).sort_values(["_place", "entry"], kind="stable")
    tables.show(tables.ordered(ordered, FOREST), "by-task", labels=LABELS, known_widths=tables.widths(shown))


def show_direct(track: str, keys: dict[str, Key]) -> None:
    """Rows of `pairs.csv` between the chosen entries, each as it is stored."""
    st.subheader("Directly against each other", anchor=False)
    pairs = data.table(track, "pairs.csv")
    if not pairs.has("other_model", "delta"):
        page.nothing(text.plain(pairs.problem or "pairs.csv holds no rows."), "It is written by the last stage:", "dvc repro")
        return
    page.explain(pairs)
    frame = pairs.where(model=[k[0] for k in keys.values()])
    names = {key: name for name, key in keys.items()}
    frame["entry"] = [names.get(key) for key in frame[["model", "arm", "corpus"]].itertuples(index=False, name=None)]
    frame["other"] = [names.get(key) for key in frame[["other_model", "other_arm", "other_corpus"]].itertuples(index=False, name=None)]
    frame = frame.dropna(subset=["entry", "other"])
    if frame.empty:
        page.nothing("No direct comparison of these entries is stored.", "Only ranked entries are compared with each other.")
        return
    shown = tables.ordered(frame, ["entry", "other", "scope", "delta", "ci_low", "ci_high", "p_value", "p_adjusted", "mde", "n_docs", "n_paired_texts"])
    tables.show(shown, "pairs", labels=LABELS, note="Difference: entry less the other, on documents that both have; Holm over all pairs.")


def show_documents(track: str, keys: dict[str, Key]) -> None:
    """Documents on which a run of the first entry and a run of the second differ."""
    st.subheader("Documents on which they disagree", anchor=False)
    problem = samples.available(track)
    runs = data.table(track, "runs.csv")
    if problem or not runs:
        page.nothing(text.plain(problem or runs.problem), "The documents of selected steps are written by the last stage:", "dvc repro")
        return
    first, second = list(keys)[:2]
    task_names = [s for s in choice.scopes_in_order(data.table(track, "comparisons.csv").frame["scope"]) if s not in choice.SCOPE_WORDS]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = state.pick_one("Task", task_names or ["–"], "task", width=200)
        text_a = state.pick_one("Run of the first: text", _texts(runs, keys[first]), "text", width=220)
        text_b = state.pick_one("Run of the second: text", _texts(runs, keys[second]), "text2", width=220)
    frame, absent = samples.side_by_side(track, task, {"first": Checkpoint(*keys[first], text_a), "second": Checkpoint(*keys[second], text_b)})
    if absent or frame.empty:
        page.nothing("The documents of these runs are not stored here.", "Choose other runs, or repeat them:", "gapbench run --help")
        return
    frame = samples.differing_first(frame, "first", "second")
    differ = frame[frame["change"].isin(["▲ better", "▼ worse"])]
    st.caption(f"The scores differ on {len(differ):,} of {text.counted(len(frame), 'document')}. First: {text.plain(first)}. Second: {text.plain(second)}.")
    labels = {
        "first answer": Column("First", "Answer of the first entry's run."), "second answer": Column("Second", "Answer of the second entry's run."),
        "first score": Column("Score, first", "1 right, 0 wrong; for dialogue F1.", "score3"), "second score": Column("Score, second", "1 right, 0 wrong; for dialogue F1.", "score3"),
        "change": Column("First is", "First against second, by score on this document."),
    }  # fmt: skip
    tables.show(tables.ordered(differ, ["doc_id", "change", "target", "first answer", "second answer", "first score", "second score"]), "discordant", labels=labels)


def show_profiles(track: str, keys: dict[str, Key]) -> None:
    """Performance profiles: the share of runs above each score."""
    profile = data.table(track, "profile.csv")
    if not profile.has("threshold", "share"):
        return
    parts = [profile.where(model=m, arm=a, corpus=c).assign(entry=name) for name, (m, a, c) in keys.items()]
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[frame["scope"] == "all"] if "scope" in frame else frame
    if frame.empty:
        return
    st.subheader("How often a run scores high", anchor=False)
    st.markdown("The share of an entry's runs (one text each) that score above each value, with its 95 % interval.")
    charts.show(charts.profile(frame, "entry"), "Share of runs above each score")


def show_sensitivity(track: str, keys: dict[str, Key]) -> None:
    """Gain by learning rate and step, for the models and corpora of the chosen entries."""
    st.subheader("Learning rate and step", anchor=False)
    table = data.table(track, "sensitivity.csv")
    if not table.has("learning_rate", "step", "gain"):
        page.nothing("No sensitivity table in this track.", "It needs arms that differ in their learning rate only, such as `gap` and `gap-lr1e-4` in the parameters.")
        return
    frame = table.frame
    frame = frame[frame["model"].isin([k[0] for k in keys.values()]) & frame["corpus"].isin([k[2] for k in keys.values()])]
    if frame.empty:
        page.nothing("Sensitivity was not measured for these entries.", "Choose others, or add arms with another learning rate.")
        return
    groups = {f"{m} / {c} / {k}": (m, c, k) for m, c, k in frame[["model", "corpus", "kind"]].drop_duplicates().itertuples(index=False, name=None)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        group = groups[state.pick_one("Of", list(groups), "of", width=300)]
        scope = state.pick_segment("Sensitivity of", choice.scopes_in_order(frame["scope"])[:3], "sens", words=scope_word)
    shown = frame[(frame["model"] == group[0]) & (frame["corpus"] == group[1]) & (frame["kind"] == group[2]) & (frame["scope"] == scope)]
    charts.show(charts.sensitivity(shown), "Gain by step, one line a learning rate")
    tables.offer(shown, "sensitivity", note="Nothing is chosen here: every rate and step is shown.")


def _texts(runs: data.Table, key: Key) -> list[str]:
    found = runs.where(model=key[0], arm=key[1], corpus=key[2])
    return list(dict.fromkeys(found["text_id"].dropna())) or ["–"]


main()
