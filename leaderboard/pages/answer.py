"""Answer: did it work, how sure is that, compared with what; and the ranking behind it."""

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import charts, tables, wording
from leaderboard.parts import claim_cards, draw_notes, order, ranking, short_answer
from leaderboard.site import page, state, task_families, track_data
from leaderboard.site.task_families import TaskFamilies

MOST_SIZES = 36
FILTER = 275  # pixels: one per row on a phone; a docstring here would be printed on the page
ORDER = (
    "The treatment that the claims are about first, by its gain. Gains whose intervals overlap are not clearly "
    "different."
)
LEAD = (
    "**Gradient ascent post-training (GAP)** takes a finished language model and, for a few steps, makes "
    "it *worse* at predicting one random text. Its authors reported that this makes the model better at "
    "everything else: as good as a model two to three times larger. This benchmark repeats the "
    "experiment, with controls, and says how sure the answer is."
)
HOW_TO_READ = """
- **Compared with what?** With three things: the same model before treatment, larger untreated models of the
  same family, and placebos: changes that cannot teach anything, such as steps in a random direction.
- **How sure?** Each question is decided by one declared estimate (where there are several,
  by all). *Reproduced*: it shows the effect. *Not reproduced*: it rules the effect out. *Inconclusive*: neither;
  more questions, texts or models are needed. *Not testable*: this track cannot ask it. *Cannot tell*: the
  study's own controls failed.
- **What do the figures mean?** Scores run from 0 to 1: the share of answers that are right, or, where
  a text is written, the share of its words that are. The true difference plausibly lies in the range
  after "95 %". A range that only just misses 0 decides nothing where there are many comparisons: a few miss it by luck.
"""


def main() -> None:
    """Draw the page."""
    track = page.start_on_track("answer", "Does it work?", LEAD)
    if track is None:
        return
    claims, problem = track_data.document(track, "claims.json")
    entries, comparisons = track_data.table(track, "entries.csv"), track_data.table(track, "comparisons.csv")
    kept = draw_notes.rest_on(track_data.table(track, "draws.csv"))
    families = task_families.of_track(track)
    show_claims(short_answer.readable(claims), problem, entries.frame, comparisons.frame, kept, families)
    page.explain(entries, comparisons)
    if entries:
        of_track = ranking.of_track(track)
        show_sizes(of_track, order.claims_arm(track))
        show_ranking(of_track)
        show_reference(of_track)
    else:
        page.unwritten(wording.plain(entries.problem or "entries.csv holds no rows yet."))
    page.finish()


def show_claims(
    claims: list[dict[str, Any]],
    problem: str,
    entries: pd.DataFrame,
    comparisons: pd.DataFrame,
    kept: str,
    families: TaskFamilies,
) -> None:
    """The short answer and what it is based on (including `kept` draws), then a card per claim."""
    if not claims:
        page.unwritten(wording.plain(problem) if problem else "`claims.json` holds no claim.")
        return
    outcome, sentence = short_answer.short_answer(claims, small=short_answer.below_original(entries))
    with st.container(border=True):
        st.markdown(f"## {claim_cards.ICONS.get(outcome, '')} {sentence}")
        if basis := short_answer.basis(entries):
            st.markdown(f"{basis} {kept}".strip())
        if all(claim["id"] != short_answer.CONTROLS for claim in claims):
            st.markdown(f"**{short_answer.UNSEEN}**")
        st.markdown(HOW_TO_READ)
    claim_cards.show_cards(claims, comparisons, families)


def show_sizes(rows: ranking.RankingView, arm: str | None) -> None:
    """What size of untreated model each treated one behaves like; the score against size where that is not known."""
    frame = rows.frame
    st.header("What size of model does a treated one behave like?", anchor=False)
    treated = frame[frame["row_kind"] == "entry"]
    sized = treated[treated["effective_size"].notna()]
    below = int((treated["effective_size_note"] == "below the ladder").sum())
    small = [bool(why) for why in order.without_place(sized)]
    sized, left_out = sized[~pd.Series(small, index=sized.index)], sum(small)
    rungs = frame[(frame["row_kind"] == "rung") & frame["parameters"].notna()]
    if sized.empty or rungs.empty:
        show_ladder(frame, rows.families)
        return
    st.markdown(
        "A dot is the size of an untreated model that scores the same; the tick is the treated model's "
        "own size. The treatment pays where the whole line lies right of its tick. As good as a larger "
        "model: the dot reaches that model's dotted line."
    )
    if len(sized) > MOST_SIZES:
        st.caption(f"The first {MOST_SIZES} of {len(sized)} by rank.")
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
        charts.sizes(sized.head(MOST_SIZES), rungs, arm),
        "Effective size of each treated model with its interval, beside its own size",
    )


