"""Answer: did it work, how sure is that, compared with what; one picture; and the ranking."""

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import charts, plain_html, tables, wording
from leaderboard.overview import claim_summary, pair_differences, ranking_table, score_picture, task_gains
from leaderboard.parts import claim_cards, draw_notes, order, ranking, short_answer
from leaderboard.site import page, state, task_families, track_data
from leaderboard.site.task_families import TaskFamilies

FILTER = 168  # pixels: six side by side; a docstring here would be printed on the page
LEAD = (
    "The question comes from **gradient ascent post-training (GAP)**. It takes a finished language model and, "
    "for a few steps, makes it *worse* at predicting one random text. Its authors reported that this makes the "
    "model better at everything else: as good as a model two to three times larger. This benchmark repeats the "
    "experiment, also with other treatments and with controls, and says how sure the answer is."
)
ORDER = "The treatment that the claims are about comes first. Click *Rank* to order all entries by rank."
HOW_TO_READ = """
- **Compared with what?** With three things: the same model before treatment, larger untreated models of the
  same family, and placebos: changes that cannot teach anything, such as steps in a random direction.
- **How sure?** Each question is decided by one estimate that was declared in advance, or by several, all of which
  must show the effect. *Reproduced*: it shows the effect. *Not reproduced*: it rules the effect out.
  *Inconclusive*: neither; more questions, texts or models are needed. *Not testable*: this track cannot ask it.
  *Cannot tell*: the study's own controls failed.
- **What do the figures mean?** Scores run from 0 to 1: the share of answers that are right, or, where
  a text is written, the share of its words that are. The true difference plausibly lies in the range
  after "95 %". A range that only just misses 0 decides nothing where there are many comparisons: a few miss it by luck.
"""


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("answer", short_answer.QUESTION, "", width=250)
    if track is None:
        return
    content, problem = track_data.document(track, "claims.json")
    claims = short_answer.readable(content)
    entries, comparisons = track_data.table(track, "entries.csv"), track_data.table(track, "comparisons.csv")
    families = task_families.of_track(track)
    show_answer(claims, problem, entries.frame, families)
    page.explain(entries, comparisons)
    of_track = ranking.of_track(track) if entries else None
    if of_track:
        show_picture(track, of_track, comparisons)
    show_reading(track, claims, entries.frame)
    if of_track:
        show_ranking(of_track)
    else:
        page.unwritten(wording.plain(entries.problem or "entries.csv holds no rows yet."))
    if of_track:
        show_tasks(track, entries, comparisons, families)
    if claims:
        st.header("The claims, one by one", anchor="claims")
        claim_cards.show_cards(claims, comparisons.frame, families)
    if of_track:
        show_sizes(of_track, order.claims_arm(track))
    page.finish(track)


def show_answer(
    claims: list[dict[str, Any]], problem: str, entries: pd.DataFrame, families: TaskFamilies
) -> None:
    """The answer in one line, what was tested in another, and a small card per claim."""
    if not claims:
        page.unwritten(wording.plain(problem) if problem else "`claims.json` holds no claim.")
        return
    outcome, sentence = short_answer.short_answer(claims, small=short_answer.below_original(entries))
    with st.container(gap="xsmall"):
        st.markdown(f"## {claim_cards.ICONS.get(outcome, '')} {short_answer.in_a_line(sentence)}")
        if tested := short_answer.tested(entries):
            st.caption(tested)
        if all(claim["id"] != short_answer.CONTROLS for claim in claims):
            st.caption(f"**{short_answer.UNSEEN}**")
        st.html(plain_html.cards(claim_summary.summary(claims, families)))


@st.fragment
def show_picture(track: str, rows: ranking.RankingView, comparisons: track_data.ResultTable) -> None:
    """Score against size, over all tasks or one family."""
    scopes = score_picture.scopes_with_scores(rows)
    if not scopes:
        page.unwritten("No score is stored.")
        return
    scope = scopes[0]
    if len(scopes) > 1:
        scope = state.pick_segment(
            "Score", scopes, "ladder", words=rows.families.label, label_visibility="collapsed"
        )
    picture = score_picture.score_picture(rows, comparisons, scope, track=track)
    if picture is None:
        page.nothing(
            "No untreated model has a size and a score here.", "Without one there is nothing to compare with."
        )
    else:
        charts.show(
            picture,
            f"Score against parameters, {rows.families.inside(scope)}",
            name="score-against-size",
            note=f"{score_picture.CAPTION} Click a point to open it.",
        )
    state.end()


