"""Verdicts and claims that changed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.claims.sentences import NOT_REPRODUCED, REPRODUCED
from benchmark.diff.comparable import Scope
from benchmark.diff.compared_tables import keyed, words
from benchmark.errors import CheckFailed

STANDING = {"superior": 1, "comparable": 1, "inferior": -1}
"""The side of parity that a verdict is on; other verdicts are on neither side."""
CLAIMS = "claims.json"
PART_NAMES = ("model", "arm", "corpus", "baseline", "baseline_arm")

CONTROL_NAMES = re.compile(r"[/:, ]+")
"""Separates the names in a control of C0, such as `micro-1/random/code` or `micro-2: every second draw`."""

Claim = Mapping[str, Any]


@dataclass(frozen=True)
class Moved:
    """A verdict or an outcome that changed."""

    where: str
    before: str
    after: str

    @property
    def crossed(self) -> bool:
        """Whether a verdict moved between {superior, comparable} and inferior."""
        return STANDING.get(self.before, 0) * STANDING.get(self.after, 0) < 0

    @property
    def turned(self) -> bool:
        """Whether a claim moved between reproduced and not reproduced."""
        return {self.before, self.after} == {REPRODUCED, NOT_REPRODUCED}

    def __str__(self) -> str:
        return f"{self.where}: {self.before} -> {self.after}"


def moved_verdicts(before: pd.DataFrame, after: pd.DataFrame) -> list[Moved]:
    """Verdicts of `comparisons.csv` that moved, on rows that both sides have."""
    left, right = (keyed("comparisons.csv", side) for side in (before, after))
    if "verdict" not in left.columns or "verdict" not in right.columns:
        return []
    shared = left.index.intersection(right.index, sort=False)
    rows = zip(shared, left.loc[shared, "verdict"], right.loc[shared, "verdict"], strict=True)
    return [Moved(f"verdict {words(key)}", str(old), str(new)) for key, old, new in rows if old != new]


def claims(content: bytes) -> dict[str, Claim]:
    """The claims of a `claims.json` by their id.

    Raises:
        CheckFailed: it cannot be read.
    """
    try:
        return {str(claim["id"]): claim for claim in json.loads(content)["claims"]}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{CLAIMS}: cannot be read as claims ({error!r}): make it again") from None


def comparable_claims(before: bytes, after: bytes, scope: Scope) -> dict[str, tuple[Claim, Claim | None]]:
    """Each claim of `before` with the same claim of `after`, by id, without those that depend on differing inputs."""
    if not scope.claims:
        return {}
    old, new = claims(before), claims(after)
    return {
        name: (claim, new.get(name))
        for name, claim in old.items()
        if not scope.mentions(_names(claim) + _names(new.get(name)))
    }


def moved_claims(pairs: Mapping[str, tuple[Claim, Claim | None]]) -> list[Moved]:
    """Outcomes that moved, of claims that both sides have."""
    return [
        Moved(f"claim {name}", str(old["outcome"]), str(new["outcome"]))
        for name, (old, new) in sorted(pairs.items())
        if new is not None and old["outcome"] != new["outcome"]
    ]


def _names(claim: Claim | None) -> list[str]:
    parts = [*claim.get("estimates", []), *claim.get("parts", [])] if claim else []
    controls = [str(part["entry"]) for part in parts if part.get("entry") is not None]
    return [name for entry in controls for name in CONTROL_NAMES.split(entry)] + [
        str(part[column]) for part in parts for column in PART_NAMES if part.get(column) is not None
    ]
