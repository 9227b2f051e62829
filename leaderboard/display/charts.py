"""Charts in Altair of the figures in `results/`. Every distinction has both a shape and a colour."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils import schemapi

from leaderboard.display import picture_files, theme

alt.data_transformers.disable_max_rows()
schemapi.DEBUG_MODE = (
    False  # checking each chart against Vega-Lite's schema takes longer than drawing it; tests do
)

VERDICT_ORDER = ["superior", "comparable", "inferior", "negligible", "inconclusive"]
OUTCOME_ORDER = ["reproduced", "not reproduced", "inconclusive"]
_SHAPES = ["triangle-up", "circle", "triangle-down", "square", "diamond"]
_LIGHT = ["#0b7a4b", "#1f5fa8", "#c2410c", "#7c3f9c", "#6b7685"]
_DARK = ["#4fd1a0", "#7db4f0", "#fb923c", "#cfa3ec", "#a9b4c2"]


def palette() -> list[str]:
    return _DARK if theme.is_dark() else _LIGHT


def quiet() -> str:
    return "#8b97a6" if theme.is_dark() else "#7a8696"


def ink() -> str:
    return "#e8edf3" if theme.is_dark() else "#1b2430"


AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart


def finished(chart: AnyChart) -> AnyChart:
    """The chart with the settings that all have in common."""
    return chart.configure_view(strokeWidth=0).configure_axis(labelLimit=260)


def show(chart: AnyChart, alt_text: str, *, name: str, note: str = "") -> None:
    """The chart at the page's width, a note and its downloads; `name` is the files' stem and unique on a page."""
    st.altair_chart(finished(chart), width="stretch", alt=alt_text)
    if note:
        st.caption(note)
    picture_files.offer(chart, name)


def tips(*given: tuple[str, ...]) -> list[alt.Tooltip]:
    """Tooltips of (field, title) or (field, title, format)."""
    return [alt.Tooltip(one[0], **dict(zip(("title", "format"), one[1:], strict=False))) for one in given]


def zero_line(axis: str) -> alt.Chart:
    """A dashed line at 0 of the axis `x` or `y`."""
    rule = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=quiet(), strokeDash=[4, 3])
    return rule.encode(**{axis: "zero:Q"})


def score_axis(field: str, title: str = "Score") -> alt.Y:
    """A vertical axis that need not begin at 0."""
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=False))


def legend(**settings: Any) -> alt.Legend:
    """A legend above the chart."""
    return alt.Legend(orient="top", **settings)


def sizes(entries: pd.DataFrame, rungs: pd.DataFrame, arm: str | None) -> alt.LayerChart:
    """Effective size of each entry with its interval beside its own size; the untreated models as vertical lines.

    The treatment `arm` is not named beside its entries.
    """
    rows = entries.assign(
        name=[
            f"{row.model}, {row.corpus}" + ("" if row.arm == arm else f", {row.arm}")
            for row in entries.itertuples()
        ],
    )
    bounds = pd.concat(
        [rows[c] for c in ("parameters", "effective_size_low", "effective_size_high")] + [rungs["parameters"]]
    ).dropna()
    scale = alt.Scale(type="log", domain=[bounds.min() / 1.4, bounds.max() * 1.4], nice=False)
    title = ["Size of the untreated model with", "the same score (95 % interval)"]
    small = alt.ExprRef("width < 300 ? 8 : 12")  # four names fit side by side on a phone too
    axis = alt.Axis(format="~s", grid=False, tickCount=6)
    x = alt.X("effective_size:Q", title=title, scale=scale, axis=axis)
    own_size = alt.X("parameters:Q", scale=scale, title=title)
    low = alt.X("effective_size_low:Q", scale=scale, title=title)
    y = alt.Y(
        "name:N",
        title=None,
        sort=list(rows["name"]),
        axis=alt.Axis(labelLimit=190, labelOverlap=False, ticks=False, domain=False, grid=True),
    )
    domain = ["its own size", "behaves like"]
    marks = alt.Scale(domain=domain, range=["stroke", "circle"])
    shape = alt.Shape("what:N", title=None, scale=marks, legend=legend(symbolSize=110))
    colour = alt.Color("what:N", title=None, scale=alt.Scale(domain=domain, range=[ink(), palette()[1]]))
    tip = tips(("name:N", "Entry"), ("said:N", "Effective size"))
    lines = alt.Chart(rungs).mark_rule(color=quiet(), strokeDash=[2, 3]).encode(own_size)
    named = spaced(rungs, bounds.max() / bounds.min()).assign(label=lambda frame: frame["model"])
    names = (
        alt.Chart(named)
        .mark_text(dy=-8, color=ink(), fontSize=small)
        .encode(own_size, alt.YValue(0), text="label:N")
    )
    sized = ["parameters", "effective_size", "effective_size_low", "effective_size_high"]
    base = alt.Chart(rows[["name", *sized, "behaves_like"]].rename(columns={"behaves_like": "said"}))
    span = base.mark_rule(strokeWidth=2.5, color=palette()[1]).encode(
        low, alt.X2("effective_size_high:Q"), y, tooltip=tip
    )
    tick = base.transform_calculate(what="'its own size'").mark_point(
        size=170, angle=90, strokeWidth=2.5, opacity=1
    )
    dot = base.transform_calculate(what="'behaves like'").mark_point(filled=True, size=95, opacity=1)
    marked = [
        tick.encode(own_size, y, shape, colour, tooltip=tip),
        dot.encode(x, y, shape, colour, tooltip=tip),
    ]
    return alt.layer(lines, names, span, *marked).properties(height=24 * rows["name"].nunique() + 120)


MOST_NAMES = 7
"""Names of models that fit side by side above a chart."""


def spaced(rungs: pd.DataFrame, span: float) -> pd.DataFrame:
    """Rungs whose names fit side by side on a log axis of the ratio `span`: the smallest, then what is far enough."""
    apart, kept, last = span ** (1 / MOST_NAMES), [], 0.0
    for place, size in sorted(enumerate(rungs["parameters"]), key=lambda rung: rung[1]):
        if len(rungs) <= MOST_NAMES or size >= last * apart:
            kept.append(place)
            last = size
    return rungs.iloc[kept]


def _x(field: str, title: str, zero: bool = False, **more: Any) -> alt.X:
    return alt.X(field, type="quantitative", title=title, scale=alt.Scale(zero=zero, **more))


def with_margin(frame: pd.DataFrame, margin: str | None = "margin") -> pd.DataFrame:
    """Rows with a meaningful margin: there is a gap to close, and a test of non-inferiority."""
    if not margin or margin not in frame:
        return frame.head(0)
    tested = frame["p_noninferior"].notna() if "p_noninferior" in frame else True
    return frame[(frame[margin] > 0) & tested]


def forest(
    frame: pd.DataFrame,
    label: str,
    word: str,
    *,
    title: str,
    margin: str | None = None,
    order: list[str] | None = None,
    colour_by: str | None = None,
    row_height: int = 30,
) -> alt.LayerChart:
    """Differences with their intervals, one per row: `label` names the row, `word` (verdict, outcome) its mark.

    `margin` is a column with the shortfall that still counts as comparable, drawn as a band left of zero.
    """
    words = [w for w in dict.fromkeys([*VERDICT_ORDER, *OUTCOME_ORDER]) if (frame[word] == w).any()]
    looks = dict(zip(VERDICT_ORDER, zip(_SHAPES, palette(), strict=True), strict=True))
    looks |= {"reproduced": looks["superior"], "not reproduced": looks["inferior"]}
    look = [looks[w] for w in words]
    y = alt.Y(
        f"{label}:N",
        title=None,
        sort=order or list(dict.fromkeys(frame[label])),
        axis=alt.Axis(labelLimit=190, labelOverlap=False, ticks=False, domain=False, grid=False),
    )
    shift = [alt.YOffset(f"{colour_by}:N")] if colour_by else []
    above = legend(title=None, columns=1 if colour_by else 4, labelLimit=300)
    shapes, colour = (
        above,
        alt.Color(f"{word}:N", legend=above, scale=alt.Scale(domain=words, range=[c for _, c in look])),
    )
    tip = tips(
        (f"{label}:N", "What"),
        ("delta:Q", "Difference", "+.4f"),
        ("ci_low:Q", "95 % low", "+.4f"),
        ("ci_high:Q", "95 % high", "+.4f"),
        (f"{word}:N", "Verdict"),
    )
    if colour_by:  # a legend with shapes only is black, which is invisible in the dark theme
        shapes = alt.Legend(
            orient="bottom", title=None, columns=1, symbolFillColor=ink(), symbolStrokeColor=ink()
        )
        colour = alt.Color(f"{colour_by}:N", legend=above)
        tip = tips((f"{colour_by}:N", "Entry")) + tip
    shape = alt.Shape(f"{word}:N", legend=shapes, scale=alt.Scale(domain=words, range=[s for s, _ in look]))
    base = alt.Chart(frame)
    layers = []
    band = with_margin(frame, margin)
    if len(band):
        band = band.assign(zero=0.0, floor=lambda rows: -rows[margin])
        layers.append(
            alt.Chart(band)
            .mark_bar(opacity=0.22, color=palette()[1], height=row_height - 8)
            .encode(_x("floor", title), alt.X2("zero:Q"), y, *shift)
        )
    layers.append(zero_line("x"))
    rule, point = base.mark_rule(strokeWidth=2), base.mark_point(filled=True, size=80, opacity=1)
    layers.append(rule.encode(_x("ci_low", title), alt.X2("ci_high:Q"), y, colour, *shift))
    layers.append(point.encode(_x("delta", title), y, colour, shape, *shift, tooltip=tip))
    rows = frame[label].nunique()
    per_row = row_height * (max(1, frame[colour_by].nunique()) if colour_by else 1)
    return alt.layer(*layers).properties(height=rows * per_row + 125)  # the legend and the axis need the rest
