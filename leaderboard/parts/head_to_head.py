"""The rest of a comparison of entries: documents on which they differ, profiles over texts, learning rates."""

import pandas as pd
import streamlit as st

from leaderboard.display import charts, run_charts, tables, wording
from leaderboard.display.columns import Column
from leaderboard.parts import document_rows, questions
from leaderboard.parts.document_rows import Checkpoint
from leaderboard.site import page, state, task_families, track_data

Key = tuple[str, str, str]


def show_documents(track: str, keys: dict[str, Key]) -> None:
    """Documents on which a run of the first entry and a run of the second differ."""
    st.header("Documents on which they disagree", anchor=False)
    problem = document_rows.available(track)
    runs = track_data.table(track, "runs.csv")
    if problem or not runs:
        page.unwritten(wording.plain(problem or runs.problem))
        return
    (first, second), families = list(keys)[:2], task_families.of_track(track)
    scopes = families.in_order(track_data.table(track, "comparisons.csv").frame["scope"])
    task_names = [scope for scope in scopes if scope not in families.scopes]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = state.pick_one("Task", task_names or ["–"], "task", width=170)
        text_a = state.pick_one("Run of the first: text", _texts(runs, keys[first]), "text", width=170)
        text_b = state.pick_one("Run of the second: text", _texts(runs, keys[second]), "text2", width=170)
    frame, absent = document_rows.side_by_side(
        track, task, {"first": Checkpoint(*keys[first], text_a), "second": Checkpoint(*keys[second], text_b)}
    )
    if absent or frame.empty:
        page.nothing(
            "The documents of these runs are not stored here.",
            "Choose other runs, or repeat them:",
            "gapbench run --help",
        )
        return
    frame, _ = questions.beside(document_rows.differing_first(frame, "first", "second"), track, task)
    differ = frame[frame["change"].isin([document_rows.BETTER, document_rows.WORSE])]
    better, worse = document_rows.changed(frame)
    st.caption(
        f"Of {wording.counted(len(frame), 'document')}, the first scores better on {better:,} and worse on {worse:,}. "
        f"First: {wording.plain(first)}. Second: {wording.plain(second)}."
    )
    labels = {
        "question": Column("Question", "What the models are given."),
        "change": Column("First is", "First against second, by score on this document."),
    } | document_rows.labels({"first": "the first entry's run", "second": "the second entry's run"})
    order = ["doc_id", "question", "change", "target"]
    order += [f"{who} {part}" for part in ("answer", "score") for who in ("first", "second")]
    tables.show(tables.ordered(differ, order), "discordant", labels=labels)


def show_profiles(track: str, keys: dict[str, Key]) -> None:
    """Performance profiles: the share of runs above each score."""
    profile = track_data.table(track, "profile.csv")
    if not profile.has("threshold", "share"):
        return
    parts = [profile.of(key).assign(entry=name) for name, key in keys.items()]
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[frame["scope"] == "all"] if "scope" in frame else frame
    if frame.empty:
        return
    st.header("How often a run scores high", anchor=False)
    st.markdown(
        "The share of an entry's runs (one text each) that score above each value, with its 95 % interval."
    )
    charts.show(run_charts.profile(frame), "Share of runs above each score", name="profile")


def show_sensitivity(track: str, keys: dict[str, Key]) -> None:
    """Gain by learning rate and step, for the models and corpora of the chosen entries."""
    st.header("Learning rate and step", anchor=False)
    table = track_data.table(track, "sensitivity.csv")
    if not table.has("learning_rate", "step", "gain"):
        page.nothing(
            "No sensitivity table in this track.",
            "It needs arms of one kind in the parameters that differ in their learning rate only.",
        )
        return
    frame = table.frame
    frame = frame[
        frame["model"].isin([k[0] for k in keys.values()])
        & frame["corpus"].isin([k[2] for k in keys.values()])
    ]
    if frame.empty:
        page.nothing(
            "Sensitivity was not measured for these entries.",
            "Choose others, or add arms with another learning rate.",
        )
        return
    groups = {
        f"{m} / {c} / {k}": (m, c, k)
        for m, c, k in frame[["model", "corpus", "kind"]].drop_duplicates().itertuples(index=False, name=None)
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        group = groups[state.pick_one("Of", list(groups), "of", width=300)]
        families = task_families.of_track(track)
        scopes = [scope for scope in families.in_order(frame["scope"]) if scope in families.scopes]
        scope = state.pick_segment("Sensitivity of", scopes, "sens", words=families.label)
    shown = frame[
        (frame["model"] == group[0])
        & (frame["corpus"] == group[1])
        & (frame["kind"] == group[2])
        & (frame["scope"] == scope)
    ]
    charts.show(
        run_charts.sensitivity(shown), "Gain by step, one line per learning rate", name="learning-rates"
    )
    tables.offer(shown, "sensitivity", note="Nothing is chosen here: every rate and step is shown.")


def _texts(runs: track_data.ResultTable, key: Key) -> list[str]:
    found = runs.of(key)
    return list(dict.fromkeys(found["text_id"].dropna())) or ["–"]
