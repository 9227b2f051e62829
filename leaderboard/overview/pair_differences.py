"""Differences between all pairs of ranked entries, as stored in `pairs.csv`: a heat table whose cells open the pair."""

import altair as alt
import pandas as pd

from leaderboard.display import heat_maps, wording
from leaderboard.overview.score_picture import difference
from leaderboard.parts import track_choice
from leaderboard.site.state import Link, relative_link
from leaderboard.site.track_data import ResultTable

MOST_ENTRIES = 40
LEVEL = 0.05
OTHER = ["other_model", "other_arm", "other_corpus"]


def both_ways(pairs: ResultTable, scope: str, names: list[str]) -> pd.DataFrame:
    """The pairs over `scope` among the entries called `names`, each also seen from the other side."""
    frame = pairs.where(scope=scope).dropna(subset=["delta"])
    frame = frame.assign(
        entry=[track_choice.name_of(key) for key in _keys(frame, ["model", "arm", "corpus"])],
        other=[track_choice.name_of(key) for key in _keys(frame, OTHER)],
    )
    frame = frame[["entry", "other", "delta", "ci_low", "ci_high", "p_adjusted"]]
    turned = frame.assign(
        entry=frame["other"],
        other=frame["entry"],
        delta=-frame["delta"],
        ci_low=-frame["ci_high"],
        ci_high=-frame["ci_low"],
    )
    both = pd.concat([frame, turned], ignore_index=True)
    return both[both["entry"].isin(names) & both["other"].isin(names)]


def _keys(frame: pd.DataFrame, names: list[str]) -> list[tuple[str, str, str]]:
    return list(frame[names].itertuples(index=False, name=None))


def heat_of_pairs(
    both: pd.DataFrame, names: list[str], track: str, link: Link = relative_link
) -> alt.LayerChart:
    """Row minus column; a dot where the difference is significant after Holm over all pairs."""
    shown = both.assign(
        said=[difference(row) for row in both.to_dict("records")],
        short=[wording.number(delta, 3, signed=True) for delta in both["delta"]],
        told=both["p_adjusted"] < LEVEL,
        sure=[
            "no p-value" if wording.missing(p) else f"p = {float(p):.2g} (Holm)" for p in both["p_adjusted"]
        ],
        open=[link("compare", track=track, entry=[row.entry, row.other]) for row in both.itertuples()],
    )
    present = [name for name in names if name in set(shown["entry"])]
    kept = ["entry", "other", "delta", "said", "short", "told", "sure", "open"]
    return heat_maps.heat_table(
        shown[kept],
        across="other",
        down="entry",
        headings=("Entry", "Against"),
        mark="told",
        marked="differs from zero (p < 0.05 after Holm over all pairs). Row minus column; click a cell for the pair.",
        columns=present,
        rows=present,
    )