def show_reading(track: str, claims: list[dict[str, Any]], entries: pd.DataFrame) -> None:
    """What was tested, in full, and how to read the figures."""
    with st.expander("What was tested, and what the words and figures mean", icon=":material/info:"):
        st.markdown(LEAD)
        if claims:
            st.markdown(short_answer.short_answer(claims, small=short_answer.below_original(entries))[1])
        if basis := short_answer.basis(entries):
            st.markdown(f"{basis} {draw_notes.rest_on(track_data.table(track, 'draws.csv'))}".strip())
        st.markdown(HOW_TO_READ)


def show_tasks(
    track: str,
    entries: track_data.ResultTable,
    comparisons: track_data.ResultTable,
    families: TaskFamilies,
) -> None:
    """Gains of the first entries by task; the others are in the download."""
    gains = task_gains.gains_by_task(entries, comparisons, track, families)
    if gains.empty:
        return
    st.header("Gain by task", anchor="tasks")
    first = list(dict.fromkeys(gains["entry"]))
    if len(first) > pair_differences.MOST_ENTRIES:
        st.caption(
            f"The first {pair_differences.MOST_ENTRIES} of {len(first)} entries. The download holds all."
        )
    shown = gains[gains["entry"].isin(first[: pair_differences.MOST_ENTRIES])]
    charts.show(task_gains.heat_of_tasks(shown, track), "Gain of each entry by task", name="gain-by-task")
    tables.offer(gains, "gains-by-task")


def show_sizes(rows: ranking.RankingView, arm: str | None) -> None:
    """What size of untreated model each treated one behaves like, where that is known."""
    frame = rows.frame
    treated = frame[frame["row_kind"] == "entry"]
    sized = treated[treated["effective_size"].notna()]
    below = int((treated["effective_size_note"] == "below the ladder").sum())
    small = [bool(why) for why in order.without_place(sized)]
    sized, left_out = sized[~pd.Series(small, index=sized.index)], sum(small)
    rungs = frame[(frame["row_kind"] == "rung") & frame["parameters"].notna()]
    if sized.empty or rungs.empty:
        return
    st.header("What size of model does a treated one behave like?", anchor=False)
    st.markdown(
        "A dot is the size of an untreated model that scores the same; the tick is the treated model's "
        "own size. The treatment pays where the whole line lies right of its tick. As good as a larger "
        "model: the dot reaches that model's dotted line."
    )
    if len(sized) > pair_differences.MOST_ENTRIES:
        st.caption(f"The first {pair_differences.MOST_ENTRIES} of {len(sized)} by rank.")
    if left_out:
        st.caption(
            f"Not drawn: {wording.counted(left_out, 'entry', 'entries')} that rest on documents alone."
        )
    if below:
        st.caption(
            f"Not drawn: {wording.counted(below, 'entry', 'entries')} that {'scores' if below == 1 else 'score'} lower "
            "than the smallest untreated model."
        )
    charts.show(
        charts.sizes(sized.head(pair_differences.MOST_ENTRIES), rungs, arm),
        "Effective size of each treated model with its interval, beside its own size",
        name="effective-sizes",
    )


