"""The rule that decides a claim from its declared estimates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from benchmark.claims.sentences import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    claim_sentence,
    claim_title,
)
from benchmark.scoring.comparisons import LEVEL, LEVEL_ONE_SIDED
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.contrast import GIVEN_ALL
from benchmark.statistics.multiplicity import holm

SHOWN = (
    *("model", "arm", "corpus", "baseline", "baseline_arm", "scope", "delta", "ci_low", "ci_high", "p_value"),
    *("p_adjusted", "share_closed", "share_closed_low", "share_closed_high"),
    *("conditional", "outcome", "note"),
)
"""What `claims.json` shows of a part."""


@dataclass(frozen=True)
class ClaimPart:
    """One comparison that a claim names: an estimate that decides it, or a part that shows where it differs.

    The claimed effect is `delta` above 0, or, where `margin` is given, `delta` above -`margin`
    (non-inferiority). `p_value` is two-sided for delta = 0; `p_noninferior` one-sided, and its own error is
    that of the gap too. `conditional` is that of the comparison.
    """

    model: str
    arm: str
    corpus: str
    baseline: str
    baseline_arm: str
    scope: str
    delta: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    margin: float | None = None
    p_noninferior: float | None = None
    share_closed: float | None = None
    share_closed_low: float | None = None
    share_closed_high: float | None = None
    conditional: str = ""
    n_texts: int = FEWEST_UNITS
    note: str = ""

    @property
    def decidable(self) -> bool:
        """Whether there is a figure that rests on more than documents, with an interval or an exact test."""
        known = self.ci_high is not None or self.p_value is not None
        return self.delta is not None and known and self.conditional != GIVEN_ALL

    @property
    def holds(self) -> bool:
        """Whether the figure shows the claimed effect, uncorrected."""
        if not self.decidable or self.delta is None:
            return False
        return (self.one_sided or self.delta > 0) and _below(self.p_for, self.level)

    @property
    def one_sided(self) -> bool:
        """Whether its test is that of non-inferiority; without one, only a difference above 0 shows the effect."""
        return self.margin is not None and self.p_noninferior is not None

    @property
    def level(self) -> float:
        """That of the test that would show the claimed effect."""
        return LEVEL_ONE_SIDED if self.one_sided else LEVEL

    @property
    def p_for(self) -> float | None:
        """The p-value of the test that would show the claimed effect."""
        if not self.decidable:
            return None
        return self.p_noninferior if self.one_sided else self.p_value

    @property
    def p_against(self) -> float | None:
        """One-sided p-value of the claimed effect itself, small where the figures speak against it.

        Where a part has an interval and no test, it is the one of that interval (`_p_of_interval`).
        """
        if not self.decidable or self.delta is None:
            return None
        if self.one_sided and self.p_noninferior is not None:
            return 1 - self.p_noninferior
        if self.margin is None and self.p_value is not None:
            return self.p_value / 2 if self.delta < 0 else 1 - self.p_value / 2
        if self.ci_high is None or self.ci_low is None:
            return None
        least = 0.0 if self.margin is None else -max(self.margin, 0.0)
        return _p_of_interval(self.delta - least, (self.ci_high - self.ci_low) / 2, self.n_texts)


def _p_of_interval(excess: float, half_width: float, texts: int) -> float:
    """One-sided p-value, small where `excess` is below 0, of a t interval over `texts` with this half-width at 95 %.

    Its standard error is the half-width over Student's quantile with texts - 1 degrees of freedom. It is below 0.025
    exactly where the interval excludes 0, whatever the degrees of freedom were; fewer of them make it larger beyond
    that, so an interval that rests on more gives a p-value that is too large rather than too small. The error of a
    margin is not in it: the interval does not hold it. Without any spread, 0 or 1.
    """
    if half_width <= 0:
        return float(excess >= 0)
    df = max(texts - 1, 1)
    return float(student_t.cdf(excess / half_width * student_t.ppf(0.975, df), df))


def decide(
    claim: str,
    estimates: Sequence[ClaimPart],
    parts: Sequence[ClaimPart] = (),
    *,
    families: Mapping[str, str] | None = None,
    caveat: str = "",
    cannot_fail: str = "",
    not_testable: str = "",
) -> dict[str, Any]:
    """One claim of `claims.json`; `caveat` is added to its sentence, `families` are those of the tasks with labels.

    `estimates` were declared before the data and decide: `reproduced` where every one shows the claimed effect
    (all must, so none needs a correction: an intersection-union test, Berger 1982), `not reproduced` where one of
    them excludes it after Holm over them, otherwise `inconclusive`. Without that correction, one study in four
    would refute a claim by chance. `parts` show by model, corpus and scope where they differ, and decide nothing.
    What rests on documents alone, or has no data, decides nothing either. `cannot_fail` says why the figures could
    not have come out against the claim; they then reproduce nothing, and no p-value is given.
    `not_testable` says why this track cannot test the claim at all.
    """
    rows, deciding = _rows(parts), _rows(estimates, corrected=False)
    outcomes = {row["outcome"] for row in deciding}
    outcome = INCONCLUSIVE
    if NOT_REPRODUCED in outcomes:
        outcome = NOT_REPRODUCED
    elif outcomes == {REPRODUCED}:
        outcome = REPRODUCED
    labels = families or {}
    said = claim_sentence(claim, outcome, deciding, rows, labels)
    if cannot_fail:  # a test that could only come out one way is none
        rows, deciding = (
            [{**row, "p_value": None, "p_adjusted": None} for row in found] for found in (rows, deciding)
        )
    if cannot_fail and outcome == REPRODUCED:
        outcome = INCONCLUSIVE
        rows, deciding = ([{**row, "outcome": INCONCLUSIVE} for row in found] for found in (rows, deciding))
        said = f"Inconclusive: {said.split(': ', 1)[1].rstrip('.')}; but {cannot_fail}."
    if not_testable:
        outcome, said = NOT_TESTABLE, f"Not testable on this track: {not_testable}."
    return {
        "id": claim,
        "title": claim_title(claim, tuple(labels)),
        "outcome": outcome,
        "sentence": " ".join(filter(None, [said, caveat])),
        "estimates": deciding,
        "parts": rows,
    }


def _rows(parts: Sequence[ClaimPart], *, corrected: bool = True) -> list[dict[str, Any]]:
    """Rows of figures with an outcome each; what holds is corrected by Holm too where `corrected`."""
    shows = _holm([part.p_for for part in parts])
    against = _holm([part.p_against for part in parts])
    rows = []
    for part, p_for, p_against in zip(parts, shows, against, strict=True):
        holds = part.holds and (not corrected or _below(p_for, part.level))
        excluded = _below(p_against, LEVEL_ONE_SIDED)
        computed = {
            "p_value": part.p_for,
            "p_adjusted": p_for,
            "outcome": REPRODUCED if holds else NOT_REPRODUCED if excluded else INCONCLUSIVE,
            "note": _note(part),
        }
        rows.append({name: computed[name] if name in computed else getattr(part, name) for name in SHOWN})
    return rows


def _note(part: ClaimPart) -> str:
    if part.delta is None:
        return part.note or "no data"
    exact = part.ci_high is None and part.p_value is not None
    alike = "no spread: no interval, and an exact test" if exact else ""
    few = "fewer than three texts or draws" if part.conditional == GIVEN_ALL else ""
    return "; ".join(filter(None, [part.note, alike, few]))


def _holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values; a missing test keeps its place in the family."""
    if not p_values:
        return []
    raw = np.array([np.nan if p is None else p for p in p_values], dtype=np.float64)
    return [None if np.isnan(p) else float(p) for p in holm(raw)]


def _below(p_value: float | None, level: float) -> bool:
    return p_value is not None and p_value < level
