"""The English of claims: their titles, and the one plain sentence that says what the estimates show."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.schema.stored_columns import ALL

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
NOT_TESTABLE = "not testable"
CANNOT_TELL = "cannot tell"

TITLES = {
    "C0": "This study can see an effect where there is one, and none where there is none",
    "C1": "A few steps on random unlabelled text improve the model",
    "C2": "The treated model is comparable to one 2-3 times larger",
    "C3": "Text that the model was not trained on gives the most reliable gains",
    "C4": "The gain is more than that of placebos which move the weights as far",
}
WANTED = {
    "C1": "treated models gain on their own base models",
    "C2": "treated models keep within the margin of the larger models",
    "C3": "the target corpus is ahead of the others",
    "C4": "treated models gain on the placebos",
}
MOST_NAMED = 3
"""With more families than this, a title gives their number."""


def claim_title(claim: str, families: Sequence[str] = ()) -> str:
    """The title of a claim; that of C1, which is decided by family of tasks, names several `families`."""
    title = TITLES[claim]
    if claim != "C1" or len(families) < 2:
        return title
    if len(families) > MOST_NAMED:
        return f"{title}, on each of {len(families)} families of tasks"
    first, last = ", ".join(f"on {plain_name(family)}" for family in families[:-1]), plain_name(families[-1])
    return f"{title}, {first} and on {last}"


def plain_name(family: str) -> str:
    """The name of a family as words."""
    return family.replace("-", " ")


def claim_sentence(
    claim: str,
    outcome: str,
    estimates: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
    families: Mapping[str, str],
) -> str:
    """What the estimates say in words, with their figures, and how many parts agree; `families` have labels."""
    known = [row for row in estimates if row["delta"] is not None]
    if not known:
        return f"Inconclusive: no entry that the claim is about has data ({len(parts)} declared)."
    begin = {
        REPRODUCED: f"Reproduced: {WANTED[claim]}",
        NOT_REPRODUCED: f"Not reproduced: the figures rule out that {WANTED[claim]}",
        INCONCLUSIVE: f"Inconclusive: these data do not show whether {WANTED[claim]}",
    }[outcome]
    words = {family: label or plain_name(family) for family, label in families.items()} | {ALL: "all tasks"}
    figures = "; ".join(f"{words.get(row['scope'], row['scope'])} {_figure(row)}" for row in known)
    return f"{begin}: on average {figures}.{_counted(parts)}"


def _counted(parts: Sequence[Mapping[str, Any]]) -> str:
    """How many parts agree, each taken by itself."""
    if not parts:
        return ""
    alone = sum(row["outcome"] == REPRODUCED for row in parts)
    against = sum(row["outcome"] == NOT_REPRODUCED for row in parts)
    return (
        f" Taken one by one, {alone} of {len(parts)} parts {'shows' if alone == 1 else 'show'} it and {against} "
        f"{'rules' if against == 1 else 'rule'} it out."
    )


def _figure(row: Mapping[str, Any]) -> str:
    interval = ""
    if row["ci_low"] is not None:
        interval = f" (95 % {_signed(row['ci_low'])} to {_signed(row['ci_high'])})"
    share = ""
    if row.get("share_closed_low") is not None:
        low, value, high = (
            f"{round(100 * row[name])} %"
            for name in ("share_closed_low", "share_closed", "share_closed_high")
        )
        share = f", {value} of the gap ({low} to {high})"
    return f"{_signed(row['delta'])}{interval}{share}"


def _signed(figure: float) -> str:
    """Four decimals; what they would show as a zero with a sign is said in words."""
    if round(figure, 4):
        return f"{figure:+.4f}"
    return "0" if figure == 0 else "just above 0" if figure > 0 else "just below 0"
