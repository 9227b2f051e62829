"""The claims in plain words: the question each one answers, the short answer to all of them, and the figures behind."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from leaderboard.display import charts, tables, wording
from leaderboard.parts import track_choice
from leaderboard.parts.order import FEWEST_UNITS
from leaderboard.site import state

SHARE_SCOPE = "share of runs with a gain"
"""Ends the scope of a part that compares shares, in results of an older version; all others compare scores."""
CONTROLS = "C0"
"""The claim that the study can see an effect: its estimates are controls."""


@dataclass(frozen=True)
class Question:
    """A claim as a question that needs no knowledge of the method, and its answer by outcome."""

    ask: str
    against: str
    answers: dict[str, str]


_ANSWERS = {
    "reproduced": "Yes",
    "not reproduced": "No",
    "inconclusive": "Not settled",
    "not testable": "Not asked here",
    "cannot tell": "",
}
QUESTIONS = {
    CONTROLS: Question(
        "Would this study see an effect, if there were one?",
        "Compared with what is known beforehand: controls with declared outcomes (docs/CONTROLS.md).",
        _ANSWERS,
    ),
    "C1": Question(
        "Do the models get better at all?",
        "Compared with the same model before treatment.",
        _ANSWERS,
    ),
    "C2": Question(
        "Do they become as good as a model 2 to 3 times larger?",
        "Compared with an untreated larger model of the same family.",
        _ANSWERS,
    ),
    "C3": Question(
        "Does unfamiliar text work best?",
        "Program text, which the models never saw, compared with the other texts.",
        _ANSWERS,
    ),
    "C4": Question(
        "Is it more than a placebo?",
        "Compared with changes that cannot teach anything: steps in a random direction, the same words "
        "shuffled.",
        _ANSWERS,
    ),
}
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
    "null": "placebo: must not gain",
    "same rung": "same size against itself (A/A)",
    "next rung": "larger model, entered as treated",
}
UNSEEN = (
    "It is not shown that this study can see an effect: it has no controls whose outcome is known beforehand."
)


def readable(content: Any) -> list[dict[str, Any]]:
    """The claims of a `claims.json` that have an id and an outcome; broken ones are left out."""
    claims = content.get("claims") if isinstance(content, dict) else None
    if not isinstance(claims, list):
        return []
    return [c for c in claims if isinstance(c, dict) and c.get("id") and c.get("outcome")]


ORIGINAL_SMALLEST = 300e6
"""Parameters: fewer than the original study's smallest model (OPT-350M) has."""


def below_original(entries: pd.DataFrame) -> bool:
    """Whether every treated model is smaller than any that the original study treated."""
    treated = (
        entries.loc[entries["row_kind"] == "entry", "parameters"].dropna() if len(entries) else pd.Series()
    )
    return len(treated) > 0 and bool(treated.max() < ORIGINAL_SMALLEST)


def short_answer(claims: list[dict[str, Any]], *, small: bool = False) -> tuple[str, str]:
    """The outcome of the main question and a sentence that answers it; `small` says at what scale it holds."""
    outcome, sentence = _answer(claims)
    return outcome, sentence.replace(".**", ", at this scale.**", 1) if small else sentence


def _answer(claims: list[dict[str, Any]]) -> tuple[str, str]:
    """From the outcomes of C0, C1, C2 and C4."""
    outcome = {str(c["id"]): str(c["outcome"]) for c in claims}
    better, larger, placebo = outcome.get("C1"), outcome.get("C2"), outcome.get("C4")
    if outcome.get(CONTROLS) == "not reproduced":
        return (
            "cannot tell",
            "**Cannot tell.** The controls of this study did not come out as they must, so it is not shown that it "
            "would see an effect.",
        )
    if larger is None:
        return "inconclusive", "**Not measured.** These results hold no comparison with larger models."
    if larger == "reproduced":
        said = "**Yes.** The treated models hold their own against models 2 to 3 times larger"
        if placebo == "reproduced":
            return larger, f"{said}, and placebos do not."
        return larger, f"{said}, but it is not shown that the treatment does more than a placebo."
    if larger == "not reproduced":
        if better == "reproduced":
            return (
                larger,
                "**No, only in part.** The treated models get better, but not as good as a model 2 to 3 "
                "times larger.",
            )
        rest = (
            "Whether they get better at all cannot be told from these data."
            if better in ("inconclusive", "not testable", None)
            else "They do not reliably get better either."
        )
        return (
            larger,
            f"**No.** The treated models do not become as good as a model 2 to 3 times larger. {rest}",
        )
    if better == "reproduced":
        return (
            larger,
            "**Not settled.** The treated models get better; whether as good as a model 2 to 3 times "
            "larger, these data cannot tell.",
        )
    if better == "not reproduced":
        return (
            larger,
            "**Doubtful.** The treated models do not reliably get better; the comparison with larger "
            "models is not settled.",
        )
    return (
        larger,
        "**Not settled.** These data can tell neither whether the treated models get better, nor whether "
        "they match larger ones.",
    )


