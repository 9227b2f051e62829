"""A card for each claim: the question that it answers, the answer, and the figures behind it."""

from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import charts, plain_html, tables, wording
from leaderboard.display.columns import COLUMNS
from leaderboard.parts.claim_rows import SHARE, detectable, estimate_lines, parts_frame, tally
from leaderboard.parts.short_answer import CONTROLS
from leaderboard.site import state
from leaderboard.site.task_families import TaskFamilies

ANSWERS = {
    "reproduced": "Yes",
    "not reproduced": "No",
    "inconclusive": "Not settled",
    "not testable": "Not testable here",
}
QUESTIONS = {
    CONTROLS: (
        "Would this study see an effect, if there were one?",
        "Checked against what is known in advance: controls with declared outcomes (docs/CONTROLS.md).",
    ),
    "C1": ("Do the models get better at all?", "Compared with the same model before treatment."),
    "C2": (
        "Do they become as good as a model 2 to 3 times larger?",
        "Compared with an untreated larger model of the same family.",
    ),
    "C3": (
        "Does unfamiliar text work best?",
        "Texts of one corpus, named in advance, compared with those of the other corpora.",
    ),
    "C4": (
        "Is it more than a meaningless change (placebo)?",
        "Compared with changes that cannot teach anything, such as steps in a random direction.",
    ),
}
"""Each claim as a question without technical terms, and what is compared with what."""
ICONS = {
    "reproduced": ":material/check_circle:",
    "not reproduced": ":material/cancel:",
    "inconclusive": ":material/help:",
    "not testable": ":material/block:",
    "cannot tell": ":material/visibility_off:",
}
COLOURS = {
    "reproduced": "green",
    "not reproduced": "red",
    "inconclusive": "gray",
    "not testable": "gray",
    "cannot tell": "orange",
}
CONTROL_WORDS = {
    "positive": "positive: must gain",
    "negative": "negative: must lose",
    "placebo": "placebo: must not gain",
    "same rung": "same size against itself (A/A)",
    "next rung": "larger model, entered as treated",
}


def show_cards(claims: list[dict[str, Any]], comparisons: pd.DataFrame, families: TaskFamilies) -> None:
    """A card per claim, two side by side; C0 across the page, before all others."""
    places = sorted(range(len(claims)), key=lambda place: claims[place]["id"] != CONTROLS)
    for place in places:
        if claims[place]["id"] == CONTROLS:
            with st.container(border=True):
                show_card(claims[place], place, comparisons, families)
    others = [place for place in places if claims[place]["id"] != CONTROLS]
    for first in range(0, len(others), 2):
        for place, column in zip(others[first : first + 2], st.columns(2), strict=False):
            with column, st.container(border=True, height="stretch"):
                show_card(claims[place], place, comparisons, families)


def show_card(claim: dict[str, Any], place: int, comparisons: pd.DataFrame, families: TaskFamilies) -> None:
    """One claim, the `place`-th: question, answer, what with, the sentence with its figure, and what decides it."""
    name, outcome = str(claim["id"]), str(claim["outcome"])
    ask, against = QUESTIONS.get(name, ("", ""))
    colour, icon = COLOURS.get(outcome, "gray"), ICONS.get(outcome, "")
    with st.container(gap=None):
        st.html(f'<span class="gb-place" id="claim-{place + 1}"></span>')  # where the small cards lead to
        if ask:
            st.markdown(f"### {ask}")
        else:
            st.text(wording.visible(f"{name}: {claim.get('title', '')}"))
    answer = ANSWERS.get(outcome, "") if ask else ""
    known = outcome if outcome in COLOURS else "unknown outcome"
    if name == CONTROLS:
        known = {"reproduced": "all as declared", "not reproduced": "not all as declared"}.get(outcome, known)
    badge = answer if outcome == "not testable" and answer else f"{f'{answer}: ' if answer else ''}{known}"
    st.markdown(f":{colour}-badge[{icon} {badge}]")
    if against:
        st.markdown(against)
    frame = parts_frame(claim, say=families.inside)
    st.text(wording.visible(claim.get("sentence") or tally(frame)))
    if name == CONTROLS:
        show_controls(claim, place, families)
        return
    if lines := estimate_lines(claim, families):
        head = "What decides it:"
        if outcome in ("not testable", "cannot tell"):
            head = "The figures that were meant to decide it:"
        st.markdown(f"{head}\n" + "\n".join(f"- {line}" for line in lines))
    if outcome == "inconclusive" and name != "C2" and (said := detectable(frame, comparisons)):
        st.caption(said)
    show_figures(claim, frame, place, families)


