"""How far scores and gains may move with another arithmetic: four standard deviations of a pretraining draw.

Another arithmetic sends training along another path, as another seed does. So a rung is held to what another seed
would do to it. The standard deviations were measured on seeds 0-4 of micro-1, micro-2 and micro-3 and 0-2 of
micro-4, with 640 documents a task. They are variances between draws, documents x draw included.

At `all` the rungs are alike enough to be pooled. By family they are not (dialogue of micro-1 has nine times that of
micro-2), so there the larger of the pooled and the rung's own value counts: in simulation that kept its level, while
the pooled value alone was too narrow for a rung that is noisier than the rest. A rung that was not measured has
the pooled value. Tracks whose models are downloaded draw nothing; the bound is then generous.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.diff.compared_tables import KEYS, figures
from benchmark.schema.stored_columns import NO_ARM

POOLED: Mapping[str, float] = {"all": 0.0135, "classification": 0.020, "dialogue": 0.034}
"""Standard deviation of a draw's score by scope, pooled over the four rungs; scores lie in [0, 1]."""

OWN: Mapping[str, Mapping[str, float]] = {
    "classification": {"micro-1": 0.024, "micro-2": 0.021, "micro-3": 0.019, "micro-4": 0.006},
    "dialogue": {"micro-1": 0.062, "micro-2": 0.007, "micro-3": 0.011, "micro-4": 0.011},
}
"""The same of each rung by itself, for the scopes where rungs are not alike."""

DEVIATIONS = 4


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
        """Whether the figure is where it may be; one that is gone is not."""
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


def bound(model: str, scope: str) -> float:
    """How far a score of `model` at a scope (a key of `POOLED`) may move."""
    return DEVIATIONS * max(POOLED[scope], OWN.get(scope, {}).get(model, 0.0))


def rung_movements(name: str, before: pd.DataFrame, after: pd.DataFrame) -> list[Movement]:
    """Base models' scores by scope, from `entries.csv` or `scores.csv`, on rows that both sides have."""
    found = []
    for scope in POOLED:
        column = "score" if name == "scores.csv" else f"score_{scope}"
        rungs = before[before["arm"] == NO_ARM]
        if name == "scores.csv":
            rungs = plain_scores(rungs)
            rungs = rungs[rungs["scope"] == scope]
        for row in _joined(name, rungs, after, column):
            far, where = bound(row["model"], scope), f"{row['model']} {scope}"
            found.append(Movement(where, row["was"], row["now"], row["was"] - far, row["was"] + far))
    return found


def plain_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in the study's own metrics: what is known of draws was measured in them."""
    return frame[frame["measure"] == "score"] if "measure" in frame.columns else frame


def gain_movements(before: pd.DataFrame, after: pd.DataFrame) -> list[Movement]:
    """Entries' differences from their base by scope, from `comparisons.csv`, on rows that both sides have.

    A gain may lie in its committed 95 % interval, widened by the bound of its model. Without an interval it
    may lie within the bound of the committed gain.
    """
    before = plain_scores(before)
    base = before[(before["baseline_kind"] == "base") & before["scope"].isin(list(POOLED))]
    ends = {end: figures(base, end).fillna(figures(base, "delta")) for end in ("ci_low", "ci_high")}
    found = []
    for row in _joined("comparisons.csv", base.assign(**ends), after, "delta"):
        far = bound(row["model"], row["scope"])
        where = f"{row['model']}/{row['arm']}/{row['corpus']} {row['scope']}"
        found.append(Movement(where, row["was"], row["now"], row["ci_low"] - far, row["ci_high"] + far))
    return found


def _joined(name: str, before: pd.DataFrame, after: pd.DataFrame, column: str) -> list[dict[Hashable, Any]]:
    """Rows of `before` that `after` has too and whose figure is known, with it as `was` and the other as `now`."""
    key = [part for part in KEYS[name] if part in before.columns and part in after.columns]
    now = after[key].assign(now=figures(after, column))
    joined = before.assign(was=figures(before, column)).merge(now, on=key)
    return joined[joined["was"].notna()].to_dict("records")
