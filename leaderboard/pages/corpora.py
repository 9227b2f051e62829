"""Corpora: the driving texts, how familiar the models are with them, and whether that matters."""

import pandas as pd
import streamlit as st

from leaderboard.display import charts, run_charts, tables, wording
from leaderboard.display.columns import Column
from leaderboard.site import page, state, track_data

LEAD = (
    "Each run is driven by one text. Does it matter which? The original study claimed that text that the model "
    "was *not* trained on works best. Its mean loss on a corpus before treatment shows how well a model knows "
    "it: **high where the text is unfamiliar**, low where it is known."
)
LABELS = {
    "corpus": Column("Corpus", "Name of the set of texts."),
    "texts": Column("Texts", "Texts in the corpus; one text drives one run.", "count"),
    "tokens": Column("Tokens", "In all texts, by the track's tokenizer.", "count"),
    "characters": Column("Characters", "In all texts.", "count"),
    "fingerprint": Column("Fingerprint", "sha256 over the texts."),
    "spearman": Column(
        "Spearman",
        "Rank correlation of the loss on the text with the gain: above 0, less familiar text helps more.",
        "signed",
        ("low", "high"),
    ),
    "low": Column("95 % low", "Fisher's z with Bonett and Wright's variance.", "signed", ("low", "high")),
    "high": Column("95 % high", "Fisher's z with Bonett and Wright's variance.", "signed", ("low", "high")),
    "n": Column("Units", "Corpora or texts behind the correlation.", "count"),
    "level": Column(
        "Level",
        "Over corpora, over all texts, or over texts after the mean rank of their corpus is subtracted.",
    ),
}


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("corpora", "Corpora", LEAD)
    if track is None:
        return
    show_corpora(track)
    show_loss(track)
    show_texts(track)
    page.finish()


def show_corpora(track: str) -> None:
    """One row per corpus."""
    st.header("The corpora", anchor=False)
    frame, problem = corpora(track)
    if frame.empty:
        page.unwritten(wording.plain(problem or "No corpus is listed."))
        return
    tables.show(
        frame,
        "corpora",
        labels=LABELS,
        note="Overlap: share of n-grams that also occur in task documents; high overlap would make a gain "
        "suspect.",
    )


def corpora(track: str) -> tuple[pd.DataFrame, str]:
    """The facts of each corpus, from `corpora.json`, with what `entries.csv` says of it by model."""
    content, problem = track_data.document(track, "corpora.json")
    rows = content if isinstance(content, list) else []
    frame = pd.json_normalize([row for row in rows if isinstance(row, dict)])
    nested = [c for c in frame if frame[c].map(lambda cell: isinstance(cell, (list, dict))).any()]
    frame = frame.drop(columns=nested)
    entries = track_data.table(track, "entries.csv").frame
    if not entries.empty:
        known = entries.loc[
            entries["row_kind"] == "entry", ["corpus", "model", "corpus_loss", "overlap"]
        ].drop_duplicates(["corpus", "model"])
        known = known.dropna(subset=["corpus_loss", "overlap"], how="all")
        if frame.empty:
            frame = known
        elif "corpus" in frame and "corpus_loss" not in frame and len(known):
            known = known[[c for c in known if c == "corpus" or c not in frame]]
            frame = frame.merge(known, on="corpus", how="left")
    first = [
        c
        for c in ("corpus", "model", "texts", "tokens", "characters", "corpus_loss", "overlap")
        if c in frame
    ]
    return frame[first + [c for c in frame if c not in first and c != "track"]], problem


def show_loss(track: str) -> None:
    """Gain against the loss on the corpus, and the rank correlation by model."""
    st.header("Does unfamiliar text help more?", anchor=False)
    entries, correlation = track_data.table(track, "entries.csv"), track_data.table(track, "familiarity.csv")
    page.explain(entries)
    frame = (
        entries.where(row_kind="entry").dropna(subset=["corpus_loss", "gain_all"])
        if entries
        else pd.DataFrame()
    )
    if len(frame):
        models = state.pick_many(
            "Model", sorted(frame["model"].unique()), "model", placeholder="All", width=300
        )
        shown = frame[frame["model"].isin(models)] if models else frame
        charts.show(
            run_charts.corpus_loss(shown),
            "Gain against the loss on the corpus, one point per entry",
            name="corpus-loss",
        )
        columns = [
            "model",
            "arm",
            "corpus",
            "corpus_loss",
            "gain_all",
            "gain_all_low",
            "gain_all_high",
            "n_texts",
        ]
        tables.offer(tables.ordered(shown, columns), "gain-by-corpus-loss", note="The points of the chart.")
    else:
        page.unwritten("No entry of this track has both a loss on its corpus and a gain.")
    if correlation:
        shown = correlation.frame.drop(columns=["track", "suite_version"], errors="ignore")
        st.markdown(
            "Rank correlation of the loss on the text with the gain (above 0: less familiar text helps more). An "
            "interval that contains 0 shows no clear relation."
        )
        tables.show(shown, "familiarity", labels=LABELS)
    elif correlation.problem:
        st.caption(wording.plain(correlation.problem))


@st.fragment
def show_texts(track: str) -> None:
    """The texts themselves, as plain text."""
    st.header("The texts", anchor=False)
    texts = track_data.table(track, "texts.parquet")
    if not texts.has("corpus", "text_id", "text"):
        page.unwritten(wording.plain(texts.problem or "texts.parquet holds no rows."))
        return
    names = texts.data.column("corpus").unique().to_pylist()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        corpus = state.pick_one("Corpus", names, "corpus", width=220)
        found = texts.where(corpus=corpus)
        text_id = state.pick_one("Text", list(dict.fromkeys(found["text_id"].astype(str))), "text", width=260)
        link_to = found[found["text_id"].astype(str) == text_id].iloc[0]
    st.code(wording.visible(link_to["text"], keep="\n\t")[:8000], language=None, wrap_lines=True, height=320)
    state.end()


main()
