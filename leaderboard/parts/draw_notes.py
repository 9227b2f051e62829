"""Where the pretraining draws of a track come from: trained by the pipeline, kept as scores in git, or refused."""

from typing import Any

import pandas as pd

from benchmark.store.tracks import params_name
from leaderboard.display import wording
from leaderboard.site.track_data import ResultTable


def by_model(draws: ResultTable) -> pd.DataFrame:
    """One row per model: the number of its draws by origin. Empty if no draw is named."""
    named = draws.frame.dropna(subset=["model", "origin"]) if draws else pd.DataFrame()
    return pd.DataFrame(
        [
            {"model": model} | {origin: int((rows["origin"] == origin).sum()) for origin in wording.ORIGINS}
            for model, rows in (named.groupby("model", sort=False) if len(named) else ())
        ]
    )


def rest_on(draws: ResultTable, model: str | None = None) -> str:
    """What figures (of one model, or of all) are based on, if some draws are kept; otherwise empty."""
    counted = by_model(draws)
    counted = counted[counted["model"] == model] if len(counted) and model else counted
    if counted.empty or not counted["kept"].any():
        return ""
    used = counted["trained"] + counted["kept"]
    return (
        f"Of the {_range(used)} pretraining draws {'of this' if model else 'per'} size, {_range(counted['trained'])} "
        f"{'were' if counted['trained'].max() > 1 else 'was'} trained with these results; the scores of "
        f"{_range(counted['kept'])} were kept from earlier training."
    )


def _range(numbers: "pd.Series[int]") -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def retrained(provenance: Any) -> str:
    """The result of training a kept draw again, from `provenance.json`, as Markdown; empty if it was not done."""
    check = provenance.get("kept_draw_check") if isinstance(provenance, dict) else None
    if not isinstance(check, dict) or "agrees" not in check:
        return ""
    word = "✔ it agrees" if check["agrees"] is True else "✘ it does NOT agree"
    seed = f" (chosen by seed {wording.plain(check['seed'])})" if "seed" in check else ""
    outcome = f": {wording.plain(check['outcome'])}" if check.get("outcome") else ""
    return (
        f"**Trained again:** draw {wording.plain(check.get('draw', '?'))} of {wording.plain(check.get('model', '?'))}"
        f"{seed}; {word}{outcome}."
    )


def check_command(track: str) -> str:
    """The command that trains one kept draw again."""
    return "gapbench draws check" + ("" if track == "micro" else f" --params {params_name(track)}")
