"""Claims: the rule that decides one from its parts, by Holm within the claim, and its one plain sentence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from benchmark.schema import NO_ARM
from benchmark.scoring.comparisons import LEVEL, LEVEL_NONINFERIOR
from benchmark.scoring.multiplicity import holm
from benchmark.scoring.settings import FEWEST_TEXTS

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"

LEVEL_AGAINST = 0.025

SHARE_SCOPE = "share of runs with a gain"
"""Ends the scope of a part whose difference is one of shares; every other part's is one of scores."""

TITLES = {
    "C1": "A few steps on random unlabelled text improve the model, on classification and on dialogue",
    "C2": "The treated model is comparable to one 2-3 times larger",
    "C3": "Text that the model was not trained on gives the most reliable gains",
    "C4": "The gain is more than that of placebos which move the weights as far",
}


@dataclass(frozen=True)
class Part:
    """One comparison that a claim needs.

    The claimed effect is `delta` above 0, or, where `margin` is given, `delta` above -`margin`
    (non-inferiority). `p_value` is two-sided for delta = 0; `p_noninferior` one-sided, and its own error is
    that of the gap too.
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
    n_runs: int = FEWEST_TEXTS
    note: str = ""

    @property
    def decidable(self) -> bool:
        """Whether there is a figure from enough texts, with an interval or, without any spread, an exact test."""
        known = self.ci_high is not None or self.p_value is not None
        return self.delta is not None and known and self.n_runs >= FEWEST_TEXTS

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
        return _p_of_interval(self.delta - least, (self.ci_high - self.ci_low) / 2, self.n_runs)


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


def decide(claim: str, parts: Sequence[Part], *, caveat: str = "", cannot_fail: str = "") -> dict[str, Any]:
    """One claim of `claims.json`; `caveat` is added to its sentence.

    `reproduced` where every part holds after Holm over the parts, `not reproduced` where some part excludes
    the claimed effect, after Holm as well: among twelve parts without any effect one 95 % interval in four
    studies would else exclude it by chance. Else `inconclusive`. A part with fewer than three texts, or
    without data, decides nothing. `cannot_fail` says why the figures could not have come out against the
    claim; they then reproduce nothing, and no p-value is given.
    """
    adjusted = _holm([part.p_value if part.decidable else None for part in parts])
    noninferior = _holm([part.p_noninferior if part.decidable else None for part in parts])
    against = _holm([part.p_against for part in parts])
    rows = [_row(*each) for each in zip(parts, adjusted, noninferior, against, strict=True)]
    outcomes = {row["outcome"] for row in rows}
    outcome = INCONCLUSIVE
    if NOT_REPRODUCED in outcomes:
        outcome = NOT_REPRODUCED
    elif outcomes == {REPRODUCED}:
        outcome = REPRODUCED
    said = _sentence(claim, outcome, rows)
    if cannot_fail:  # a test that could only come out one way is none
        rows = [{**row, "p_value": None, "p_adjusted": None} for row in rows]
    if cannot_fail and outcome == REPRODUCED:
        outcome = INCONCLUSIVE
        rows = [{**row, "outcome": INCONCLUSIVE} for row in rows]
        said = f"Inconclusive: {said.split(': ', 1)[1].rstrip('.')}; but {cannot_fail}."
    sentence = " ".join(filter(None, [said, caveat]))
    return {"id": claim, "title": TITLES[claim], "outcome": outcome, "sentence": sentence, "parts": rows}


def claims_document(
    track: str, suite_version: str | None, decided: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The content of `claims.json`."""
    return {"track": track, "suite_version": suite_version, "claims": list(decided)}


def _row(
    part: Part, p_adjusted: float | None, noninferior: float | None, against: float | None
) -> dict[str, Any]:
    above = part.delta is not None and part.delta > 0 and _below(p_adjusted, LEVEL)
    holds = part.decidable and (above or _below(noninferior, LEVEL_NONINFERIOR))
    shows_noninferior = part.p_noninferior is not None
    excluded = _below(against, LEVEL_AGAINST)
    outcome = REPRODUCED if holds else NOT_REPRODUCED if excluded else INCONCLUSIVE
    return {
        "model": part.model,
        "arm": part.arm,
        "corpus": part.corpus,
        "baseline": part.baseline,
        "baseline_arm": part.baseline_arm,
        "scope": part.scope,
        "delta": part.delta,
        "ci_low": part.ci_low,
        "ci_high": part.ci_high,
        "p_value": part.p_noninferior if shows_noninferior else part.p_value,
        "p_adjusted": noninferior if shows_noninferior else p_adjusted,
        "outcome": outcome,
        "note": _note(part),
    }


