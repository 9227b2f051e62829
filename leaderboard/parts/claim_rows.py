"""The figures behind a claim: its parts and estimates as a table, counted and in words."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from leaderboard.display import wording
from leaderboard.site.task_families import TaskFamilies

COMPARED = ["model", "arm", "corpus", "baseline", "baseline_arm", "scope"]
SHARE = ["share_closed", "share_closed_low", "share_closed_high"]
FIGURES = ["delta", "ci_low", "ci_high", "p_value", "p_adjusted", *SHARE]


def parts_frame(claim: dict[str, Any], which: str = "parts", say: Callable[[str], str] = str) -> pd.DataFrame:
    """The comparisons behind a claim, one per row, with a name for charts: its `parts` or its `estimates`."""
    rows = claim.get(which) if isinstance(claim.get(which), list) else []
    frame = pd.DataFrame([row for row in rows if isinstance(row, dict)])
    frame = frame.reindex(columns=[*COMPARED, *FIGURES, "conditional", "outcome", "note"])
    for column in frame:
        if column in FIGURES:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
        else:
            frame[column] = frame[column].fillna("").astype(str)
    frame["name"] = [part_name(row, say) for row in frame.itertuples()]
    return frame


def part_name(row: Any, say: Callable[[str], str] = str) -> str:
    """`model vs larger model, corpus, scope`; `say` gives the words for a scope."""
    other = row.baseline
    if row.baseline == row.model:
        other = "itself untreated" if row.baseline_arm in ("none", "") else row.baseline_arm
    return f"{row.model} vs {other}, {row.corpus}" + ("" if row.scope == "all" else f", {say(row.scope)}")


def tally(frame: pd.DataFrame) -> str:
    """`Two of six comparisons hold, one rules the effect out, three cannot tell`, counted from the outcomes given."""
    if frame.empty:
        return "No comparison was declared."
    hold, against = (
        int((frame["outcome"] == "reproduced").sum()),
        int((frame["outcome"] == "not reproduced").sum()),
    )
    rest = len(frame) - hold - against
    words = wording.in_words
    many = f"comparison{'' if len(frame) == 1 else 's'}"
    said = [f"{words(hold)} of {words(len(frame))} {many} {'holds' if hold == 1 else 'hold'}"]
    said += [f"{words(against)} {'rules' if against == 1 else 'rule'} the effect out"] if against else []
    said += [f"{words(rest)} cannot tell"] if rest else []
    whole = ", ".join(said)
    return f"{whole[:1].upper()}{whole[1:]}."


def detectable(frame: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """What size of effect the comparisons behind a claim would have found, from their stored `mde`."""
    if comparisons.empty or not {*COMPARED, "mde"} <= set(comparisons):
        return ""
    found = frame[COMPARED].merge(comparisons[[*COMPARED, "mde"]], on=COMPARED)["mde"].dropna()
    if found.empty:
        return ""
    low, high = (wording.number(bound, 3) for bound in (found.min(), found.max()))
    size = f"{low} to {high}, depending on the comparison" if low != high else low
    return (
        f"What could be missed: a difference in score smaller than {size}. A single comparison, before the "
        "correction for their number, would find a larger one 4 times in 5."
    )


def estimate_lines(claim: dict[str, Any], families: TaskFamilies) -> list[str]:
    """The estimates that decide a claim, as Markdown lines with their intervals."""
    lines = []
    for row in parts_frame(claim, "estimates").itertuples():
        known = row.scope in families.scopes
        scope = families.label(row.scope) if known else wording.plain(row.scope)
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
