"""Sensitivity: the gain by learning rate and step over arms that differ in rate; nothing is chosen."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

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
    "n_runs",
]


def sensitivity_table(
    run_curves: pd.DataFrame,
    base_scores: Mapping[tuple[str, str], float],
    arms: Mapping[str, tuple[str, float]],
) -> pd.DataFrame:
    """Mean gain over the base model by arm and step on the test split, with a 95 % t interval over texts.

    `run_curves` has a row a run, step and scope: `track, suite_version, model, arm, corpus, text_id, seed,
    step, split, scope, score`. `base_scores` maps (model, scope) to the unmodified model's test score;
    `arms` maps an arm to its (kind, learning rate). Arms that `arms` does not name are left out. The
    interval is conditional on the documents; seeds of a text are averaged; it is empty with fewer than two
    texts. No step and no rate is chosen.
    """
    test = run_curves[(run_curves["split"] == "test") & run_curves["arm"].isin(list(arms))]
    by = ["track", "suite_version", "model", "arm", "corpus", "scope", "step"]
    texts = test.groupby([*by, "text_id"], sort=True)["score"].mean().reset_index()
    base = pd.Series(
        [base_scores.get(pair, np.nan) for pair in zip(texts["model"], texts["scope"], strict=True)]
    )
    texts["gain"] = texts["score"] - base.to_numpy(dtype=np.float64)
    rows = []
    for key, group in texts.dropna(subset=["gain"]).groupby(by, sort=True):
        named = dict(zip(by, key, strict=True))
        kind, learning_rate = arms[str(named["arm"])]
        mean, low, high = _mean_interval(group["gain"].to_numpy(dtype=np.float64))
        named |= {"kind": kind, "learning_rate": learning_rate, "gain": mean, "low": low, "high": high}
        rows.append({**named, "n_runs": len(group)})
    table = pd.DataFrame(rows, columns=SENSITIVITY_COLUMNS)
    order = ["track", "model", "kind", "corpus", "scope", "learning_rate", "arm", "step"]
    return table.sort_values(order, ignore_index=True)


def rates_by_step(
    table: pd.DataFrame, model: str, corpus: str, kind: str, scope: str = "all"
) -> pd.DataFrame:
    """The gain as learning rate (rows) x step (columns), of one model, corpus, kind and scope."""
    chosen = table[
        (table["model"] == model)
        & (table["corpus"] == corpus)
        & (table["kind"] == kind)
        & (table["scope"] == scope)
    ]
    return chosen.pivot_table(index="learning_rate", columns="step", values="gain", aggfunc="mean")


def _mean_interval(values: np.ndarray) -> tuple[float, float | None, float | None]:
    mean = float(values.mean())
    if len(values) < 2:
        return mean, None, None
    half = float(student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