def basis(entries: pd.DataFrame) -> str:
    """What the answer rests on, counted from the rows of `entries.csv`; empty where nothing is ranked."""
    ranked = entries[entries["row_kind"] == "entry"] if "row_kind" in entries else entries
    if ranked.empty:
        return ""
    sizes = ranked.drop_duplicates("model").sort_values("parameters", kind="stable")
    models = wording.listed(
        [
            f"{wording.plain(row.model)} ({wording.size(row.parameters)}{' parameters' if place == 0 else ''})"
            for place, row in enumerate(sizes.itertuples())
        ]
    )
    rungs = entries[(entries["row_kind"] == "rung") & ~entries["model"].isin(sizes["model"])]
    rungs = rungs.sort_values("parameters", kind="stable")
    larger = wording.listed(
        [f"{wording.plain(row.model)} ({wording.size(row.parameters)})" for row in rungs.itertuples()]
    )
    said = f"**Treated:** {models}."
    said += f" **Larger models of the same family, untreated:** {larger}." if larger else ""
    texts, draws, questions = (ranked[name].max() for name in ("n_texts", "n_draws", "n_docs"))
    if not wording.missing(texts) and not wording.missing(questions):
        said += (
            f" Each treatment used one text, up to {wording.whole(texts)} from each of "
            f"{wording.counted(ranked['corpus'].nunique(), 'source')}, and was followed by "
            f"{wording.counted(wording.whole(questions), 'question')}."
        )
    if not wording.missing(draws):
        said += (
            f" Each treated size was trained from nothing {wording.whole(draws)} times (pretraining draws), so the "
            "answer is about the size, not about one model."
            if wording.whole(draws) >= FEWEST_UNITS
            else f" There {'is' if wording.whole(draws) == 1 else 'are'} only "
            f"**{wording.counted(wording.whole(draws), 'pretrained model')} of each treated size**: another training "
            "of the same size could differ."
        )
    if below_original(entries):
        said += (
            " The original study treated OPT models of 350M to 2.7B: **nothing here says what happens at that "
            "size.**"
        )
    return said


def parts_frame(claim: dict[str, Any], which: str = "parts") -> pd.DataFrame:
    """The comparisons behind a claim, one a row, with a name a row for charts: its `parts` or its `estimates`."""
    columns = [
        "model",
        "arm",
        "corpus",
        "baseline",
        "baseline_arm",
        "scope",
        "delta",
        "ci_low",
        "ci_high",
        "p_value",
        "p_adjusted",
        "share_closed",
        "share_closed_low",
        "share_closed_high",
        "conditional",
        "outcome",
        "note",
    ]
    rows = claim.get(which) if isinstance(claim.get(which), list) else []
    frame = pd.DataFrame([row for row in rows if isinstance(row, dict)]).reindex(columns=columns)
    for column in columns[6:14]:
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    for column in (*columns[:6], *columns[14:]):
        frame[column] = frame[column].fillna("").astype(str)
    frame["name"] = [part_name(row) for row in frame.itertuples()]
    shares = frame["scope"].str.endswith(SHARE_SCOPE)
    frame["measure"] = shares.map(
        {True: "Difference in share of runs with a gain", False: "Difference in score"}
    )
    return frame


def part_name(row: Any) -> str:
    """`micro-200k vs micro-600k, code, all`."""
    other = row.baseline
    if row.baseline == row.model:
        other = "itself untreated" if row.baseline_arm in ("none", "") else row.baseline_arm
    return f"{row.model} vs {other}, {row.corpus}" + ("" if row.scope == "all" else f", {row.scope}")


def tally(frame: pd.DataFrame) -> str:
    """`2 of 6 comparisons hold, 1 rules the effect out, 3 cannot tell`, counted from the outcomes given."""
    if frame.empty:
        return "No comparison was declared."
    hold, against = (
        int((frame["outcome"] == "reproduced").sum()),
        int((frame["outcome"] == "not reproduced").sum()),
    )
    rest = len(frame) - hold - against
    said = [f"{hold} of {wording.counted(len(frame), 'comparison')} {'holds' if hold == 1 else 'hold'}"]
    said += [f"{against} {'rules' if against == 1 else 'rule'} the effect out"] if against else []
    said += [f"{rest} cannot tell"] if rest else []
    return ", ".join(said) + "."


