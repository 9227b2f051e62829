"""Heat tables: differences between pairs of entries, gains of entries by task. A click opens what a cell is about."""

from typing import Any

import altair as alt
import pandas as pd

from leaderboard.display import theme
from leaderboard.display.charts import ink, tips

MOST_WRITTEN = 200
"""Cells up to this number have their figure written in them; more are read by colour, mark and hover."""
_COLOURS = {
    False: ["#b3380b", "#f2c9b3", "#f7f8fa", "#b9d3ee", "#1f5fa8"],
    True: ["#e0702e", "#6b4330", "#2a323d", "#2f4f73", "#7db4f0"],
}


def heat_table(
    frame: pd.DataFrame,
    *,
    across: str,
    down: str,
    headings: tuple[str, str],
    mark: str,
    marked: str,
    columns: list[str],
    rows: list[str],
) -> alt.LayerChart:
    """Cells coloured by `delta`; those whose `mark` is true have a dot. `open` is the address behind a click.

    `frame` has also `said` (figure and interval), `sure` (the p or q value in words); `marked` says what a dot means.
    """
    most = float(frame["delta"].abs().max()) or 1.0
    scale = alt.Scale(domain=[-most, 0, most], range=_COLOURS[theme.is_dark()][::2], interpolate="rgb")
    wide = len(columns) > 14
    x = alt.X(
        f"{across}:N",
        title=None,
        sort=columns,
        axis=alt.Axis(
            orient="top",
            labelAngle=-90 if wide else -35,
            labelLimit=150,
            labelOverlap=False,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y(
        f"{down}:N",
        title=None,
        sort=rows,
        axis=alt.Axis(labelLimit=220, ticks=False, domain=False, labelOverlap=False),
    )
    tip = tips(
        (f"{down}:N", headings[0]),
        (f"{across}:N", headings[1]),
        ("said:N", "Difference (95 %)"),
        ("sure:N", "How sure"),
    )
    base = alt.Chart(frame).encode(x, y)
    colour = alt.Color("delta:Q", title=None, scale=scale, legend=alt.Legend(orient="bottom", format="+.3~f"))
    layers: list[Any] = [
        base.mark_rect(stroke="#8b97a6", strokeWidth=0.4, cursor="pointer").encode(
            color=colour, tooltip=tip, href="open:N"
        )
    ]
    written = len(frame) <= MOST_WRITTEN
    if written:
        words = base.mark_text(fontSize=11, cursor="pointer")
        layers.append(words.encode(text="short:N", tooltip=tip, href="open:N", color=_readable(most)))
    sure = frame[frame[mark]]
    if len(sure):
        dot = alt.Chart(sure).mark_point(
            filled=True, size=26 if written else 14, opacity=1, yOffset=-8 if written else 0
        )
        layers.append(dot.encode(x, y, tooltip=tip, href="open:N", color=_readable(most)))
    height = max(80, (26 if len(rows) <= 20 else 19) * len(rows))
    whole = alt.AutoSizeParams(
        type="fit-x", contains="padding"
    )  # rows keep their height, whatever their names need
    return alt.layer(*layers).properties(height=height, title=_title(marked), autosize=whole)


def _readable(most: float) -> Any:
    """Letters that stand out from their cell: the ground's colour on strong cells, ink on pale ones."""
    strong = f"abs(datum.delta) > {0.5 * most!r}"
    return alt.condition(strong, alt.value("#12171f" if theme.is_dark() else "#ffffff"), alt.value(ink()))


def _title(marked: str) -> alt.TitleParams:
    return alt.TitleParams(
        f"● {marked}", anchor="start", fontSize=12, fontWeight="normal", color=ink(), orient="bottom"
    )
