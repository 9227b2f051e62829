"""The figures behind one entry: its comparisons, chosen steps, reference lines and tasks, joined from the tables."""

from typing import Any

import pandas as pd

from benchmark.schema.result_columns import COMPARISONS
from leaderboard.display.columns import Column
from leaderboard.site.task_families import TaskFamilies
from leaderboard.site.track_data import ResultTable

Key = tuple[str, str, str]

_OF_INTEREST = COMPARISONS.names[COMPARISONS.names.index("delta") :]
COMPARISON = ["name", "verdict"]
COMPARISON += [name for name in _OF_INTEREST if name not in ("verdict", "p_noninferior", "p_negligible")]
"""The columns of a comparison, as in `comparisons.csv`, the verdict first."""
MAYBE = {
    name
    for name in COMPARISON
    if name.startswith(("share_closed", "p_negligible", "mde_adjusted", "n_draws"))
}
MAYBE |= {"conditional", "q_value", "p_adjusted"}
"""Columns that are left out if all their cells are empty."""
FINER = ["task", "name", "delta", "ci_low", "ci_high", "p_adjusted", "verdict", "conditional"]
RUN = ["draw", "text_id", "seed"]
"""The columns that identify a run of an entry; results of an older version have no draw."""
TASK_LABELS = {
    "name": Column("Compared with", "The baseline of the difference."),
    "task": Column("Task", "One of the suite's tasks, or a family of them."),
    "delta": Column("Gain", "Entry minus untreated model, same documents.", "signed", ("ci_low", "ci_high")),
    "verdict": Column("Verdict", "On the gain; for single tasks by q-value."),
    "open": Column("Documents", "Opens the documents of this task.", "link"),
}
FINER_LABELS = {"task": Column("Tasks", "A family of tasks.", width="medium")}
CONTROLS = {"descent": "training as usual"}
"""Controls that are not placebos, in words."""
HELD_OUT = "held-out choice"
ORIGINAL = "original's rule"


def baseline_name(row: Any) -> str:
    """What a comparison is with, in words."""
    if row.baseline_kind == "base":
        return "itself untreated"
    if row.baseline_kind == "control":
        return f"{CONTROLS.get(row.baseline_arm, 'placebo')}: {row.baseline_arm}"
    return f"larger: {row.baseline}" + (
        "" if row.size_ratio != row.size_ratio else f" ({row.size_ratio:.1f}×)"
    )


