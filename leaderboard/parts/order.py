"""The order of entries: those of the claims first, by gain; those with too few texts or draws last."""

from typing import Any

import pandas as pd

from benchmark.settings.scoring_settings import FEWEST_UNITS
from leaderboard.display import wording
from leaderboard.site import track_data
from leaderboard.site.track_data import KEY


def claims_arm(track: str) -> str | None:
    """The treatment that the track's claims are about; None where none is stored."""
    found = _parts(track)
    return str(found[0]["arm"]) if found else None


def claims_placebos(track: str) -> list[str]:
    """The placebos that the claims compare it with, in the order of the claims."""
    arm = claims_arm(track)
    return list(
        dict.fromkeys(str(p["baseline_arm"]) for p in _parts(track, "C4") if p["baseline_arm"] != arm)
    )


def _parts(track: str, claim: str | None = None) -> list[dict[str, Any]]:
    content, _ = track_data.document(track, "claims.json")
    claims = content.get("claims") if isinstance(content, dict) else None
    parts: list[dict[str, Any]] = []
    for one in claims if isinstance(claims, list) else []:
        if isinstance(one, dict) and claim in (None, one.get("id")) and isinstance(one.get("parts"), list):
            parts += [
                p for p in one["parts"] if isinstance(p, dict) and p.get("arm") and p.get("baseline_arm")
            ]
    return parts


def unranked(row: Any) -> str:
    """Why an entry (a row of `entries.csv`) has no place; empty if it has one, or if this is not known.

    Results of an older version count texts alone.
    """
    texts, draws, given = row["n_texts"], row["n_draws"], row["conditional"]
    counted = [wording.counted(wording.whole(texts), "text")] if not wording.missing(texts) else []
    counted += [wording.counted(wording.whole(draws), "draw")] if not wording.missing(draws) else []
    few = (
        0 < wording.whole(texts) < FEWEST_UNITS
        if wording.missing(given)
        else given == wording.DOCUMENTS_ALONE
    )
    return f"{', '.join(counted) or 'documents alone'}: no rank" if few else ""


def without_place(frame: pd.DataFrame) -> list[str]:
    """`unranked` of every row."""
    return [unranked(row) for row in frame[["n_texts", "n_draws", "conditional"]].to_dict("records")]


def standing(frame: pd.DataFrame, arm: str | None) -> pd.DataFrame:
    """The rows with a column `standing` (1, 2, ...): the order in which pages offer entries.

    Entries of the claims' treatment by gain, then other entries by gain, then those with too few texts or draws,
    then rows that are not ranked. Where there is no gain, by stored rank.
    """
    return frame.assign(standing=_places(frame, arm, ["_loss", "rank"]))


def placing(frame: pd.DataFrame, arm: str | None) -> pd.DataFrame:
    """The rows with a column `placing` (1, 2, ...): as `standing`, but by rank, and by gain within a rank."""
    return frame.assign(placing=_places(frame, arm, ["rank", "_loss"]))


def _places(frame: pd.DataFrame, arm: str | None, by: list[str]) -> pd.Series:
    keys = frame[[*KEY, "rank", "gain_all"]].assign(
        _kind=(frame["row_kind"].fillna("entry") != "entry").astype(int),
        _few=[bool(why) for why in without_place(frame)],
        _other=(frame["arm"] != arm).astype(int),
        _loss=-frame["gain_all"],
    )
    keys = keys.sort_values(["_kind", "_few", "_other", *by, *KEY], kind="stable", na_position="last")
    return pd.Series(range(1, len(keys) + 1), index=keys.index)
