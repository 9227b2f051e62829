"""The end of an entry's page: its runs, the texts of the best and the worst, and how to repeat them."""

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import tables, wording
from leaderboard.parts import recipe
from leaderboard.site import page, state, task_families, track_data

Key = tuple[str, str, str]


def show_runs(track: str, key: Key) -> None:
    """All runs as a table, and the texts of the best and the worst."""
    st.header("Best and worst texts", anchor=False)
    runs, texts = track_data.table(track, "runs.csv"), track_data.table(track, "texts.parquet")
    chosen = runs.of(key).sort_values("test_all", ascending=False, kind="stable", na_position="last")
    if chosen.empty:
        page.unwritten("No run of this entry is stored.")
        return
    scored = chosen.dropna(subset=["test_all"])
    ends = [
        ("Best run", scored.head(1)),
        ("Worst run", scored.tail(1) if len(scored) > 1 else scored.head(0)),
    ]
    for column, (label, run) in zip(st.columns(2), ends, strict=True):
        with column:
            for one in run.itertuples():
                show_text(label, one, texts, recipe.WITHOUT_TEXT.get(recipe.kind_of(track, key), ""))
    show_all(track, runs, chosen)


@st.fragment
def show_all(track: str, runs: track_data.ResultTable, chosen: pd.DataFrame) -> None:
    """Every run as a table, drawn where the reader opens it."""
    with state.unfold(f"All {wording.counted(len(chosen), 'run')}", "runs", icon=":material/list:") as part:
        if part.open:
            page.explain(runs)
            shown = chosen.drop(columns=["track", "suite_version", "model", "arm", "corpus"])
            tables.show(shown, "runs", labels=task_families.of_track(track).columns())
    state.end()


def show_text(label: str, run: Any, texts: track_data.ResultTable, why_none: str = "") -> None:
    """The text that drove one run, unchanged, or `why_none`."""
    st.markdown(
        f"**{label}:** {wording.number(run.test_all, 4)} at step {wording.number(run.selected_step, 0)}, text "
        f"{wording.plain(run.text_id)}"
    )
    if why_none:
        st.markdown(why_none)
        return
    found = (
        texts.where(corpus=run.corpus, text_id=run.text_id)
        if texts.has("text_id", "text")
        else pd.DataFrame()
    )
    if found.empty:
        page.unwritten("The text itself is not stored here.")
        return
    st.code(
        wording.visible(found["text"].iloc[0], keep="\n\t")[:6000], language=None, wrap_lines=True, height=260
    )


def show_recipe(track: str, key: Key) -> None:
    """How to repeat it, from which inputs, and who did."""
    st.header("Repeat it", anchor=False)
    runs = track_data.table(track, "runs.csv").of(key)
    if recipe.has_runs_of_its_own(track, key):
        st.markdown("One run, outside the pipeline, into an empty folder:")
        st.code(recipe.run_command(key, runs), language="bash", wrap_lines=True)
    st.markdown("Some of its runs again, compared with what is stored:")
    st.code(recipe.verify_command(track, key), language="bash", wrap_lines=True)
    show_keys(track, key)
    show_attestation(track, key)


@st.fragment
def show_keys(track: str, key: Key) -> None:
    """The settings of the entry and the digests of its inputs."""
    with state.unfold("Recipe and keys", "recipe", icon=":material/key:") as part:
        if part.open:
            provenance, problem = track_data.document(track, "provenance.json")
            keys = recipe.keys_of(provenance, key)
            settings = recipe.settings_of(track, key)
            if settings:
                st.markdown("Settings of this treatment, from the track's parameters:")
                st.code(settings, language="yaml")
            if keys.empty:
                st.markdown(
                    wording.plain(problem or "No key of this entry's inputs is stored in provenance.json.")
                )
            else:
                st.markdown("Digests of its inputs:")
                tables.show(keys, "keys")
    state.end()


def show_attestation(track: str, key: Key) -> None:
    """Who repeated runs of this entry."""
    found = recipe.attestations(track, key)
    if found.empty:
        st.markdown(
            "**Attestation:** none yet. The state stays `self-reported` until `gapbench verify` succeeds "
            "on another machine."
        )
        return
    st.markdown("**Attestation:**")
    tables.show(found, "attestations")