def kept_columns(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Those of `names` that the frame has, without those of `MAYBE` that hold nothing."""
    empty = {name for name in MAYBE & set(frame) if (frame[name].isna() | frame[name].eq("")).all()}
    if "conditional" in frame and frame["conditional"].notna().any():
        empty -= {"conditional"}  # an empty cell has a meaning here: nothing is taken as given
    return frame[[name for name in names if name in frame and name not in empty]]


def by_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    """Comparisons with their baselines' names: the untreated model, controls, then larger models by size."""
    kinds = rows["baseline_kind"].map({"base": 0, "control": 1, "rung": 2})
    named = rows.assign(name=[baseline_name(row) for row in rows.itertuples()], _kind=kinds)
    return named.sort_values(["_kind", "size_ratio", "baseline_arm"], kind="stable")


def finer(comparisons: ResultTable, key: Key, families: TaskFamilies) -> pd.DataFrame:
    """Differences in the probability of the right answer by family, from rows of that measure."""
    rows = comparisons.of(key, scope=families.separate)
    if rows.empty:
        return rows
    rows = by_baseline(rows).sort_values(
        "scope", key=lambda column: column.map(families.separate.index), kind="stable"
    )
    return kept_columns(rows.assign(task=rows["scope"].map(families.label)), FINER)


def chosen_steps(
    runs: pd.DataFrame, lines: pd.DataFrame, scope: str, rule: str, families: TaskFamilies
) -> pd.DataFrame:
    """The step that each rule chose in each run, with the run's score there (`runs.csv` joined to its curves)."""
    columns = {HELD_OUT: "selected_step"} if rule != "paper" else {}
    if rule != "held-out":
        columns |= {
            f"{ORIGINAL}, {families.inside(family)}": f"paper_step_{family}"
            for family in families.separate
            if scope not in families.names or scope == family
        }
    found = []
    for name, column in columns.items():
        steps = runs[[*RUN, column]].rename(columns={column: "step"}).dropna(subset=["step"])
        joined = steps.merge(lines[[*RUN, "step", "score"]], on=[*RUN, "step"])
        found.append(joined.assign(rule=name))
    return pd.concat(found, ignore_index=True)


def candidate_steps(curves: ResultTable) -> dict[Key, int]:
    """From how many steps each entry's step was chosen: the scored ones, without the untreated model."""
    if not curves:
        return {}
    steps = curves.frame[["model", "arm", "corpus", "step"]].drop_duplicates()
    steps = steps[steps["step"] > 0]
    return {key: len(rows) for key, rows in steps.groupby(["model", "arm", "corpus"])}


def scores_by_scope(runs: pd.DataFrame, families: TaskFamilies) -> pd.DataFrame:
    """A row per run and scope: the test score at the selected step."""
    kept = ["corpus", *RUN, "selected_step"]
    parts = [
        runs[[*kept, f"test_{scope}"]].rename(columns={f"test_{scope}": "score"}).assign(scope=scope)
        for scope in families.scopes
        if f"test_{scope}" in runs
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=["score"]) if parts else pd.DataFrame()


def reference_lines(
    curves: ResultTable, comparisons: ResultTable, key: Key, row: pd.Series, scope: str
) -> pd.DataFrame:
    """The untreated model (step 0 of the curve) and the nearest larger rung, on the same documents.

    The rung's score is the entry's minus the stored difference.
    """
    lines = []
    start = curves.of(key, scope=scope, step=0) if curves else pd.DataFrame()
    if len(start):
        lines.append({"what": f"{key[0]} untreated", "score": start["mean"].iloc[0], "dashed": True})
    rungs = comparisons.of(key, scope=scope, baseline_kind="rung").sort_values("size_ratio", kind="stable")
    if len(rungs):
        nearest = rungs.iloc[0]
        lines.append(
            {
                "what": f"{nearest['baseline']} untreated",
                "score": row[f"score_{scope}"] - nearest["delta"],
                "dashed": False,
            }
        )
    return pd.DataFrame(lines, columns=["what", "score", "dashed"])


NO_INTERVAL = (
    "No interval: the difference has no spread over documents and texts, so the data do not show how much it "
    "would vary. Its p-value, from three texts on, is that of an exact sign test; there is no figure for what "
    "could be detected."
)


def without_interval(frame: pd.DataFrame) -> str:
    """Why a difference of the table has no interval; empty where all have one."""
    if not {"delta", "ci_low"} <= set(frame):
        return ""
    return NO_INTERVAL if (frame["delta"].notna() & frame["ci_low"].isna()).any() else ""


def by_task(scores: ResultTable, comparisons: ResultTable, key: Key, families: TaskFamilies) -> pd.DataFrame:
    """A row per family and task: score with interval, chance, gain over the base with interval, q-value and verdict."""
    own = scores.of(key) if scores.has("scope", "score") else pd.DataFrame()
    gains = comparisons.of(key, baseline_kind="base")
    if own.empty and gains.empty:
        return pd.DataFrame()
    gains = gains[["scope", "delta", "ci_low", "ci_high", "q_value", "verdict", "mde", "conditional"]]
    if own.empty:
        frame = gains
    else:
        kept = [c for c in ("scope", "score", "low", "high", "chance", "n_docs") if c in own]
        frame = own[kept].merge(gains, on="scope", how="left")
    order = {scope: place for place, scope in enumerate(families.in_order(frame["scope"]))}
    frame = frame.sort_values("scope", key=lambda column: column.map(order), kind="stable")
    return (
        frame.assign(scope=frame["scope"].map(families.label))
        .rename(columns={"scope": "task"})
        .reset_index(drop=True)
    )