def show_ladder(frame: pd.DataFrame, families: TaskFamilies) -> None:
    """Scores of treated models beside the untreated ones."""
    st.markdown(
        "The line is the untreated family: larger models score higher. A treated model stands at its own "
        "size. To be as good as a larger model it has to reach that model's height; bars are 95 % "
        "intervals."
    )
    scopes = [scope for scope in families.scopes if frame[f"score_{scope}"].notna().any()]
    if not scopes:
        page.unwritten("No score is stored.")
        return
    scope = (
        state.pick_segment("Score", scopes, "ladder", words=families.label) if len(scopes) > 1 else scopes[0]
    )
    charts.show(
        charts.ladder(frame, scope, families.inside(scope)),
        "Score against number of parameters, untreated family, treated models and controls",
    )


@st.fragment
def show_ranking(rows: ranking.RankingView) -> None:
    """The ranking with its filters; only this part is drawn again when a filter changes."""
    st.header("Ranking", anchor=False)
    total = len(rows.ranked)
    if not total:
        page.unwritten("No treated model has been scored yet.")
        return
    with st.container(horizontal=True):
        words = state.search(
            "Search",
            "q",
            placeholder="model, text, verdict",
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
    kept = ranking.keep(rows, chosen, verdicts=found, words=words)
    kept = ranking.sort(kept, sort, descending=descending)
    st.caption(
        f"{len(kept)} of {wording.counted(total, 'entry', 'entries')}. Click a heading to sort, hover it for "
        "what it means."
    )
    if kept.empty:
        st.info(
            "No entry fits these filters. Remove one of them to see more.", icon=":material/filter_alt_off:"
        )
    tables.show(
        tables.ordered(kept, columns),
        "ranking",
        labels=rows.labels,
        height="content" if len(kept) <= 30 else "auto",
        known_widths=rows.widths,
        alt="Ranking of treated models",
        note=ORDER if (sort, descending) == ("standing", False) else "",
    )
    state.end()


def choose_columns(rows: ranking.RankingView) -> tuple[list[str], str, bool]:
    """Columns shown, the column that sorts, and whether highest first."""
    names, first_view = rows.offered, rows.first_view
    sorts = ["standing", *(name for name in names if name != "open")]
    with state.unfold("Columns and order", "layout", icon=":material/view_column:") as part:
        if part.open:
            chosen = state.pick_many("Columns", names, "cols", default=first_view, words=rows.heading)
            first, second = st.columns(2, vertical_alignment="bottom")
            with first:
                sort = state.pick_one("Order by", sorts, "sort", default="standing", words=rows.heading)
            with second:
                descending = state.switch("Highest first", "desc")
        else:
            chosen = state.noted("cols", names, first_view)
            sort = state.noted("sort", sorts, ["standing"])[0]
            descending = state.noted("desc", ["0", "1"], ["0"])[0] == "1"
    return [name for name in names if name in chosen] or first_view, sort, descending


@st.fragment
def show_reference(rows: ranking.RankingView) -> None:
    """The rows that are not ranked."""
    reference = rows.frame[rows.frame["row_kind"] != "entry"]
    if reference.empty:
        return
    with state.unfold(
        "Not ranked: untreated models and controls", "reference", icon=":material/straighten:"
    ) as part:
        if part.open:
            st.markdown(
                "Untreated models (`rung`) and controls (`control`): placebos, and `descent`, which is plain "
                "training. Untreated models may be scored on more documents than runs are, see the last column: "
                "for a fair difference read the gain."
            )
            shown = tables.ordered(reference, rows.reference_columns)
            tables.show(shown, "reference", labels=rows.labels, known_widths=rows.widths)
    state.end()


main()
