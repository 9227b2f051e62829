"""The data of the first picture, joined from the tables: untreated models, treated ones, zones of the margin."""

from typing import Any

import altair as alt
import pandas as pd

from leaderboard.display import size_picture, wording
from leaderboard.display.charts import MOST_NAMES, with_margin
from leaderboard.parts.ranking import RankingView
from leaderboard.site.state import Link, relative_link
from leaderboard.site.track_data import KEY, ResultTable

CAPTION = (
    "Squares and line: models before post-training, with the 95 % band of their scores. Circles, moved to the right to "
    "be told apart: the same model after it, by treatment and source of texts; the bar is the 95 % interval of its "
    f"distance to the next larger model. Green: the margin below a larger model ({wording.MARGIN}); "
    "a bar inside is as good as it."
)
MOST_ZONES = 6
"""Zones that are drawn; if there are more, each treated model keeps the one of its nearest larger model."""


def scopes_with_scores(rows: RankingView) -> list[str]:
    """All tasks and the families for which the entries have scores."""
    return [scope for scope in rows.families.scopes if rows.frame[f"score_{scope}"].notna().any()]


def score_picture(
    rows: RankingView, comparisons: ResultTable, scope: str, link: Link = relative_link, *, track: str
) -> alt.LayerChart | None:
    """Score against size over `scope`; None if no untreated model has a size and a score."""
    given = {f"score_{scope}": "score", f"score_{scope}_low": "low", f"score_{scope}_high": "high"}
    frame = rows.frame.rename(columns=given).dropna(subset=["parameters", "score"])
    rungs = frame[frame["row_kind"] == "rung"].sort_values("parameters")[
        ["model", "parameters", "score", "low", "high"]
    ]
    if rungs.empty:
        return None
    larger = comparisons.where(scope=scope, baseline_kind="rung").sort_values("size_ratio", kind="stable")
    gains = comparisons.where(scope=scope, baseline_kind="base").drop_duplicates(KEY)
    treated = _treated(frame[frame["row_kind"] == "entry"], larger, gains)
    treated["open"] = [
        link("entry", track=track, model=m, arm=a, corpus=c)
        for m, a, c in treated[KEY].itertuples(index=False, name=None)
    ]
    return size_picture.size_picture(
        rungs, treated, _zones(larger, treated, rungs), rows.families.inside(scope)
    )


def _treated(entries: pd.DataFrame, larger: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """The entries with the interval of their distance to the nearest larger model, placed at that model's score."""
    nearest = larger.drop_duplicates(KEY).set_index(KEY)
    own = gains.set_index(KEY)
    rows = []
    for row in entries.itertuples():
        key = (row.model, row.arm, row.corpus)
        other, gain = _row(nearest, key), _row(own, key)
        drawn = (row.low, row.high)
        if other is not None and not wording.missing(other["ci_low"]):
            top = row.score - other["delta"]  # the larger model's score on the same documents
            drawn = (top + other["ci_low"], top + other["ci_high"])
        rows.append(
            {
                "model": row.model,
                "arm": row.arm,
                "corpus": row.corpus,
                "parameters": row.parameters,
                "score": row.score,
                "low": row.low,
                "high": row.high,
                "near": drawn[0],
                "far": drawn[1],
                "name": f"{row.model}, {row.arm} on {row.corpus}",
                "gain": difference(gain),
                "said": "–"
                if other is None
                else f"{difference(other)} to {other['baseline']}: {other['verdict']}",
            }
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "model",
    "arm",
    "corpus",
    "parameters",
    "score",
    "low",
    "high",
    "near",
    "far",
    "name",
    "gain",
    "said",
]


def _row(frame: pd.DataFrame, key: tuple[str, str, str]) -> Any:
    return frame.loc[key] if key in frame.index else None


def difference(row: Any) -> str:
    """`+0.0008 (−0.0006 to +0.0022)`; a dash where there is none."""
    if row is None or wording.missing(row["delta"]):
        return "–"
    places = wording.decimals(row["ci_low"], row["ci_high"])
    figure = wording.number(row["delta"], places, signed=True)
    span = wording.interval(row["ci_low"], row["ci_high"], signed=True)
    return figure if span == "–" else f"{figure} ({span})"


def _zones(larger: pd.DataFrame, treated: pd.DataFrame, rungs: pd.DataFrame) -> pd.DataFrame:
    """Per treated and larger model the scores that count as comparable: the larger model's minus the margin, and up."""
    shown = with_margin(larger).merge(treated[["model", "parameters"]].drop_duplicates(), on="model")
    shown = shown.drop_duplicates(["model", "baseline"])
    if len(shown) > MOST_ZONES:
        shown = shown.drop_duplicates("model").head(MOST_ZONES)
    shown = shown.merge(
        rungs[["model", "parameters", "score"]].rename(
            columns={"model": "baseline", "parameters": "right", "score": "top"}
        ),
        on="baseline",
    )
    few = len(rungs) <= MOST_NAMES  # of many models the zones are too small for words
    return pd.DataFrame(
        {
            "left": shown["parameters"] / 1.06,
            "right": shown["right"],
            "top": shown["top"],
            "floor": shown["top"] - shown["margin"],
            "baseline": shown["baseline"],
            "label": [f"as good as {name}" if few else "" for name in shown["baseline"]],
            "said": [
                f"{own} would be comparable with {other}"
                for own, other in zip(shown["model"], shown["baseline"], strict=True)
            ],
        }
    )
