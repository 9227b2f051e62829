"""Entry: one treated model with all its runs, from the mean to single texts."""

import pandas as pd
import streamlit as st

from leaderboard.display import charts, run_charts, tables, wording
from leaderboard.display.columns import COLUMNS
from leaderboard.parts import draw_notes, evidence, order, repeat, track_choice
from leaderboard.site import page, state, task_families, track_data

LEAD = (
    "One treated model with all its runs: how the score moves step by step, how much the text matters, "
    "and how to repeat it."
)
Key = tuple[str, str, str]
VERIFIED = {
    "self-reported": ("○ not yet", "self-reported"),
    "reproduced": ("✔ yes", "reproduced"),
    "flagged": ("⚑ no", "flagged"),
}


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("entry", "Entry", LEAD)
    if track is None:
        return
    entries = track_data.table(track, "entries.csv")
    page.explain(entries)
    keys = track_choice.entry_keys(entries, track)
    if not keys:
        page.unwritten("There is no entry in this track yet.")
        page.finish()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = track_choice.pick_entry(keys, width=170)
    row = entries.of(key).iloc[0]
    show_summary(track, key, row)
    show_verdicts(track, key)
    show_steps(track, key)
    show_texts(track, key, row)
    show_tasks(track, key)
    repeat.show_runs(track, key)
    repeat.show_recipe(track, key)
    page.finish(key)


def show_summary(track: str, key: Key, row: pd.Series) -> None:
    """The entry's figures in one line of cards."""
    model, arm, corpus = (wording.plain(part) for part in key)
    kind = (
        f"{evidence.CONTROLS.get(key[1], 'placebo')}, a control: not ranked"
        if row["row_kind"] == "control"
        else order.unranked(row) or f"rank {wording.rank_range(row['rank_low'], row['rank_high'])} by score"
    )
    counted = (
        ""
        if wording.missing(row["n_draws"])
        else f" on {wording.counted(wording.whole(row['n_draws']), 'pretraining draw')}"
    )
    st.markdown(
        f"{model}, treated with {arm} on texts from {corpus}: {kind}, "
        f"{wording.counted(wording.whole(row['n_texts']), 'text')}{counted}. "
        f"{draw_notes.rest_on(track_data.table(track, 'draws.csv'), key[0])}"
    )
    if given := wording.GIVEN_WORDS.get(str(row["conditional"])):
        st.caption(f":material/info: {given}")
    cards = [
        ("Score", *_figure(row, "score_all"), "score_all"),
        ("Gain", *_figure(row, "gain_all", signed=True), "gain_all"),
        ("Behaves like", _size(row), _size_note(row), "behaves_like"),
        ("Optimism", *_optimism(track, key, row), "optimism"),
        ("Verified", *VERIFIED.get(str(row["verification"]), ("–", "")), "verification"),
    ]
    with st.container(horizontal=True):
        for label, value, note, column in cards:
            with st.container(border=True, width=162, height="stretch"):
                st.metric(label, value, help=COLUMNS[column].help)
                st.caption(f"95 %: {note}" if " to " in note else note)
    with st.container(horizontal=True):
        page.link(
            "Compare it",
            "compare",
            ":material/compare_arrows:",
            track=track,
            entry=[track_choice.name_of(key)],
        )
        page.link(
            "Its documents",
            "documents",
            ":material/description:",
            track=track,
            model=key[0],
            arm=key[1],
            corpus=key[2],
        )


def _optimism(track: str, key: Key, row: pd.Series) -> tuple[str, str]:
    if evidence.candidate_steps(track_data.table(track, "curves.csv")).get(key) == 1:
        return "–", "only one step was scored, so none was chosen"
    if (
        wording.missing(row["optimism"])
        and not wording.missing(row["optimism_note"])
        and row["optimism_note"]
    ):
        return "–", wording.visible(row["optimism_note"])
    return _figure(row, "optimism", signed=True)


