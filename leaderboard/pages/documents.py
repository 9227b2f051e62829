"""Documents: the answers of base, treated model and baseline side by side; those that differ come first."""

import math

import pandas as pd
import streamlit as st

from benchmark.schema.stored_columns import NO_ARM
from leaderboard.display import tables, wording
from leaderboard.display.columns import Column
from leaderboard.parts import document_rows, questions, track_choice
from leaderboard.parts.document_rows import Checkpoint
from leaderboard.site import page, state, task_families, track_data

LEAD = (
    "Every test question of a task with the answers of the untreated model, one treated run of it, and a "
    "baseline. Documents where the treated run changed its score come first."
)
ROWS = 25
BASE, TREATED, BASELINE = "untreated", "treated", "baseline"
LABELS = {
    "question": Column(
        "Question", "What the model is given; its choices are below, where one document is shown in full."
    ),
    "change": Column("Change", "Treated run against the untreated model, by score on this document."),
}
LABELS |= document_rows.labels(
    {
        BASE: "the model before treatment",
        TREATED: "the treated run at its selected step",
        BASELINE: "the chosen baseline",
    }
)


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("documents", "Documents", LEAD)
    if track is None:
        return
    entries, runs = track_data.table(track, "entries.csv"), track_data.table(track, "runs.csv")
    page.explain(entries, runs)
    keys, problem = track_choice.entry_keys(entries, track), document_rows.available(track)
    if problem or not keys:
        page.unwritten(wording.plain(problem or "This track has no entry yet."))
        if track == "published":
            st.markdown(
                "The original study published one figure per run and no documents, so its track has none to show."
            )
        page.finish()
        return
    show(track, entries, runs, keys)
    page.finish()


