"""What follows from the result tables alone: familiarity, sensitivity and performance profiles."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.schema.result_columns import RUN_CURVES, runs_columns
from benchmark.scoring.run_records import Records
from benchmark.statistics.aggregates import profile_table
from benchmark.statistics.best_step import TIE_DECIMALS
from benchmark.statistics.rank_correlation import familiarity_table
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

Rows = list[dict[str, Any]]
RUN = ["model", "draw", "arm", "corpus", "text_id", "seed"]


def derive(
    tables: Mapping[str, Rows], records: Records, treatments: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """`sensitivity.csv`, `profile.csv` and `familiarity.csv` by name.

    `tables` are the rows of the tables of `schema.TABLES`; `records` run records, which know an arm's kind
    and learning rate; familiarity is set against the gain of `treatments`.
    """
    runs = _frame(tables["runs.csv"], runs_columns(()).names)
    curves = _frame(tables["run_curves.csv"], RUN_CURVES.names)
    runs["gain"] = _gains(runs, curves)
    track, version = _first(runs, "track"), _first(runs, "suite_version")
    scores = {
        (str(model), str(arm), str(corpus)): group["test_all"].to_numpy(dtype=np.float64)
        for (model, arm, corpus), group in _texts(runs).groupby(["model", "arm", "corpus"], sort=True)
    }
    treated = runs[runs["arm"].isin(list(treatments))]
    return {
        "sensitivity.csv": sensitivity_table(curves, arm_rates(records)),
        "profile.csv": profile_table(scores, "all", track=track or "", suite_version=version or ""),
        "familiarity.csv": familiarity_table(treated),
    }


def arm_rates(records: Records) -> dict[str, tuple[str, float]]:
    """(kind, learning rate) of each arm that the run records describe."""
    rates = {run.arm: facts.arm for run, facts in records.items() if facts.arm is not None}
    return dict(sorted(rates.items()))


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


def _gains(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.Series:
    """A run's test score over all tasks minus its base model's on the same documents."""
    start = curves[(curves["step"] == 0) & (curves["split"] == "test") & (curves["scope"] == "all")]
    base = runs[RUN].join(start.set_index(RUN)["score"], on=RUN)["score"]
    gains = runs["test_all"].astype(float) - base.astype(float)
    # A run that changed nothing has a gain of 0, in whatever order its documents were summed: C3 counts gains.
    return gains.round(TIE_DECIMALS)


def _texts(runs: pd.DataFrame) -> pd.DataFrame:
    by = ["model", "arm", "corpus", "text_id"]
    return runs.assign(test_all=runs["test_all"].astype(float)).groupby(by)["test_all"].mean().reset_index()


def _first(table: pd.DataFrame, column: str) -> str | None:
    return None if table.empty or pd.isna(table[column].iloc[0]) else str(table[column].iloc[0])


def _frame(rows: Rows, columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns)
