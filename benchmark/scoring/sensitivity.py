"""Sensitivity: the gain by learning rate and step over arms that differ in rate; nothing is chosen."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.statistics.textbook import mean_over_texts

SENSITIVITY_COLUMNS = [
    "track",
    "suite_version",
    "model",
    "kind",
    "arm",
    "learning_rate",
    "corpus",
    "scope",
    "step",
    "gain",
    "low",
    "high",
    "n_texts",
]


def sensitivity_table(run_curves: pd.DataFrame, arms: Mapping[str, tuple[str, float]]) -> pd.DataFrame:
    """Mean gain over the base model by arm and step on the test split, with a 95 % t interval over texts.

    `run_curves` has the columns of `schema.RUN_CURVES`, step 0 being the base model on the run's documents;
    `arms` maps an arm to its (kind, learning rate), and arms that it does not name are left out. The interval
    is conditional on the documents; seeds of a text are averaged; it is empty with fewer than two texts.
    """
    run = ["model", "draw", "arm", "corpus", "scope", "text_id", "seed"]
    test = run_curves[(run_curves["split"] == "test") & run_curves["arm"].isin(list(arms))]
    start = test[test["step"] == 0].set_index(run)["score"].rename("start")
    joined = test[test["step"] > 0].join(start, on=run)
    joined = joined.assign(gain=joined["score"] - joined["start"]).dropna(subset=["gain"])
    by = ["track", "suite_version", "model", "arm", "corpus", "scope", "step"]
    texts = joined.groupby([*by, "text_id"], sort=True, dropna=False)["gain"].mean().reset_index()
    rows = []
    for key, group in texts.groupby(by, sort=True, dropna=False):
        named = dict(zip(by, key, strict=True))
        kind, learning_rate = arms[str(named["arm"])]
        mean, low, high = mean_over_texts(group["gain"].to_numpy(dtype=np.float64))
        figures = {"gain": mean, "low": low, "high": high, "n_texts": len(group)}
        rows.append({**named, "kind": kind, "learning_rate": learning_rate, **figures})
    table = pd.DataFrame(rows, columns=SENSITIVITY_COLUMNS)
    order = ["track", "model", "kind", "corpus", "scope", "learning_rate", "arm", "step"]
    return table.sort_values(order, ignore_index=True)