def _figure(row: pd.Series, name: str, *, signed: bool = False) -> tuple[str, str]:
    """A figure, rounded by its interval, and the interval."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    shown = wording.number(row[name], wording.decimals(low, high), signed=signed)
    return shown, wording.interval(low, high, signed=signed)


def _size(row: pd.Series) -> str:
    if row["effective_size_note"] == "below the ladder":
        return "below all"
    return wording.size(row["effective_size"])


def _size_note(row: pd.Series) -> str:
    span = wording.size_interval(
        row["effective_size_low"], row["effective_size_high"], row["effective_size_note"]
    )
    own = f"own size {wording.size(row['parameters'])}"
    if row["effective_size_note"] == "below the ladder":
        own = f"scores less than the smallest untreated model; {own}"
    return own if span == "–" else f"{span}; {own}"


def show_verdicts(track: str, key: Key) -> None:
    """Against its base, its controls and each larger rung, over all tasks."""
    comparisons = track_data.table(track, "comparisons.csv")
    page.explain(comparisons)
    st.header("Compared with what?", anchor=False)
    rows = comparisons.of(key)
    if rows.empty:
        page.unwritten("No comparison of this entry is stored.")
        return
    families = task_families.of_track(track)
    scopes = families.in_order(rows["scope"])
    scope = state.pick_one("Tasks", scopes, "scope", words=families.label, width=260)
    chosen = evidence.by_baseline(rows[rows["scope"] == scope])
    charts.show(
        charts.forest(
            chosen, "name", "verdict", margin="margin", title="Difference in score, with 95 % interval"
        ),
        f"Differences of the entry from its baselines over {scope}",
        name="differences",
    )
    if len(charts.with_margin(chosen)):
        st.caption(f"Shaded: the shortfall that still counts as comparable ({wording.MARGIN}).")
    tables.show(
        evidence.kept_columns(chosen, evidence.COMPARISON), "comparisons", known_widths=tables.widths(chosen)
    )
    for row in chosen.dropna(subset=["share_closed"]).itertuples():
        closed = wording.share(row.share_closed, row.share_closed_low, row.share_closed_high)
        st.markdown(
            f"Of the gap to {wording.plain(row.baseline)} the treatment closes {closed} (95 % interval)."
        )
    show_finer(track, key)


def show_finer(track: str, key: Key) -> None:
    """The same comparisons by the probability of the right answer."""
    comparisons = track_data.table(track, "comparisons.csv", track_data.PROBABILITY)
    frame = evidence.finer(comparisons, key, task_families.of_track(track))
    if frame.empty:
        return
    st.subheader("Finer measure: probability of the right answer", anchor=False)
    st.markdown(
        "Accuracy sees a change only where an answer flips. This measure sees every change: the probability of the "
        "right choice or, where a text is written, of a token of the reference text. The claims are not about it; it "
        "says what is too small for the score to show."
    )
    tables.show(
        frame, "finer", height="content", labels=evidence.FINER_LABELS, known_widths=tables.widths(frame)
    )


def show_steps(track: str, key: Key) -> None:
    """Score by step: runs as thin lines, the mean as a thick one, and the steps that each protocol chooses as marks."""
    st.header("Step by step", anchor=False)
    st.markdown(
        "Each thin line is one run, driven by one text; the thick line is the mean with its 95 % "
        "interval. A mark is a step that was chosen: by the score on the `select` documents (what counts "
        "here), or, as the original study did, on the reported documents themselves."
    )
    runs, curves, paths = (
        track_data.table(track, name) for name in ("runs.csv", "curves.csv", "run_curves.csv")
    )
    page.explain(curves, paths)
    families = task_families.of_track(track)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scope = state.pick_segment("Score", families.scopes, "curve", words=families.label)
        split = state.pick_segment(
            "Documents",
            ["test", "select"],
            "split",
            words={"test": "Reported (test)", "select": "Choosing (select)"}.__getitem__,
        )
        rule = state.pick_segment(
            "Choice of step",
            ["held-out", "paper", "both"],
            "rule",
            words={"held-out": "Held-out", "paper": "As the original", "both": "Both"}.__getitem__,
        )
    lines = paths.of(key, scope=scope, split=split) if paths.has("step", "score") else pd.DataFrame()
    mean = curves.of(key, scope=scope) if split == "test" and curves else pd.DataFrame()
    if lines.empty and mean.empty:
        page.unwritten("No step curve of this entry is stored.")
        return
    marks = (
        evidence.chosen_steps(runs.of(key), lines, scope, rule, families) if len(lines) else pd.DataFrame()
    )
    charts.show(run_charts.steps(lines, mean, marks), "Score by step, every run and their mean", name="steps")
    shown = mean if len(mean) else lines
    tables.offer(shown, "curves", note="The mean by step." if len(mean) else "Each run by step.")


def show_texts(track: str, key: Key, row: pd.Series) -> None:
    """One dot per run, beside the untreated model and the next larger one."""
    st.header("Does the text matter?", anchor=False)
    st.markdown(
        "One dot per run. Dashed: the untreated model. Solid: the next larger untreated model. All on the "
        "same documents."
    )
    runs = track_data.table(track, "runs.csv")
    page.explain(runs)
    families = task_families.of_track(track)
    lanes = evidence.scores_by_scope(runs.of(key), families)
    if lanes.empty:
        page.unwritten("No scored run of this entry is stored.")
        return
    scope = state.pick_segment("Score of each run", families.scopes, "dots", words=families.label)
    dots = lanes[lanes["scope"] == scope]
    lines = evidence.reference_lines(
        track_data.table(track, "curves.csv"), track_data.table(track, "comparisons.csv"), key, row, scope
    )
    charts.show(run_charts.texts(dots, lines), f"Test score of each run over {scope}", name="runs-chart")
    for said in about_texts(row):
        st.markdown(said)


def about_texts(row: pd.Series) -> list[str]:
    """The entry's figures for a new text and for the best one; nothing in results of an older version."""
    said = []
    if not wording.missing(row["prob_improve_new"]):
        chance = wording.share(
            row["prob_improve_new"], row["prob_improve_new_low"], row["prob_improve_new_high"]
        )
        said.append(f"**A new text.** The probability that one more text gains is {chance} (95 % interval).")
    if not wording.missing(row["best_text_gain_all"]):
        gain, interval = _figure(row, "best_text_gain_all", signed=True)
        said.append(
            f"**The best text.** Chosen on the `select` documents: text {wording.plain(row['best_text'])} at step "
            f"{wording.number(row['best_text_step'], 0)}. On the `test` documents it gains {gain} (95 % "
            f"{interval}). This is the quantity of the original study's figure. It "
            "rests on documents alone: it says nothing about another text."
        )
    return said


def show_tasks(track: str, key: Key) -> None:
    """One row per task: score, the base's score, difference, verdict."""
    st.header("Task by task", anchor=False)
    scores, comparisons = track_data.table(track, "scores.csv"), track_data.table(track, "comparisons.csv")
    page.explain(scores)
    frame = evidence.by_task(scores, comparisons, key, task_families.of_track(track))
    if frame.empty:
        page.unwritten("No score by task is stored.")
        return
    families = task_families.of_track(track)
    groups = {families.label(scope) for scope in families.scopes}
    frame["open"] = [
        None
        if task in groups
        else state.relative_link("documents", track=track, model=key[0], arm=key[1], corpus=key[2], task=task)
        for task in frame["task"]
    ]
    tables.show(
        frame,
        "tasks",
        height="content",
        labels=evidence.TASK_LABELS,
        note=f"Single tasks: q-values, not adjusted p-values. {evidence.without_interval(frame)}".strip(),
    )


main()
