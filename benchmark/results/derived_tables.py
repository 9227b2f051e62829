"""What follows from the result tables alone: familiarity, sensitivity and performance profiles."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.results.result_files import csv_text
from benchmark.schema.result_columns import RUN_CURVES, RUNS
from benchmark.scoring.selection import TIE_DECIMALS
from benchmark.scoring.sensitivity import sensitivity_table
from benchmark.statistics.aggregates import profile_table
from benchmark.statistics.rank_correlation import familiarity_table

Rows = list[dict[str, Any]]
RUN = ["model", "draw", "arm", "corpus", "text_id", "seed"]


def derive(
    tables: Mapping[str, Rows], records: Iterable[Mapping[str, Any]], treatments: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """`sensitivity.csv`, `profile.csv` and `familiarity.csv` by name.

    `tables` are the rows of the tables of `schema.TABLES`; `records` run records, which know an arm's kind
    and learning rate; familiarity is set against the gain of `treatments`.
    """
    runs = _frame(tables["runs.csv"], RUNS.names)
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


def table_text(table: pd.DataFrame) -> str:
    """A table as the text of its CSV file."""
    rows = ({str(name): value for name, value in row.items()} for row in table.to_dict("records"))
    return csv_text(rows, table.columns)


def arm_rates(records: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, float]]:
    """(kind, learning rate) of each arm that the run records describe; its own rate before the track's."""
    rates: dict[str, tuple[str, float]] = {}
    for record in records:
        settings = record.get("settings") or {}
        arm, posttrain = settings.get("arm") or {}, settings.get("posttrain") or {}
        rate = arm.get("learning_rate")
        rate = posttrain.get("learning_rate") if rate is None else rate
        if arm.get("kind") is not None and rate is not None:
            rates[str(record["arm"])] = (str(arm["kind"]), float(rate))
    return dict(sorted(rates.items()))


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
