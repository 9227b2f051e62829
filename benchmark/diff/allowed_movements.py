"""How far scores and gains may move with another arithmetic: four standard deviations of a pretraining draw.

Another arithmetic leads training to other weights, as another seed does. So a ladder model may move as far as
another seed would move it. Downloaded models have no such variance; for their tracks the bound is generous.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.diff.compared_tables import KEYS, figures
from benchmark.schema.stored_columns import NO_ARM
from benchmark.store.draw_deviation import allowed_deviation


@dataclass(frozen=True)
class Movement:
    """How a figure moved: from `before` to `after`, allowed between `low` and `high`."""

    where: str
    before: float
    after: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the figure is within its bounds; a figure that is gone is not."""
        return self.low <= self.after <= self.high

    @property
    def used(self) -> float:
        """Size of the move in units of half the allowed range; infinite for a figure that is gone."""
        share = abs(self.after - self.before) / ((self.high - self.low) / 2)
        return share if share == share else float("inf")

    def __str__(self) -> str:
        return (
            f"{self.where} {self.before:.4f} -> {self.after:.4f}, allowed {self.low:.4f} to {self.high:.4f}"
        )


def rung_movements(
    name: str, before: pd.DataFrame, after: pd.DataFrame, scopes: Sequence[str]
) -> list[Movement]:
    """Base models' scores at `scopes`, from `entries.csv` or `scores.csv`, on rows that both sides have."""
    found = []
    for scope in scopes:
        column = "score" if name == "scores.csv" else f"score_{scope}"
        rungs = before[before["arm"] == NO_ARM]
        if name == "scores.csv":
            rungs = plain_scores(rungs)
            rungs = rungs[rungs["scope"] == scope]
        for row in _joined(name, rungs, after, column):
            far, where = allowed_deviation(row["model"], scope), f"{row['model']} {scope}"
            found.append(Movement(where, row["was"], row["now"], row["was"] - far, row["was"] + far))
    return found


def plain_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in the study's own metrics, in which the deviation of draws was measured."""
    return frame[frame["measure"] == "score"] if "measure" in frame.columns else frame


def gain_movements(before: pd.DataFrame, after: pd.DataFrame, scopes: Sequence[str]) -> list[Movement]:
    """Entries' differences from their base at `scopes`, from `comparisons.csv`, on rows that both sides have.

    A gain may lie in its committed 95 % interval, widened by the bound of its model. Without an interval it
    may lie within the bound of the committed gain.
    """
    before = plain_scores(before)
    base = before[(before["baseline_kind"] == "base") & before["scope"].isin(list(scopes))]
    ends = {end: figures(base, end).fillna(figures(base, "delta")) for end in ("ci_low", "ci_high")}
    found = []
    for row in _joined("comparisons.csv", base.assign(**ends), after, "delta"):
        far = allowed_deviation(row["model"], row["scope"])
        where = f"{row['model']}/{row['arm']}/{row['corpus']} {row['scope']}"
        found.append(Movement(where, row["was"], row["now"], row["ci_low"] - far, row["ci_high"] + far))
    return found


def _joined(name: str, before: pd.DataFrame, after: pd.DataFrame, column: str) -> list[dict[Hashable, Any]]:
    """Rows that both tables have and whose figure in `before` is known, with the figures as `was` and `now`."""
    key = [part for part in KEYS[name] if part in before.columns and part in after.columns]
    now = after[key].assign(now=figures(after, column))
    joined = before.assign(was=figures(before, column)).merge(now, on=key)
    return joined[joined["was"].notna()].to_dict("records")