def show_controls(claim: dict[str, Any], place: int, families: TaskFamilies) -> None:
    """The controls of C0: what was declared and what was found."""
    frame = controls_frame(claim, families)
    if frame.empty:
        return
    st.html(controls_html(frame))
    tables.offer(
        frame,
        f"claim-{place + 1}",
        note="The difference is over the first tasks named, from its own untreated model or the other draws.",
    )


def controls_frame(claim: dict[str, Any], families: TaskFamilies) -> pd.DataFrame:
    """The controls as stored, with words for their kinds and for the families of tasks."""
    columns = ["control", "entry", "as_expected", "expected", "delta", "ci_low", "ci_high", "found"]
    rows = claim.get("estimates") if isinstance(claim.get("estimates"), list) else []
    frame = pd.DataFrame([row for row in rows if isinstance(row, dict)]).reindex(columns=columns)
    for column in ("delta", "ci_low", "ci_high"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    frame["as_expected"] = frame["as_expected"].astype(str)
    frame["control"] = [CONTROL_WORDS.get(str(name), str(name)) for name in frame["control"]]
    frame["found"] = [in_family_words(str(found), families) for found in frame["found"]]
    return frame


def in_family_words(found: str, families: TaskFamilies) -> str:
    """`all: superior; x: superior` with the names of families in words, and as one word where all are the same."""
    parts = [part.partition(": ") for part in found.split("; ")]
    if any(not middle for _, middle, _ in parts):
        return found
    if len(parts) > 1 and len({outcome for _, _, outcome in parts}) == 1:
        return f"{parts[0][2]}, in {wording.listed([families.inside(scope) for scope, _, _ in parts])}"
    return "; ".join(f"{families.inside(scope)}: {outcome}" for scope, _, outcome in parts)


def controls_html(frame: pd.DataFrame) -> str:
    """The controls as a table whose cells may break into lines."""
    names = ["control", "entry", "as_expected", "expected", "found"]
    headings = [plain_html.Heading(COLUMNS[name].label, COLUMNS[name].help) for name in names]
    headings.insert(4, plain_html.Heading("Difference", COLUMNS["delta"].help, figure=True))
    rows = []
    for row in frame.to_dict("records"):
        cells = [plain_html.plain(tables.WORDS.get(name, {}).get(row[name], row[name])) for name in names]
        places = wording.decimals(row["ci_low"], row["ci_high"])
        span = wording.interval(row["ci_low"], row["ci_high"], signed=True)
        cells.insert(4, plain_html.two_lines(wording.number(row["delta"], places, signed=True), span))
        rows.append(cells)
    return plain_html.table(headings, rows, name="Controls whose outcome is known in advance")


@st.fragment
def show_figures(claim: dict[str, Any], frame: pd.DataFrame, place: int, families: TaskFamilies) -> None:
    """All comparisons behind a claim, as a chart and a table, drawn when the reader opens them."""
    name = str(claim["id"])
    known = name in QUESTIONS
    with state.unfold(
        f"See where it differs ({name})" if known else "See where it differs",
        f"figures{place + 1}",
        icon=":material/query_stats:",
    ) as part:
        if part.open:
            st.text(wording.visible(claim.get("title") or ""))
            if claim.get("estimates"):
                st.caption("Parts by model, corpus and tasks. They show where it differs and decide nothing.")
            rows = frame.dropna(subset=["delta"])
            if len(rows):
                title = "Difference in score, with 95 % interval"
                chart = charts.forest(rows, "name", "outcome", title=title, row_height=22)
                said = f"Differences in score with 95 % intervals behind claim {name}"
                charts.show(chart, said, name=f"claim-{place + 1}-chart")
            shown = frame.drop(columns="name")
            empty = [c for c in SHARE if shown[c].isna().all()]
            if "conditional" not in _keys(claim):
                empty.append("conditional")
            tables.show(shown.drop(columns=empty), f"claim-{place + 1}", words={"scope": families.label})
    state.end()


def _keys(claim: dict[str, Any]) -> set[str]:
    """The names of all cells of the parts."""
    return {name for row in claim.get("parts") or [] if isinstance(row, dict) for name in row}
