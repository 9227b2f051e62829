"""The claims as small cards: the question, the verdict, one figure with its interval, and a link to the details."""

from typing import Any

import pandas as pd

from leaderboard.display import wording
from leaderboard.display.plain_html import Card
from leaderboard.parts.claim_cards import ANSWERS, QUESTIONS
from leaderboard.parts.claim_rows import parts_frame, tally
from leaderboard.parts.short_answer import CONTROLS
from leaderboard.site.task_families import TaskFamilies

SHORT = {
    CONTROLS: "Would this study see an effect?",
    "C1": "Do the models get better at all?",
    "C2": "As good as a model 2 to 3 times larger?",
    "C3": "Does unfamiliar text work best?",
    "C4": "Is it more than a meaningless change (placebo)?",
}
AGAINST = {
    "C1": "against the untreated model",
    "C2": "against the larger model",
    "C3": "against other texts",
    "C4": "against the placebos",
}
"""What the figure of a card is a difference from."""
CONTROL_SAID = {
    "positive": "A run that must help gained ",
    "negative": "A run that must harm changed the score by ",
    "placebo": "A placebo changed the score by ",
}
"""What stands before the figure of the first control that has one."""
TONES = {"reproduced": "good", "not reproduced": "bad", "cannot tell": "bad"}
SIGNS = {
    "reproduced": "✔",
    "not reproduced": "✘",
    "inconclusive": "?",
    "not testable": "∅",
    "cannot tell": "?",
}
WORST_FIRST = ["not reproduced", "inconclusive", "reproduced"]


def summary(claims: list[dict[str, Any]], families: TaskFamilies) -> list[Card]:
    """A card per claim, C0 first; each links to the claim's own part of the page."""
    places = sorted(range(len(claims)), key=lambda place: claims[place]["id"] != CONTROLS)
    return [_card(claims[place], place, families) for place in places]


def _card(claim: dict[str, Any], place: int, families: TaskFamilies) -> Card:
    name, outcome = str(claim["id"]), str(claim["outcome"])
    known = name in QUESTIONS
    answer = ANSWERS.get(outcome, "") if known else ""
    word = answer or outcome
    if outcome == "cannot tell":
        word = "Cannot tell"
    figure, about = deciding(claim, families)
    note = figure
    if about and figure:
        begin = "For information only: score" if outcome == "not testable" else "Score"
        note = f"{' '.join(filter(None, (begin, figure, AGAINST.get(name))))}, {about}"
    return Card(
        ask=SHORT.get(name) or str(claim.get("title") or name),
        verdict=f"{SIGNS.get(outcome, '–')} {word}",
        tone=TONES.get(outcome, "none"),
        note=note,
        link=f"#{part_of_page(place)}",
        tip=str(claim.get("sentence") or tally(parts_frame(claim))),
    )


def part_of_page(place: int) -> str:
    """The name of the `place`-th claim's part of the page in its address."""
    return f"claim-{place + 1}"


def deciding(claim: dict[str, Any], families: TaskFamilies) -> tuple[str, str]:
    """One estimate with its 95 % interval, and what it is over: the first control, or what holds it back most."""
    frame = parts_frame(claim, "estimates")
    if claim["id"] == CONTROLS:
        rows = [row for row in claim.get("estimates") or [] if isinstance(row, dict)]
        for row, shown in zip(rows, frame.to_dict("records"), strict=True):
            if not wording.missing(shown["delta"]):
                said = CONTROL_SAID.get(str(row.get("control")), "One of them: ")
                return f"{_passed(rows)} {said}{_figure(shown)}", ""
        return _passed(rows), ""
    frame = frame.dropna(subset=["delta"])
    if frame.empty:
        return "no figure", ""
    ranks = {outcome: place for place, outcome in enumerate(WORST_FIRST)}
    row = frame.iloc[pd.Series(frame["outcome"].map(ranks).fillna(1)).argmin()]
    about = families.inside(row["scope"]) if row["scope"] in families.scopes else str(row["scope"])
    averaged = "on average " if str(row["model"]).startswith("mean of") else ""
    return f"{averaged}{_figure(row)}", about


def _passed(rows: list[dict[str, Any]]) -> str:
    """How many controls came out as expected."""
    if not rows:
        return ""
    passed, count = sum(bool(row.get("as_expected")) for row in rows), len(rows)
    if count == 1:
        return f"The one check {'came' if passed else 'did not come'} out as expected."
    words = "None" if not passed else wording.in_words(passed).capitalize()
    begin = f"All {wording.in_words(count)}" if passed == count else f"{words} of {wording.in_words(count)}"
    return f"{begin} checks came out as expected."


def _figure(row: Any) -> str:
    """A difference in score with its 95 % interval."""
    places = wording.decimals(row["ci_low"], row["ci_high"])
    figure = wording.number(row["delta"], places, signed=True)
    span = wording.interval(row["ci_low"], row["ci_high"], signed=True)
    return figure if span == "–" else f"{figure} (95 % {span})"
