"""What `published.json` says of the original study, as sentences and a table."""

from typing import Any

import pandas as pd

from leaderboard.display import wording
from leaderboard.display.columns import Column
from leaderboard.site.task_families import TaskFamilies

LABELS = {
    "family": Column("Tasks", "Family of tasks; the study reports each separately."),
    "rows": Column("Runs", "Published rows.", "count"),
    "texts": Column("Texts", "Distinct texts behind them.", "count"),
    "baseline": Column("Untreated", "Mean score of the untreated model (epoch 0).", "score4"),
    "mean_of_best": Column("Mean of best", "Mean over runs of the score at the best epoch.", "score4"),
    "gain": Column("Gain", "Mean of best minus untreated.", "signed", ("gain_low", "gain_high")),
    "gain_low": Column("95 % low", "Over texts only.", "signed", ("gain_low", "gain_high")),
    "gain_high": Column("95 % high", "Over texts only.", "signed", ("gain_low", "gain_high")),
    "runs_below_baseline": Column("Runs below", "Published runs below the untreated model.", "count"),
}


def figures(facts: Any) -> pd.DataFrame:
    """The published means by model and family; empty where the file does not hold them."""
    rows = facts.get("figures") if isinstance(facts, dict) else None
    frame = pd.DataFrame([row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [])
    return frame[[name for name in ("model", *LABELS) if name in frame]]


def sentences(facts: Any, families: TaskFamilies) -> list[str]:
    """What the choice of the best epoch did, from the counts in the file; parts that are absent are left out."""
    if not isinstance(facts, dict):
        return []
    said = []
    frame = figures(facts)
    if {"rows", "runs_below_baseline"} <= set(frame.columns):
        below, runs = int(frame["runs_below_baseline"].sum()), int(frame["rows"].sum())
        said.append(f"{below:,} of {runs:,} published scores lie below the untreated model: none could.")
    steps = facts.get("steps") if isinstance(facts.get("steps"), dict) else {}
    for family, counts in (steps.get("unmodified") or {}).items():
        word = families.inside(family) if family in families.names else wording.plain(family)
        if isinstance(counts, dict) and "share" in counts:
            said.append(
                f"For {word} the untreated model itself was the best step in {counts['share']:.0%} of runs."
            )
    if isinstance(steps.get("share_same_epoch"), (int, float)):
        words = wording.listed([families.inside(name) for name in families.names]) or "the families"
        said.append(
            f"{words[:1].upper()}{words[1:]} took the same step in {steps['share_same_epoch']:.0%} of runs; "
            "in the others they describe two different models."
        )
    selection = facts.get("selection") if isinstance(facts.get("selection"), dict) else {}
    if isinstance(selection.get("null_rate"), (int, float)):
        said.append(
            f"In {selection['null_rate']:.0%} of simulated studies in which nothing improves, the same "
            "rules call the gain reproduced."
        )
    return said
