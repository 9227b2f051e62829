"""Reproducibility: who made the results, from which inputs, with which software; and who repeated them."""

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import tables, wording
from leaderboard.display.columns import Column
from leaderboard.parts import draw_notes, recipe
from leaderboard.site import page, track_data

LEAD = (
    "What made these results, and whether somebody else got the same. A result that nobody has repeated is only "
    "a report."
)
LABELS = {
    "package": Column("Package", "Only packages that can change a figure."),
    "version": Column("Version", "As it was when the results were made."),
    "part": Column("Part", "Of the machine."),
    "value": Column("Value", "As the machine reported it."),
    "stage": Column("Stage", "Stage of the pipeline."),
    "wall_seconds": Column("Time", "Wall time, seconds.", "seconds"),
    "input": Column("Input", "Input."),
    "sha256": Column("sha256", "Digest of its content."),
    "trained": Column("Trained here", "Draws that the pipeline trained from scratch.", "count"),
    "kept": Column("Kept scores", "Draws trained before, whose scores by document are in git.", "count"),
    "refused": Column(
        "Refused", "Kept draws that do not fit these settings, documents or arithmetic: not used.", "count"
    ),
    "state": Column("State", "Verification state."),
    "entries": Column("Entries", "Entries in this state.", "count"),
}

FACTS = ("revision", "arithmetic", "written")
SHOWN = {*FACTS, "packages", "wall_seconds", "hardware", "keys", "track", "draws", "kept_draw_check"}
"""The keys of `provenance.json` that have a place of their own on the page."""


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("reproducibility", "Reproducibility", LEAD)
    if track is None:
        return
    show_commands(track)
    show_verification(track)
    show_draws(track)
    show_provenance(track)
    page.finish()


def show_commands(track: str) -> None:
    """The two commands that repeat and compare everything."""
    st.header("Repeat it", anchor=False)
    st.markdown("From a fresh clone, everything again, then compared with what is committed:")
    st.code("make repro" if track == "micro" else f"make repro TRACK={track}", language="bash")
    st.markdown(
        "Linux machines with an x86-64 CPU that has AVX2 should give the same bytes, and `gapbench diff` "
        "fails where one differs. On other machines and on GPUs the last digits differ; there it compares "
        "claims, scores and gains with what is committed. `gapbench doctor` says which kind yours is."
    )


def show_verification(track: str) -> None:
    """The number of entries in each state, and the attestations."""
    st.header("Verification", anchor=False)
    st.markdown(
        "An entry is `self-reported` until `gapbench verify` succeeds on a machine other than the one "
        "that made it; then it is `reproduced`. It is `flagged` where stored samples do not give the "
        "stored tables, or repeated runs differ from the stored ones."
    )
    entries = track_data.table(track, "entries.csv")
    page.explain(entries)
    states = entries.where(row_kind="entry")["verification"].dropna() if entries else pd.Series(dtype=str)
    if len(states):
        with st.container(horizontal=True):
            for state in (*wording.STATES, *sorted(set(states) - set(wording.STATES))):
                with st.container(border=True, width=190):
                    st.metric(
                        wording.STATES.get(state, wording.visible(state)),
                        f"{int((states == state).sum())} of {len(states)}",
                    )
    else:
        page.unwritten("No entry states its verification.")
    found = recipe.attestations(track)
    if found.empty:
        st.markdown("No attestation is stored. Be the first:")
        st.code(f"gapbench verify {track}/MODEL/ARM/CORPUS --runs 3", language="bash")
    else:
        st.markdown("Attestations:")
        tables.show(found, "attestations")


def show_draws(track: str) -> None:
    """Where the pretraining draws come from, and whether a kept one was made again."""
    found = track_data.table(track, "draws.csv")
    page.explain(found)
    counted = draw_notes.by_model(found)
    if counted.empty:
        return
    st.header("Pretrained models", anchor=False)
    st.markdown(
        "Each model size was trained from scratch several times, with other seeds: each is a **draw**. Some are "
        "trained by this pipeline. Of others the scores by document are **kept** in git, because training them "
        "takes longer than a reader should wait; one command makes all of them again. A kept draw that was not made "
        "of the same settings, documents and arithmetic is **refused**."
    )
    tables.show(counted, "draws-by-model", labels=LABELS, height="content")
    frame = found.frame
    refused = frame[frame["reason"].fillna("") != ""]
    if len(refused):
        st.markdown("**Not used, or only in part:**")
        tables.show(tables.ordered(refused, ["model", "draw", "origin", "reason"]), "draws-not-used")
    if said := draw_notes.retrained(track_data.document(track, "provenance.json")[0]):
        st.markdown(said)
    elif counted["kept"].any():
        st.markdown("No kept draw was trained again here yet. To do it, with one drawn at random:")
        st.code(draw_notes.check_command(track), language="bash")
    with st.expander("All draws", icon=":material/list:"):
        tables.show(frame.drop(columns=["track", "suite_version"], errors="ignore"), "draws")


def show_provenance(track: str) -> None:
    """Revision, versions, hardware, times and digests."""
    content, problem = track_data.document(track, "provenance.json")
    st.header("Provenance", anchor=False)
    if not isinstance(content, dict):
        page.unwritten(wording.plain(problem or "provenance.json does not hold an object."))
        return
    for name in FACTS:
        if content.get(name):
            st.markdown(f"{name.capitalize()}: {wording.plain(content[name])}")
    if str(content.get("revision", "")).endswith("+"):
        st.caption("The + says that tracked files differed from that revision.")
    left, right = st.columns(2)
    with left:
        _facts("Versions", content.get("packages"), "package", "version", "packages")
        _facts("Wall time by stage", content.get("wall_seconds"), "stage", "wall_seconds", "wall-times")
    with right:
        _facts("Hardware", content.get("hardware"), "part", "value", "hardware")
    _facts("Digests of all inputs", content.get("keys"), "input", "sha256", "keys")
    rest = {name: value for name, value in content.items() if name not in SHOWN}
    if rest:
        with st.expander("Everything else in provenance.json"):
            st.json(rest)


def _facts(heading: str, content: Any, key: str, value: str, name: str) -> None:
    st.markdown(f"**{heading}**")
    if not isinstance(content, dict) or not content:
        st.caption("Not recorded.")
        return
    cells = [
        one if isinstance(one, (int, float)) and value == "wall_seconds" else _cell(one)
        for one in content.values()
    ]
    frame = pd.DataFrame({key: list(map(str, content)), value: cells})
    if value == "wall_seconds":
        frame[value] = pd.to_numeric(frame[value], errors="coerce")
    tables.show(frame, name, labels=LABELS)


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


main()
