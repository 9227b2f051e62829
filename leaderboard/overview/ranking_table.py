"""The ranking as an HTML table: rank, score drawn with its interval, gain, effective size, four verdicts."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from leaderboard.display import frame_html, plain_html, wording
from leaderboard.display.columns import COLUMNS, Column
from leaderboard.display.plain_html import Cell, Heading
from leaderboard.parts.ranking import RankingView, stored_columns

GOOD, BAD = ("superior", "comparable"), ("inferior",)
WEAKEST_FIRST = ["inferior", "inconclusive", "no data", "no test", "negligible", "comparable", "superior"]
LEGEND = "▲ superior · ≈ comparable · ▼ inferior · ≪ negligible · ? inconclusive"
VERIFIED = {"reproduced": ("verified", "good"), "flagged": ("flagged", "bad")}
KINDS = {"rung": "untreated", "control": "control"}

Link = Callable[[Any], str]


def ranking_html(
    rows: RankingView,
    shown: pd.DataFrame,
    columns: Sequence[str],
    *,
    open_entry: Link,
    sort_link: Callable[[str], str] = lambda name: "",
) -> str:
    """The rows as a table; `open_entry` gives the address of a row's own page, `sort_link` of a column's order."""
    scales = {name: _scale(shown, name) for name in columns if _is_bar(name)}
    headings = [_heading(rows, name, scales.get(name), sort_link(name)) for name in columns]
    cells = [
        [_cell(rows, name, row, scales.get(name), open_entry, len(rows.ranked)) for name in columns]
        for row in shown.to_dict("records")
    ]
    return plain_html.table(
        headings, cells, grey=list(shown["row_kind"] != "entry"), name="Ranking of treated models"
    )


def _is_bar(name: str) -> bool:
    return name == "score_bar" or name.startswith("bar_")


def _scale(shown: pd.DataFrame, name: str) -> tuple[float, float] | None:
    figures = shown[stored_columns(name)].stack().dropna()
    if figures.empty or figures.min() == figures.max():
        return None
    return float(figures.min()), float(figures.max())


def _column(rows: RankingView, name: str) -> Column:
    return rows.labels.get(name) or COLUMNS[name]


def _heading(rows: RankingView, name: str, scale: tuple[float, float] | None, link: str) -> Heading:
    column = _column(rows, name)
    tip = column.help
    if scale is not None:
        tip += f" The bars reach from {wording.number(scale[0], 3)} to {wording.number(scale[1], 3)}."
    return Heading(
        column.label,
        tip,
        figure=column.kind in frame_html.FIGURES or name in ("gain_line", "size_line"),
        link=link,
    )


def _cell(
    rows: RankingView,
    name: str,
    row: dict[str, Any],
    scale: tuple[float, float] | None,
    open_entry: Link,
    ranked: int,
) -> Cell:
    """One cell; every text in it is escaped by the function that makes it."""
    if _is_bar(name):
        return _bar(row, stored_columns(name), scale)
    if name == "ranks":
        return _rank(row, ranked)
    if name == "model" and row["row_kind"] != "rung":
        return Cell(plain_html.anchor(str(row["model"]), open_entry(row)), tip="Open this entry")
    if name == "arm" and row["row_kind"] == "rung":
        return plain_html.plain("untreated")
    if name == "corpus" and row["row_kind"] == "rung":
        return plain_html.plain("–")
    if name == "gain_line":
        low, high = row["gain_all_low"], row["gain_all_high"]
        figure = wording.number(row["gain_all"], wording.decimals(low, high), signed=True)
        return plain_html.two_lines(figure, _span(low, high, signed=True))
    if name == "size_line":
        return _size(row)
    if name == "verdicts":
        return plain_html.marks(verdict_marks(row)) if row["row_kind"] != "rung" else plain_html.plain("–")
    if name == "open":
        return Cell(plain_html.anchor("Open", open_entry(row)))
    return frame_html.cell(_column(rows, name), name, row[name], rows.widths)


def _rank(row: dict[str, Any], ranked: int) -> Cell:
    if row["row_kind"] != "entry":
        return plain_html.plain(KINDS.get(row["row_kind"], "–"))
    if wording.missing(row["rank"]) or "no rank" in str(row["ranks"]):
        return plain_html.plain(row["ranks"])
    span = str(row["ranks"]).replace(" to ", "–")
    return plain_html.two_lines(wording.number(row["rank"], 0), span, f"Place {row['ranks']} of {ranked}")


def _bar(row: dict[str, Any], names: list[str], scale: tuple[float, float] | None) -> Cell:
    at, low, high = (row[name] for name in names)
    if wording.missing(at):
        return plain_html.plain("–")
    figure = wording.number(at, min(4, wording.decimals(low, high)))
    if scale is None or wording.missing(low) or wording.missing(high):
        return plain_html.bar(figure, "", None)
    share = [(value - scale[0]) / (scale[1] - scale[0]) for value in (low, at, high)]
    return plain_html.bar(figure, _span(low, high), (share[0], share[1], share[2]))


def _span(low: object, high: object, *, signed: bool = False) -> str:
    said = wording.interval(low, high, signed=signed)
    return said if signed else said.replace(" to ", "–")


def _size(row: dict[str, Any]) -> Cell:
    """The effective size and its interval; what is known where it lies off the ladder."""
    if row["row_kind"] != "entry":
        return plain_html.two_lines(wording.size(row["parameters"]), "own size")
    low, high, note = (row[f"effective_size_{end}"] for end in ("low", "high", "note"))
    span = wording.size_interval(low, high, note).replace(" to ", "–")
    if wording.missing(row["effective_size"]):
        below = str(note) == "below the ladder"
        return plain_html.two_lines("below all" if below else "–", span if below else "", row["behaves_like"])
    return plain_html.two_lines(wording.size(row["effective_size"]), span, row["behaves_like"])


def verdict_marks(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The four verdicts of an entry: a short word with its icon, a tone, and the verdicts in full.

    Against several controls, or for several families of tasks, the weakest verdict counts; of larger models, the next
    larger one.
    """
    words = [
        _mark("own base", row["_base"], row["against_base"]),
        _mark("controls", row["_control"], row["against_controls"]),
        _mark("larger model", row["_nearest"], row["against_rungs"]),
    ]
    state = str(row["verification"] or "self-reported")
    said = wording.STATES.get(state, state)
    word, tone = VERIFIED.get(state, ("not verified", "none"))
    return [*words, (f"{said[:1]} {word}", tone, f"Verified: {said}")]


def _mark(what: str, verdicts: Sequence[str], whole: str) -> tuple[str, str, str]:
    found = [one for one in WEAKEST_FIRST if one in verdicts]
    if not found:
        return f"– {what}", "none", f"{what}: not compared"
    tone = "good" if found[0] in GOOD else "bad" if found[0] in BAD else "none"
    return f"{wording.VERDICTS[found[0]][:1]} {what}", tone, whole
