"""In what order entries are shown: what the claims are about first, by gain; what is too small to judge last."""

from typing import Any

import pandas as pd

from leaderboard import data, text
from leaderboard.data import KEY

FEWEST_UNITS = 3
"""With fewer the scoring gives no verdict, so the pages give no place (a test holds the two together)."""


def claims_arm(track: str) -> str | None:
    """The treatment that the track's claims are about; None where none is stored."""
    found = _parts(track)
    return str(found[0]["arm"]) if found else None


def claims_placebos(track: str) -> list[str]:
    """The placebos that the claims set against it, in the order of the claims."""
    arm = claims_arm(track)
    return list(
        dict.fromkeys(str(p["baseline_arm"]) for p in _parts(track, "C4") if p["baseline_arm"] != arm)
    )


def _parts(track: str, claim: str | None = None) -> list[dict[str, Any]]:
    content, _ = data.document(track, "claims.json")
    claims = content.get("claims") if isinstance(content, dict) else None
    parts: list[dict[str, Any]] = []
    for one in claims if isinstance(claims, list) else []:
        if isinstance(one, dict) and claim in (None, one.get("id")) and isinstance(one.get("parts"), list):
            parts += [
                p for p in one["parts"] if isinstance(p, dict) and p.get("arm") and p.get("baseline_arm")
            ]
    return parts


def unranked(n_runs: object) -> str:
    """Why an entry has no place; empty where it has one, or where its texts are not counted."""
    few = not text.missing(n_runs) and 0 < text.whole(n_runs) < FEWEST_UNITS
    return f"{text.counted(text.whole(n_runs), 'text')}: no verdict" if few else ""


def standing(frame: pd.DataFrame, arm: str | None) -> pd.DataFrame:
    """The rows with a column `standing` (1, 2, ...): the order of the first view.

    Entries of the claims' treatment by gain, then other entries by gain, then those with too few texts, then rows
    that are not ranked. Where there is no gain, by stored rank.
    """
    few = [bool(unranked(count)) for count in frame["n_runs"]]
    keys = frame[[*KEY, "rank", "gain_all"]].assign(
        _kind=(frame["row_kind"].fillna("entry") != "entry").astype(int),
        _few=few,
        _other=(frame["arm"] != arm).astype(int),
        _loss=-frame["gain_all"],
    )
    keys = keys.sort_values(
        ["_kind", "_few", "_other", "_loss", "rank", *KEY], kind="stable", na_position="last"
    )
    places = pd.Series(range(1, len(keys) + 1), index=keys.index)
    return frame.assign(standing=places)