@st.fragment
def show(
    track: str,
    entries: track_data.ResultTable,
    runs: track_data.ResultTable,
    keys: list[tuple[str, str, str]],
) -> None:
    """The choices, and the documents that are left."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = track_choice.pick_entry(keys, width=170)
        texts = list(dict.fromkeys(runs.of(key)["text_id"].dropna()))
        if not texts:
            page.nothing("No run of this entry is listed in `runs.csv`.", "Choose another one.")
            return
        text_id = state.pick_one("Text of the run", texts, "text", help="One text drives one run.", width=170)
        tasks, moved = _tasks(track, key)
        task = (
            state.pick_one("Task", tasks, "task", default=moved, explicit=True, width=170)
            if tasks
            else state.search("Task", "task", width=170)
        )
        draw = _draw(runs, key, text_id)
        who = {BASE: Checkpoint(key[0], draw=draw), TREATED: Checkpoint(*key, text_id, draw)}
        baselines = _baselines(entries, runs, key, text_id)
        if baselines:
            name = state.pick_one("Baseline", list(baselines), "baseline", width=170)
            who[BASELINE] = baselines[name]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = state.search("Search", "q", placeholder="words in a question or an answer", width=340)
        only = state.switch("Only where the score changed", "changed")
    frame, absent = document_rows.side_by_side(track, task, {TREATED: who.pop(TREATED), **who})
    if TREATED in absent or frame.empty:
        page.nothing(
            "The documents of this run are not stored here.",
            "Rerun it to get all of its documents:",
            "gapbench run --help",
        )
        return
    if absent:
        st.caption(f"Not stored: the documents of {wording.listed(absent)}.")
    frame, asked = questions.beside(document_rows.differing_first(frame, TREATED, BASE), track, task)
    if asked.problem:
        st.caption(f":material/info: {wording.plain(asked.problem)}")
    if frame[f"{TREATED} answer"].isna().all():
        st.caption(":material/info: Only the scores of this pretraining draw were kept, not its answers.")
    kept = document_rows.matching(frame, words)
    if only and "change" in kept:
        kept = kept[kept["change"].isin([document_rows.BETTER, document_rows.WORSE])]
    better, worse = document_rows.changed(frame)
    st.caption(
        f"Of {wording.counted(len(frame), 'document')} of {wording.plain(task)}, the treated run scores better than "
        f"the untreated model on {better:,} and worse on {worse:,}."
    )
    show_page(kept, len(frame), asked)
    state.end()


def show_page(kept: pd.DataFrame, total: int, asked: questions.Questions) -> None:
    """One page of documents, one of them in full, and the downloads of all that match."""
    if kept.empty:
        st.info(
            "No document matches. Clear the search, or show unchanged ones too.",
            icon=":material/filter_alt_off:",
        )
        return
    order = [
        "doc_id",
        "question",
        "change",
        "target",
        *(f"{who} {part}" for part in ("answer", "score") for who in (BASE, TREATED, BASELINE)),
    ]
    kept = tables.ordered(kept, order).reset_index(drop=True)
    pages = math.ceil(len(kept) / ROWS)
    slot = st.container()
    number = state.page_number(pages)
    shown = kept.iloc[(number - 1) * ROWS : number * ROWS]
    with slot:
        st.caption(f"{len(kept):,} of {wording.counted(total, 'document')}; page {number} of {pages}.")
        st.dataframe(
            tables.readable(shown),
            column_config=tables.column_config(shown, LABELS),
            hide_index=True,
            height="content",
            alt="Documents side by side",
            placeholder="–",
        )
    tables.offer(kept, "documents", note="All documents that match, not only this page.")
    show_one(shown, asked)


def show_one(shown: pd.DataFrame, asked: questions.Questions) -> None:
    """One document in full, as plain text: the question, its choices, the answers."""
    numbers = [str(number) for number in shown["doc_id"]]
    chosen = state.pick_one("Read one in full", numbers, "doc", width=170)
    row = shown.iloc[numbers.index(chosen)]
    question = asked.by_document.get(int(chosen))
    if question:
        choices = [f"{place}: {words}" for place, words in enumerate(question.choices)]
        st.caption(
            "What the model is given, and what it may choose from" if choices else "What the model is given"
        )
        _plain("\n".join([question.asked, *(["", *choices] if choices else [])]))
    answers = [("Right answer", row["target"])] + [
        (LABELS[f"{who} answer"].label, row[f"{who} answer"])
        for who in (BASE, TREATED, BASELINE)
        if f"{who} answer" in shown
    ]
    for column, (label, words) in zip(st.columns(len(answers)), answers, strict=True):
        with column:
            st.caption(label)
            _plain("" if wording.missing(words) else str(words))


def _plain(words: str) -> None:
    st.code(wording.visible(words, keep="\n\t")[:4000], language=None, wrap_lines=True)


def _tasks(track: str, key: tuple[str, str, str]) -> tuple[list[str], str | None]:
    """The tasks by name, and the one whose score the treatment changed most, which is shown first."""
    comparisons = track_data.table(track, "comparisons.csv")
    found = comparisons.of(key)
    found = found if len(found) else comparisons.frame
    if found.empty:
        return [], None
    families = task_families.of_track(track)
    found = found[~found["scope"].isin(families.scopes)]
    gains = found[found["baseline_kind"] == "base"].dropna(subset=["delta"])
    moved = gains.loc[gains["delta"].abs().idxmax(), "scope"] if len(gains) else None
    return families.in_order(found["scope"]), moved


def _draw(runs: track_data.ResultTable, key: tuple[str, str, str], text_id: str) -> int | None:
    """The pretraining draw that a run began from; None in results of an older version."""
    found = runs.of(key, text_id=text_id)["draw"].dropna()
    return int(found.iloc[0]) if len(found) else None


def _baselines(
    entries: track_data.ResultTable, runs: track_data.ResultTable, key: tuple[str, str, str], text_id: str
) -> dict[str, Checkpoint]:
    """Larger untreated models by size, then controls driven by the same text."""
    frame = entries.frame
    own = frame.loc[frame["model"] == key[0], "parameters"].min()
    rungs = frame[(frame["row_kind"] == "rung") & (frame["model"] != key[0])].sort_values(
        "parameters", kind="stable"
    )
    larger, smaller = rungs[rungs["parameters"] > own], rungs[~(rungs["parameters"] > own)]
    found = {f"{m} untreated": Checkpoint(m) for m in [*larger["model"], *smaller["model"]]}
    same = runs.where(model=key[0], corpus=key[2], text_id=text_id)
    arms = [arm for arm in dict.fromkeys(same["arm"]) if arm not in (key[1], NO_ARM)]
    return found | {
        f"{key[0]}, {arm}": Checkpoint(
            key[0], arm, key[2], text_id, _draw(runs, (key[0], arm, key[2]), text_id)
        )
        for arm in arms
    }


main()
