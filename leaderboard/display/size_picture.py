"""The first picture: score against parameters, with what counts as comparable to each larger model as a zone."""

from typing import Any

import altair as alt
import pandas as pd

from leaderboard.display import wording
from leaderboard.display.charts import ink, legend, palette, quiet, score_axis, spaced, tips

MOST_ARMS = 6
"""Treatments that are told apart by colour and shape; more are drawn alike and named on hover."""
BILLIONS = "replace(format(datum.value, '~s'), 'G', 'B')"
"""Labels of the axis: 350M and 1.3B, as models are named."""
WIDTH = 0.07
"""Width of the group of points over one model, as a share of the axis."""


def size_picture(
    rungs: pd.DataFrame, treated: pd.DataFrame, zones: pd.DataFrame, words: str
) -> alt.LayerChart:
    """Untreated models as a line with their band, treated ones as points over their model, zones of the margin.

    `rungs` has model, parameters, score, low, high; `treated` has also arm, said, open, and in `near` and `far` the
    ends of the interval that is drawn; `zones` has left, right (parameters), floor, top (scores), baseline, said.
    """
    sizes = pd.concat([rungs["parameters"], treated["parameters"]])
    low, high = sizes.min() / 1.18, sizes.max() * 1.25
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = alt.Axis(labelExpr=BILLIONS, grid=False, tickCount=6)
    x = alt.X("parameters:Q", title="Parameters", scale=scale, axis=axis)
    layers = [*_zones(zones, scale, words), *_family(rungs, x, high / low, words)]
    if len(treated):
        layers += _treated(_side_by_side(treated, high / low), x, words)
    return alt.layer(*layers).properties(height=275)


def _score(field: str, words: str) -> alt.Y:
    return score_axis(field, f"Score, {words}")


def _zones(zones: pd.DataFrame, scale: alt.Scale, words: str) -> list[alt.Chart]:
    if zones.empty:
        return []
    base = alt.Chart(zones)
    left, top = alt.X("left:Q", scale=scale, title="Parameters"), _score("top", words)
    colour = palette()[0]
    area = base.mark_rect(color=colour, opacity=0.2).encode(
        left,
        top,
        x2="right:Q",
        y2="floor:Q",
        tooltip=tips(("said:N", "Zone"), ("floor:Q", "from score", ".4f"), ("top:Q", "to score", ".4f")),
    )
    name = base.mark_text(align="left", baseline="top", dx=4, dy=4, color=colour, fontSize=11, fontWeight=600)
    return [area, name.encode(left, top, text="label:N")]


def _family(rungs: pd.DataFrame, x: alt.X, span: float, words: str) -> list[alt.Chart]:
    shown = rungs.assign(size=rungs["parameters"].map(wording.size))
    base = alt.Chart(shown)
    tip = tips(
        ("model:N", "Untreated model"),
        ("size:N", "Parameters"),
        ("score:Q", "Score", ".4f"),
        ("low:Q", "95 % low", ".4f"),
        ("high:Q", "95 % high", ".4f"),
    )
    named = alt.Chart(spaced(shown, span))
    return [
        base.mark_area(color=quiet(), opacity=0.16).encode(x, _score("low", words), y2="high:Q"),
        base.mark_line(color=ink(), strokeWidth=1.6, opacity=0.7).encode(x, _score("score", words)),
        base.mark_point(filled=True, shape="square", size=80, color=ink(), opacity=1).encode(
            x, _score("score", words), tooltip=tip
        ),
        named.mark_text(dy=27, color=ink(), fontSize=12).encode(x, _score("score", words), text="model:N"),
    ]


def _side_by_side(treated: pd.DataFrame, span: float) -> pd.DataFrame:
    """The points of one model beside each other, to the right of its square, which none of them hides."""
    place = treated.groupby("model").cumcount() + 1
    count = treated.groupby("model")["model"].transform("size")
    step = (WIDTH * place / count).where(count > 4, 0.017 * place)
    return treated.assign(parameters=treated["parameters"] * span**step)


def _treated(treated: pd.DataFrame, x: alt.X, words: str) -> list[alt.Chart]:
    arms = list(dict.fromkeys(treated["arm"]))
    tip = tips(
        ("name:N", "Treated model"),
        ("score:Q", f"Score, {words}", ".4f"),
        ("low:Q", "95 % low", ".4f"),
        ("high:Q", "95 % high", ".4f"),
        ("gain:N", "Gain over itself (95 %)"),
        ("said:N", "Against the larger model (95 %)"),
    )
    looks: dict[str, Any] = {"color": alt.value(palette()[1])}
    if 1 < len(arms) <= MOST_ARMS:
        colours = [palette()[place % 5] for place in (1, 2, 3, 0, 4, 1)][: len(arms)]
        looks["color"] = alt.Color(
            "arm:N",
            title=None,
            scale=alt.Scale(domain=arms, range=colours),
            legend=legend(symbolSize=90, symbolOpacity=1),
        )
    base = alt.Chart(treated)
    bars = base.mark_rule(strokeWidth=2.4).encode(x, _score("near", words), alt.Y2("far:Q"), **looks)
    points = base.mark_point(filled=True, size=85, opacity=1, cursor="pointer").encode(
        x, _score("score", words), tooltip=tip, href="open:N", **looks
    )
    return [bars, points]
