"""Gains of all entries by task, as stored: a heat table whose cells lead to the documents of that task."""

import altair as alt
import pandas as pd

from leaderboard.display import heat_maps, wording
from leaderboard.overview.score_picture import difference
from leaderboard.parts import order, track_choice
from leaderboard.site.state import Link, relative_link
from leaderboard.site.task_families import TaskFamilies
from leaderboard.site.track_data import KEY, ResultTable

LEVEL = 0.05
COLUMNS = ["entry", *KEY, "task", "delta", "ci_low", "ci_high", "q_value", "verdict", "n_docs"]


def gains_by_task(
    entries: ResultTable, comparisons: ResultTable, track: str, families: TaskFamilies
) -> pd.DataFrame:
    """A row per entry and single task: its gain over the untreated model, interval and q-value; entries in order."""
    ranked = entries.frame
    ranked = ranked[ranked["row_kind"].fillna("entry") == "entry"]
    ranked = order.placing(ranked, order.claims_arm(track)).sort_values("placing")
    own = comparisons.where(baseline_kind="base")
    own = own[~own["scope"].isin(families.scopes)].rename(columns={"scope": "task"})
    found = ranked[KEY].merge(own, on=KEY, how="inner").dropna(subset=["delta"])
    place = {task: number for number, task in enumerate(families.in_order(found["task"]))}
    found = found.assign(_entry=found.groupby(KEY, sort=False).ngroup(), _task=found["task"].map(place))
    found = found.sort_values(["_entry", "_task"], kind="stable")
    names = [track_choice.name_of(key) for key in found[KEY].itertuples(index=False, name=None)]
    return found.assign(entry=names).reindex(columns=COLUMNS)


def heat_of_tasks(gains: pd.DataFrame, track: str, link: Link = relative_link) -> alt.LayerChart:
    """The heat table; a dot where the q-value is below .05."""
    shown = gains.assign(
        said=[difference(row) for row in gains.to_dict("records")],
        short=[wording.number(delta, 3, signed=True) for delta in gains["delta"]],
        told=gains["q_value"] < LEVEL,
        sure=["no q-value" if wording.missing(q) else f"q = {float(q):.2g}" for q in gains["q_value"]],
        open=[
            link("documents", track=track, model=row.model, arm=row.arm, corpus=row.corpus, task=row.task)
            for row in gains.itertuples()
        ],
    )
    kept = ["entry", "task", "delta", "said", "short", "told", "sure", "open"]
    return heat_maps.heat_table(
        shown[kept],
        across="task",
        down="entry",
        headings=("Entry", "Task"),
        mark="told",
        marked="q < 0.05 (Benjamini-Hochberg over the entry's tasks). Click a cell for the documents behind it.",
        columns=list(dict.fromkeys(shown["task"])),
        rows=list(dict.fromkeys(shown["entry"])),
    )
