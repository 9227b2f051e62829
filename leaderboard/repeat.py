"""The end of an entry's page: its runs, the texts of the best and the worst, and how to repeat them."""

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard import data, page, recipe, tables, text

Key = tuple[str, str, str]


def show_runs(track: str, key: Key) -> None:
    """All runs as a table, and the texts of the best and the worst."""
    st.header("Best and worst texts", anchor=False)
    runs, texts = data.table(track, "runs.csv"), data.table(track, "texts.parquet")
    chosen = runs.where(model=key[0], arm=key[1], corpus=key[2]).sort_values(
        "test_all", ascending=False, kind="stable", na_position="last"
    )
    if chosen.empty:
        page.nothing("No run of this entry is stored.", "Runs are listed by the last stage:", "dvc repro")
        return
    scored = chosen.dropna(subset=["test_all"])
    ends = [
        ("Best run", scored.head(1)),
        ("Worst run", scored.tail(1) if len(scored) > 1 else scored.head(0)),
    ]
    for column, (label, run) in zip(st.columns(2), ends, strict=True):
        with column:
            for one in run.itertuples():
                show_text(label, one, texts)
    with st.expander(f"All {text.counted(len(chosen), 'run')}", icon=":material/list:"):
        page.explain(runs)
        tables.show(chosen.drop(columns=["track", "suite_version", "model", "arm", "corpus"]), "runs")


def show_text(label: str, run: Any, texts: data.Table) -> None:
    """The text that drove one run, as it stands."""
    st.markdown(
        f"**{label}:** {text.number(run.test_all, 4)} at step {text.number(run.selected_step, 0)}, text "
        f"{text.plain(run.text_id)}"
    )
    found = (
        texts.where(corpus=run.corpus, text_id=run.text_id)
        if texts.has("text_id", "text")
        else pd.DataFrame()
    )
    if found.empty:
        page.nothing(
            "The text itself is not stored here.",
            texts.problem and "It is in `texts.parquet`, written by the last stage:",
            "dvc repro",
        )
        return
    st.code(
        text.visible(found["text"].iloc[0], keep="\n\t")[:6000], language=None, wrap_lines=True, height=260
    )


def show_recipe(track: str, key: Key) -> None:
    """How to repeat it, from what, and who did."""
    st.header("Repeat it", anchor=False)
    runs = data.table(track, "runs.csv").where(model=key[0], arm=key[1], corpus=key[2])
    if recipe.has_runs_of_its_own(track, key):
        st.markdown("One run, outside the pipeline, into an empty folder:")
        st.code(recipe.run_command(key, runs), language="bash", wrap_lines=True)
    st.markdown("Some of its runs again, compared with what is stored:")
    st.code(recipe.verify_command(track, key), language="bash", wrap_lines=True)
    provenance, problem = data.document(track, "provenance.json")
    keys = recipe.keys_of(provenance, key)
    with st.expander("Recipe and keys", icon=":material/key:"):
        settings = recipe.settings_of(track, key)
        if settings:
            st.markdown("Settings of this treatment, from the track's parameters:")
            st.code(settings, language="yaml")
        if keys.empty:
            st.markdown(text.plain(problem or "No key of this entry's inputs is stored in provenance.json."))
        else:
            st.markdown("Digests of what went in:")
            tables.show(keys, "keys")
    show_attestation(track, key)


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
