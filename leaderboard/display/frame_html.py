"""A frame as an HTML table, with headings and decimals as in the tables of the pages."""

from typing import Any

import pandas as pd

from leaderboard.display import plain_html, tables, wording
from leaderboard.display.columns import COLUMNS, Column
from leaderboard.display.plain_html import Cell, Heading

FIGURES = ("figure", "score", "signed", "p", "count", "share", "size", "ratio", "seconds", "score3", "score4")
"""Kinds of columns whose cells are figures."""
_FIXED = {"score3": 3, "score4": 4, "seconds": 1}


def frame_html(frame: pd.DataFrame, *, name: str, labels: dict[str, Column] | None = None) -> str:
    """All rows and columns; `name` is what the table is called to a screen reader."""
    known, wide = COLUMNS | (labels or {}), tables.widths(frame, labels)
    columns = {one: known.get(one) or Column(one.replace("_", " ").capitalize(), "") for one in frame.columns}
    headings = [Heading(one.label, one.help, figure=one.kind in FIGURES) for one in columns.values()]
    rows = [
        [cell(columns[one], one, value, wide) for one, value in row.items()]
        for row in frame.to_dict("records")
    ]
    return plain_html.table(headings, rows, name=name)


def cell(column: Column, name: str, value: Any, widths: tables.Widths) -> Cell:
    """A stored value: a word with its icon, or a figure rounded by the width of its interval."""
    if wording.missing(value):
        empty = wording.GIVEN[""] if name == "conditional" else "–"
        return plain_html.plain(empty, figure=column.kind in FIGURES)
    if column.kind not in FIGURES:
        return plain_html.plain(tables.WORDS.get(name, {}).get(value, value))
    return plain_html.plain(_figure(column, value, widths), figure=True)


def _figure(column: Column, value: Any, widths: tables.Widths) -> str:
    if column.kind == "count":
        return f"{wording.whole(value):,}"
    if column.kind == "share":
        return wording.share(value)
    if column.kind == "size":
        return wording.size(value)
    if column.kind == "ratio":
        return f"{wording.number(value, 2)}×"
    if column.kind == "p":
        return f"{float(value):.2g}"
    width = widths.get(column.bounds) if column.bounds else None
    places = _FIXED.get(column.kind, 3 if width is None else wording.decimals(0.0, width))
    return wording.number(value, places, signed=column.kind == "signed")
