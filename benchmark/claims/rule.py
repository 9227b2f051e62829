"""Claims: the rule that decides one from its declared estimates, and its one plain sentence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from benchmark.scoring.comparisons import LEVEL, LEVEL_ONE_SIDED
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.contrast import GIVEN_ALL
from benchmark.statistics.multiplicity import holm

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
NOT_TESTABLE = "not testable"
CANNOT_TELL = "cannot tell"

TITLES = {
    "C0": "This study can see an effect where there is one, and none where there is none",
    "C1": "A few steps on random unlabelled text improve the model, on classification and on dialogue",
    "C2": "The treated model is comparable to one 2-3 times larger",
    "C3": "Text that the model was not trained on gives the most reliable gains",
    "C4": "The gain is more than that of placebos which move the weights as far",
}


@dataclass(frozen=True)
class Part:
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
        if self.margin is not None and self.p_noninferior is not None:
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
    estimates: Sequence[Part],
    parts: Sequence[Part] = (),
    *,
    caveat: str = "",
    cannot_fail: str = "",
    not_testable: str = "",
) -> dict[str, Any]:
    """One claim of `claims.json`; `caveat` is added to its sentence.

    `estimates` were declared before the data and decide: `reproduced` where every one shows the claimed effect
    (all must, so none needs a correction: an intersection-union test, Berger 1982), `not reproduced` where some
    one excludes it after Holm over them, else `inconclusive`. `parts` show by model, corpus and scope where
    they differ, and decide nothing. What rests on documents alone, or has no data, decides nothing either.
    `cannot_fail` says why the figures could not have come out against the claim; they then reproduce nothing,
    and no p-value is given. `not_testable` says why this track cannot test the claim at all.
    """
    rows, deciding = _rows(parts), _rows(estimates, corrected=False)
    outcomes = {row["outcome"] for row in deciding}
    outcome = INCONCLUSIVE
    if NOT_REPRODUCED in outcomes:
        outcome = NOT_REPRODUCED
    elif outcomes == {REPRODUCED}:
        outcome = REPRODUCED
    said = _sentence(claim, outcome, deciding, rows)
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
        "title": TITLES[claim],
        "outcome": outcome,
        "sentence": " ".join(filter(None, [said, caveat])),
        "estimates": deciding,
        "parts": rows,
    }


def claims_document(
    track: str, suite_version: str | None, decided: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The content of `claims.json`."""
    return {"track": track, "suite_version": suite_version, "claims": list(decided)}


def _rows(parts: Sequence[Part], *, corrected: bool = True) -> list[dict[str, Any]]:
    """Rows of figures with an outcome each; what holds is corrected by Holm too where `corrected`."""
    shows = _holm([part.p_for for part in parts])
    against = _holm([part.p_against for part in parts])
    rows = []
    for part, p_for, p_against in zip(parts, shows, against, strict=True):
        holds = part.holds and (not corrected or _below(p_for, part.level))
        excluded = _below(p_against, LEVEL_ONE_SIDED)
        rows.append(
            {
                "model": part.model,
                "arm": part.arm,
                "corpus": part.corpus,
                "baseline": part.baseline,
                "baseline_arm": part.baseline_arm,
                "scope": part.scope,
                "delta": part.delta,
                "ci_low": part.ci_low,
                "ci_high": part.ci_high,
                "p_value": part.p_for,
                "p_adjusted": p_for,
                "share_closed": part.share_closed,
                "share_closed_low": part.share_closed_low,
                "share_closed_high": part.share_closed_high,
                "conditional": part.conditional,
                "outcome": REPRODUCED if holds else NOT_REPRODUCED if excluded else INCONCLUSIVE,
                "note": _note(part),
            }
        )
    return rows


def _note(part: Part) -> str:
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


WANTED = {
    "C1": "treated models gain on their own base models",
    "C2": "treated models keep within the margin of the larger models",
    "C3": "the target corpus is ahead of the others",
    "C4": "treated models gain on the placebos",
}
SCOPES = {"all": "all tasks", "classification": "multiple choice"}


def _sentence(
    claim: str, outcome: str, estimates: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]
) -> str:
    """What the estimates say in words, with their figures, and how many parts agree."""
    known = [row for row in estimates if row["delta"] is not None]
    if not known:
        return f"Inconclusive: no entry that the claim is about has data ({len(parts)} declared)."
    begin = {
        REPRODUCED: f"Reproduced: {WANTED[claim]}",
        NOT_REPRODUCED: f"Not reproduced: the figures rule out that {WANTED[claim]}",
        INCONCLUSIVE: f"Inconclusive: it is not told whether {WANTED[claim]}",
    }[outcome]
    figures = "; ".join(f"{SCOPES.get(row['scope'], row['scope'])} {_figure(row)}" for row in known)
    alone = [row for row in parts if row["outcome"] == REPRODUCED]
    against = [row for row in parts if row["outcome"] == NOT_REPRODUCED]
    counted = (
        f" Alone, {len(alone)} of {len(parts)} parts show it and {len(against)} rule it out." if parts else ""
    )
    return f"{begin}: on average {figures}.{counted}"


def _figure(row: Mapping[str, Any]) -> str:
    interval = ""
    if row["ci_low"] is not None:
        interval = f" (95 % {_signed(row['ci_low'])} to {_signed(row['ci_high'])})"
    share = ""
    if row.get("share_closed_low") is not None:
        low, value, high = (
            f"{round(100 * row[name])} %"
            for name in ("share_closed_low", "share_closed", "share_closed_high")
        )
        share = f", {value} of the gap ({low} to {high})"
    return f"{_signed(row['delta'])}{interval}{share}"


def _signed(figure: float) -> str:
    """Four decimals; what they would show as a zero with a sign is said in words."""
    if round(figure, 4):
        return f"{figure:+.4f}"
    return "0" if figure == 0 else "just above 0" if figure > 0 else "just below 0"