@st.fragment
def show_ranking(rows: ranking.RankingView) -> None:
    """The ranking with its filters; only this part is drawn again when a filter changes."""
    st.header("Ranking", anchor="ranking")
    total = len(rows.ranked)
    if not total:
        page.unwritten("No treated model has been scored yet.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = state.search(
            "Search",
            "q",
            placeholder="model, verdict",
            help="Rows that contain every word.",
            width=FILTER,
        )
        chosen = {
            column: state.pick_many(label, rows.options[column], column, placeholder="All", width=FILTER)
            for label, column in (("Model", "model"), ("Treatment", "arm"), ("Texts from", "corpus"))
        }
        found = state.pick_many(
            "Verdict",
            list(wording.VERDICTS),
            "verdict",
            placeholder="All",
            words=wording.VERDICTS.__getitem__,
            help="Entries with this verdict against at least one larger model.",
            width=FILTER,
        )
        chosen["verification"] = state.pick_many(
            "Verified",
            list(wording.STATES),
            "state",
            placeholder="All",
            words=wording.STATES.__getitem__,
            width=FILTER,
        )
    columns, sort, descending = choose_columns(rows)
    with_reference = len(rows.reference) > 0 and state.switch(
        "Show untreated models and controls too", "reference"
    )
    kept = ranking.sort(ranking.keep(rows, chosen, verdicts=found, words=words), sort, descending=descending)
    st.caption(
        f"{len(kept)} of {wording.counted(total, 'entry', 'entries')}. Click a heading to sort, hover it for "
        f"what it means. {ranking_table.LEGEND if 'verdicts' in columns else ''}"
    )
    if (sort, descending) == ("placing", False) and rows.ranked["arm"].nunique() > 1:
        st.caption(ORDER)
    if kept.empty:
        st.info(
            "No entry fits these filters. Remove one of them to see more.", icon=":material/filter_alt_off:"
        )
    if with_reference:
        others = ranking.keep_reference(rows, chosen, words=words)
        usual = (sort, descending) == ("placing", False)
        kept = (
            ranking.with_reference(kept, others, rows.families)
            if usual
            else ranking.sort(pd.concat([kept, others]), sort, descending=descending)
        )
    if len(kept):
        st.html(
            ranking_table.ranking_html(
                rows,
                kept,
                columns,
                open_entry=lambda row: row["open"],
                sort_link=lambda name: sorted_by(name, sort, descending=descending),
            )
        )
    in_full = [*(["row_kind"] if with_reference else []), *ranking.in_full(columns)]
    show_grid(rows, tables.ordered(kept, in_full))
    state.end()


def sorted_by(name: str, sort: str, *, descending: bool) -> str:
    """The address of this view in the order of a column: highest first, or the other way round at the second click."""
    given = {key: st.query_params.get_all(key) for key in st.query_params}
    turned = "0" if name == sort and descending else "1"
    if name in ("ranks", "model", "arm", "corpus"):
        turned = "1" if name == sort and not descending else "0"
    return f"{state.relative_link('answer', **(given | {'sort': name, 'desc': turned}))}#ranking"


def show_grid(rows: ranking.RankingView, shown: pd.DataFrame) -> None:
    """The same rows with a column per stored figure, drawn when the reader opens it, and the downloads."""
    with state.unfold("The same rows with every figure in a column", "grid", icon=":material/table:") as part:
        if part.open:
            st.dataframe(
                tables.readable(shown),
                column_config=tables.column_config(shown, rows.labels, rows.widths),
                hide_index=True,
                height="content" if len(shown) <= 30 else "auto",
                alt="Ranking of treated models, every figure",
                placeholder="–",
            )
    tables.offer(shown.drop(columns=[c for c in ("open",) if c in shown]), "ranking")


def choose_columns(rows: ranking.RankingView) -> tuple[list[str], str, bool]:
    """Columns shown, the column that sorts, and whether highest first."""
    names, first_view = rows.offered, rows.first_view
    sorts = ["placing", "standing", *(name for name in names if name != "open")]
    with state.unfold("Columns and order", "layout", icon=":material/view_column:") as part:
        if part.open:
            chosen = state.pick_many("Columns", names, "cols", default=first_view, words=rows.heading)
            first, second = st.columns(2, vertical_alignment="bottom")
            with first:
                sort = state.pick_one("Order by", sorts, "sort", default="placing", words=rows.heading)
            with second:
                descending = state.switch("Highest first", "desc")
        else:
            chosen = state.noted("cols", names, first_view)
            sort = state.noted("sort", sorts, ["placing"])[0]
            descending = state.noted("desc", ["0", "1"], ["0"])[0] == "1"
    return [name for name in names if name in chosen] or first_view, sort, descending


main()
