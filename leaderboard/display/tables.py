"""Tables for readers: decimals by the columns' uncertainty, words with icons, and downloads."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from benchmark.reports.formats import escape_markdown, latex_table
from benchmark.reports.markdown import markdown_table
from leaderboard.display import wording
from leaderboard.display.columns import COLUMNS, Column

WORDS = {
    "verdict": wording.VERDICTS,
    "outcome": wording.OUTCOMES,
    "verification": wording.STATES,
    "state": wording.STATES,
    "conditional": wording.GIVEN,
    "as_expected": wording.ANSWERED,
    "origin": wording.ORIGINS,
}
"""Columns whose words carry an icon on the page (not in a download)."""

PASTED = "to paste: the rows and columns that the table shows, figures with five digits."
CSV_NOTE = (
    "CSV opens in a spreadsheet: a text cell that would run there as a formula has an apostrophe before "
    "it. Parquet holds every cell exactly."
)


_FORMATS = {
    "figure": "%.4g",
    "count": "localized",
    "size": "compact",
    "p": "%.2g",
    "ratio": "%.2f×",
    "score3": "%.3f",
    "score4": "%.4f",
    "seconds": "%.1f s",
}


NO_WORDS: Mapping[str, Callable[[str], str]] = {}
Widths = dict[tuple[str, str], float]


def widths(frame: pd.DataFrame, labels: dict[str, Column] | None = None) -> Widths:
    """Median width of each interval of a frame, by the names of its bounds: what decides the decimals."""
    pairs = {column.bounds for column in (COLUMNS | (labels or {})).values() if column.bounds}
    return {
        (low, high): float((frame[high] - frame[low]).median())
        for low, high in pairs
        if low in frame and high in frame
    }


def column_config(
    frame: pd.DataFrame, labels: dict[str, Column] | None = None, known_widths: Widths | None = None
) -> dict[str, Any]:
    """Streamlit's settings of each column of `frame`; decimals follow the median width of its intervals."""
    known, wide = COLUMNS | (labels or {}), widths(frame, labels) if known_widths is None else known_widths
    return {name: _configured(known.get(name) or _guessed(name, frame[name]), wide) for name in frame.columns}


def _guessed(name: str, column: pd.Series) -> Column:
    label = name.replace("_", " ").capitalize()
    if pd.api.types.is_float_dtype(column):
        return Column(label, f"Column `{name}`.", "figure")
    return Column(label, f"Column `{name}`.", "count" if pd.api.types.is_integer_dtype(column) else "text")


def _configured(column: Column, wide: Widths) -> Any:
    if column.kind == "text":
        return st.column_config.TextColumn(column.label, help=column.help, width=column.width)
    if column.kind == "link":
        return st.column_config.LinkColumn(column.label, help=column.help, display_text="Open", width="small")
    if column.kind == "share":
        return st.column_config.NumberColumn(
            column.label, help=column.help, format="percent", width=column.width
        )
    shape = _FORMATS.get(column.kind) or _by_uncertainty(column, wide)
    return st.column_config.NumberColumn(column.label, help=column.help, format=shape, width=column.width)


def _by_uncertainty(column: Column, wide: Widths) -> str:
    places = wording.decimals(0.0, wide[column.bounds]) if column.bounds in wide else 3
    return f"%{'+' if column.kind == 'signed' else ''}.{places}f"


def show(
    frame: pd.DataFrame,
    name: str,
    *,
    labels: dict[str, Column] | None = None,
    known_widths: Widths | None = None,
    height: Any = "auto",
    note: str = "",
    alt: str | None = None,
    words: Mapping[str, Callable[[str], str]] = NO_WORDS,
) -> None:
    """A table and its downloads; `name` is the stem of the files and must be unique on a page.

    `words` says by column how its cells are called on the page; a download has them as stored.

    `known_widths` are those of a wider table, where the columns that hold the bounds are not shown.
    """
    called = {name: frame[name].map(say) for name, say in words.items() if name in frame}
    st.dataframe(
        readable(frame.assign(**called)),
        column_config=column_config(frame, labels, known_widths),
        hide_index=True,
        height=height,
        alt=alt or name,
        placeholder="–",
    )
    offer(frame.drop(columns=[c for c in ("open",) if c in frame]), name, note=note)


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an icon before each word of a verdict, outcome or state, and no hidden characters in its text."""
    shown = frame.copy(deep=False)
    for column in shown.columns:
        if not pd.api.types.is_numeric_dtype(shown[column]) and column != "open":
            shown[column] = [
                wording.visible(cell) if isinstance(cell, str) else cell for cell in shown[column]
            ]
    for column, words in WORDS.items():
        if column in shown:
            shown[column] = [words.get(value, value) for value in shown[column]]
    return shown


def offer(frame: pd.DataFrame, name: str, *, note: str = "") -> None:
    """Downloads of a table in four formats, made when asked for."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for kind, (ending, mime, make) in FILES.items():
            st.download_button(
                kind,
                lambda make=make: make(frame),
                f"{name}.{ending}",
                mime,
                key=f"{kind.lower()}-{name}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
                help=CSV_NOTE if kind in ("CSV", "Parquet") else f"{kind}, {PASTED}",
            )
        st.caption(f"{wording.counted(len(frame), 'row')}. {note}".strip())


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with full precision and empty cells for missing values; see `text.csv_cell` for formulas."""
    safe = frame.copy(deep=False)
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [wording.csv_cell(value) for value in safe[column]]
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8")


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as one Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer)
    return buffer.getvalue()


def latex_bytes(frame: pd.DataFrame) -> bytes:
    """A LaTeX `tabular` (booktabs) of the frame, figures with five digits."""
    columns = "".join("r" if pd.api.types.is_numeric_dtype(frame[name]) else "l" for name in frame)
    body = latex_table(columns, *_words(frame))
    return f"% needs \\usepackage{{booktabs}}\n{body}\n".encode()


def markdown_bytes(frame: pd.DataFrame) -> bytes:
    """A Markdown table of the frame, figures with five digits."""
    head, rows = _words(frame)
    escaped = [[escape_markdown(cell) for cell in cells] for cells in (head, *rows)]
    return f"{markdown_table(escaped[0], escaped[1:])}\n".encode()


def _words(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headings and cells as words, without line breaks and hidden characters."""
    rows = [[_word(cell) for cell in cells] for cells in frame.itertuples(index=False, name=None)]
    return [str(name) for name in frame], rows


def _word(cell: object) -> str:
    if wording.missing(cell):
        return ""
    return f"{cell:.5g}" if isinstance(cell, float) else wording.visible(cell)


FILES = {
    "CSV": ("csv", "text/csv", csv_bytes),
    "Parquet": ("parquet", "application/vnd.apache.parquet", parquet_bytes),
    "LaTeX": ("tex", "text/x-tex", latex_bytes),
    "Markdown": ("md", "text/markdown", markdown_bytes),
}
"""Formats of a download: ending, media type, and what makes it."""


def ordered(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Those of `columns` that the frame has, in this order."""
    return frame[[name for name in columns if name in frame]]