def _note(part: Part) -> str:
    if part.delta is None:
        return part.note or "no data"
    alike = (
        "no spread: no interval, and an exact test"
        if part.ci_high is None and part.p_value is not None
        else ""
    )
    few = f"fewer than {FEWEST_TEXTS} texts" if part.n_runs < FEWEST_TEXTS else ""
    return "; ".join(filter(None, [part.note, alike, few]))


def _holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values; a missing test keeps its place in the family."""
    raw = np.array([np.nan if p is None else p for p in p_values], dtype=np.float64)
    return [None if np.isnan(p) else float(p) for p in holm(raw)]


def _below(p_value: float | None, level: float) -> bool:
    return p_value is not None and p_value < level


WANTED = {
    "C1": ("comparison with the unmodified model", "shows a gain"),
    "C2": ("comparison with the declared larger model", "shows a score as good or within the margin"),
    "C3": ("comparison of the target corpus with another", "shows it ahead"),
    "C4": ("comparison with a placebo", "shows a gain beyond it"),
}


def _sentence(claim: str, outcome: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What the parts say in words: how many hold, how many exclude the effect, the most telling figure."""
    what, verb = WANTED[claim]
    if not rows:
        return f"Inconclusive: no {what} was declared or scored."
    hold = sum(row["outcome"] == REPRODUCED for row in rows)
    against = [row for row in rows if row["outcome"] == NOT_REPRODUCED]
    missing = sum(row["delta"] is None for row in rows)
    if outcome == REPRODUCED:
        return f"Reproduced: every {what} {verb} ({hold} of {len(rows)}); {_extremes('smallest', rows, 'delta')}."
    said = f"{hold} of {len(rows)} {verb.replace('shows', 'show')}"
    lacks = f", {missing} without data" if missing else ""
    if outcome == NOT_REPRODUCED:
        return (
            f"Not reproduced: {said}{lacks}, and {len(against)} rule{'s' * (len(against) == 1)} it out; "
            f"{_extremes('clearest', against, 'ci_high')}."
        )
    known = [row for row in rows if row["delta"] is not None]
    if not known:
        return f"Inconclusive: no {what} has data ({missing} declared)."
    return f"Inconclusive: {said}{lacks}, none rules it out; {_extremes('lowest', known, 'delta')}."


def _extremes(word: str, rows: Sequence[Mapping[str, Any]], by: str) -> str:
    """The lowest row by a column, of differences in score and of differences in shares apart."""
    shares = [row["scope"].endswith(SHARE_SCOPE) for row in rows]
    said = []
    for share, unit in ((False, "score"), (True, SHARE_SCOPE)):
        alike = [row for row, is_share in zip(rows, shares, strict=True) if is_share == share]
        if alike:
            least = min(alike, key=lambda row: row["delta"] if row[by] is None else row[by])
            said.append(f"the {word} difference in {unit} is {_figure(least, share)}")
    return "; ".join(said)


SCOPES = {"all": "all tasks", "classification": "multiple choice"}


def _figure(row: Mapping[str, Any], share: bool) -> str:
    signed = _percent if share else _signed
    interval = ""
    if row["ci_low"] is not None:
        interval = f" (95 % {signed(row['ci_low'])} to {signed(row['ci_high'])})"
    against = row["baseline"]
    if against == row["model"]:
        against = "the unmodified model" if row["baseline_arm"] == NO_ARM else row["baseline_arm"]
    scope = row["scope"].removesuffix(SHARE_SCOPE).rstrip(": ")
    tasks = f", {SCOPES.get(scope, scope)}" if scope else ""
    points = " points" if share else ""
    return f"{signed(row['delta'])}{points}{interval}, {row['model']} on {row['corpus']} against {against}{tasks}"


def _percent(share: float) -> str:
    """A difference of shares in percentage points, without decimals."""
    return f"{100 * share:+.0f}" if round(100 * share) else "0"


def _signed(figure: float) -> str:
    """Four decimals; what they would show as a zero with a sign is said in words."""
    if round(figure, 4):
        return f"{figure:+.4f}"
    return "0" if figure == 0 else "just above 0" if figure > 0 else "just below 0"