def detectable(frame: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """What size of effect the comparisons behind a claim would have found, from their stored `mde`."""
    key = ["model", "arm", "corpus", "baseline", "baseline_arm", "scope"]
    if comparisons.empty or not {*key, "mde"} <= set(comparisons):
        return ""
    found = frame[key].merge(comparisons[[*key, "mde"]], on=key)["mde"].dropna()
    if found.empty:
        return ""
    low, high = (wording.number(bound, 3) for bound in (found.min(), found.max()))
    size = f"{low} to {high}, depending on the comparison" if low != high else low
    return (
        f"What could be missed: a difference in score smaller than {size}. A single comparison, before the "
        "correction for their number, would find a larger one 4 times in 5."
    )


def show_cards(claims: list[dict[str, Any]], comparisons: pd.DataFrame) -> None:
    """A card a claim, two side by side; C0 across the page, before all others."""
    places = sorted(range(len(claims)), key=lambda place: claims[place]["id"] != CONTROLS)
    for place in places:
        if claims[place]["id"] == CONTROLS:
            with st.container(border=True):
                show_card(claims[place], place, comparisons)
    others = [place for place in places if claims[place]["id"] != CONTROLS]
    for first in range(0, len(others), 2):
        for place, column in zip(others[first : first + 2], st.columns(2), strict=False):
            with column, st.container(border=True, height="stretch"):
                show_card(claims[place], place, comparisons)


def show_card(claim: dict[str, Any], place: int, comparisons: pd.DataFrame) -> None:
    """One claim, the `place`-th: question, answer, what with, the sentence with its figure, and what decides it."""
    name, outcome = str(claim["id"]), str(claim["outcome"])
    question = QUESTIONS.get(name)
    colour, icon = COLOURS.get(outcome, "gray"), ICONS.get(outcome, "")
    if question:
        st.markdown(f"### {question.ask}")
    else:
        st.text(wording.visible(f"{name}: {claim.get('title', '')}"))
    answer = question.answers.get(outcome, "") if question else ""
    known = outcome if outcome in COLOURS else "unknown outcome"
    if name == CONTROLS:
        known = {"reproduced": "all as declared", "not reproduced": "not all as declared"}.get(outcome, known)
    st.markdown(f":{colour}-badge[{icon} {f'{answer}: ' if answer else ''}{known}]")
    if question:
        st.markdown(question.against)
    frame = parts_frame(claim)
    st.text(wording.visible(claim.get("sentence") or tally(frame)))
    if name == CONTROLS:
        show_controls(claim, place)
        return
    if lines := estimate_lines(claim):
        head = "What decides it:"
        if outcome in ("not testable", "cannot tell"):
            head = "The figures that were to decide it, by themselves:"
        st.markdown(f"{head}\n" + "\n".join(f"- {line}" for line in lines))
    if outcome == "inconclusive" and name != "C2" and (said := detectable(frame, comparisons)):
        st.caption(said)
    show_figures(claim, frame, place)


def estimate_lines(claim: dict[str, Any]) -> list[str]:
    """The estimates that decide a claim, as Markdown lines with their intervals."""
    lines = []
    for row in parts_frame(claim, "estimates").itertuples():
        scope = track_choice.SCOPE_WORDS.get(row.scope) or wording.plain(row.scope)
        places = wording.decimals(row.ci_low, row.ci_high)
        figure = (
            "no data"
            if wording.missing(row.delta)
            else f"**{wording.number(row.delta, places, signed=True)}**"
        )
        span = wording.interval(row.ci_low, row.ci_high, signed=True)
        said = f"{scope}: {figure}" + ("" if span == "–" else f" (95 % {span})")
        if not wording.missing(row.share_closed):
            closed = wording.share(row.share_closed, row.share_closed_low, row.share_closed_high)
            said += f", {closed} of the gap to the larger model"
        holds = {"draws": ", given one pretrained model", "texts and draws": ", on documents alone"}
        alone = "" if claim["outcome"] == "not testable" else f": {wording.OUTCOMES.get(row.outcome, '–')}"
        lines.append(f"{said}{holds.get(row.conditional, '')}{alone}")
    return lines


def show_controls(claim: dict[str, Any], place: int) -> None:
    """The controls of C0: what was declared, what was found."""
    columns = ["control", "entry", "as_expected", "expected", "delta", "ci_low", "ci_high", "found"]
    rows = claim.get("estimates") if isinstance(claim.get("estimates"), list) else []
    frame = pd.DataFrame([row for row in rows if isinstance(row, dict)]).reindex(columns=columns)
    if frame.empty:
        return
    for column in ("delta", "ci_low", "ci_high"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    frame["as_expected"] = frame["as_expected"].astype(str)
    frame["control"] = [CONTROL_WORDS.get(str(name), str(name)) for name in frame["control"]]
    tables.show(
        frame,
        f"claim-{place + 1}",
        height="content",
        note="The difference is that over the first tasks named: to its own untreated model, or to the other draws.",
    )


@st.fragment
def show_figures(claim: dict[str, Any], frame: pd.DataFrame, place: int) -> None:
    """All comparisons behind a claim, as a chart and a table, drawn where the reader opens them."""
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
            for measure, rows in frame.dropna(subset=["delta"]).groupby("measure", sort=False):
                charts.show(
                    charts.forest(
                        rows, "name", "outcome", title=f"{measure}, with 95 % interval", row_height=22
                    ),
                    f"{measure} with 95 % intervals behind claim {name}",
                )
            shown = frame.drop(columns=["name", "measure"])
            empty = [
                c for c in ("share_closed", "share_closed_low", "share_closed_high") if shown[c].isna().all()
            ]
            if "conditional" not in _keys(claim):
                empty.append("conditional")
            tables.show(shown.drop(columns=empty), f"claim-{place + 1}")
    state.end()


def _keys(claim: dict[str, Any]) -> set[str]:
    """The names of all cells of the parts."""
    return {name for row in claim.get("parts") or [] if isinstance(row, dict) for name in row}
