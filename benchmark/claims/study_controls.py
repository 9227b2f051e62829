"""C0: do the declared controls come out as they must? Where they do not, the other claims cannot tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.claims.sentences import CANNOT_TELL, NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, TITLES
from benchmark.scoring.comparisons import LEVEL, LEVEL_ONE_SIDED, figures
from benchmark.settings.scoring_rules import DeclaredControl
from benchmark.settings.scoring_settings import FEWEST_UNITS, ScoringSettings
from benchmark.statistics.contrast import GIVEN_ALL, ContrastEstimate, level
from benchmark.statistics.design import DocumentScores, Layout
from benchmark.statistics.multiplicity import holm

CONDITIONAL = "conditional"
UNSEEN = "It is not shown that this study can see an effect: no controls are declared."

Row = dict[str, Any]


def decide_controls(
    comparisons: Sequence[Mapping[str, Any]],
    bases: Mapping[str, DocumentScores],
    layout: Layout,
    settings: ScoringSettings,
) -> dict[str, Any] | None:
    """C0 of `claims.json`: a row a control with what was declared and what was found; None where none is.

    `comparisons` are the rows of `comparisons.csv`, whose verdicts are corrected by Holm over each entry's family.
    """
    declared = settings.claims.controls
    if not declared.declared:
        return None
    rows = [
        _against_base(name, control, control.scopes or layout.summary_scopes, expected, comparisons)
        for name, control, expected in (
            ("positive", declared.positive, "superior"),
            ("negative", declared.negative, "inferior"),
            ("placebo", declared.placebo, "not superior"),
        )
        if control is not None
    ]
    if declared.same is not None:
        rows.append(same_rung(bases.get(declared.same), layout))
    if declared.next_rung is not None:
        base, larger = bases.get(declared.next_rung.model), bases.get(declared.next_rung.larger)
        rows.append(next_rung(base, larger, layout, settings.margin))
    failed = [row["control"] for row in rows if not row["as_expected"]]
    outcome = NOT_REPRODUCED if failed else REPRODUCED
    said = (
        f"The study cannot be trusted: {', '.join(failed)} did not come out as declared."
        if failed
        else f"The study can see an effect: all {len(rows)} declared controls came out as they must."
    )
    return {
        "id": "C0",
        "title": TITLES["C0"],
        "outcome": outcome,
        "sentence": said,
        "estimates": rows,
        "parts": [],
    }


def under_controls(claims: Sequence[dict[str, Any]], controls: dict[str, Any] | None) -> list[dict[str, Any]]:
    """All claims, C0 first: they cannot tell where C0 fails, and say so where none is declared."""

    def changed(claim: dict[str, Any], **fields: str) -> dict[str, Any]:
        return claim if claim["outcome"] == NOT_TESTABLE else {**claim, **fields}

    if controls is None:
        return [changed(claim, sentence=f"{claim['sentence']} {UNSEEN}") for claim in claims]
    if controls["outcome"] == REPRODUCED:
        return [controls, *claims]
    said = "Cannot tell, because C0 fails. By itself it would read: "
    return [
        controls,
        *(changed(claim, outcome=CANNOT_TELL, sentence=f"{said}{claim['sentence']}") for claim in claims),
    ]


def _against_base(
    name: str,
    control: DeclaredControl,
    scopes: Sequence[str],
    expected: str,
    comparisons: Sequence[Mapping[str, Any]],
) -> Row:
    found = {
        row["scope"]: row
        for row in comparisons
        if (row["model"], row["arm"], row["corpus"]) == (control.model, control.arm, control.corpus)
        and row["baseline_kind"] == "base"
        and row["measure"] == "score"
    }
    rows = [found[scope] for scope in scopes if scope in found]
    verdicts = {row["scope"]: _verdict(row) for row in rows}
    complete = len(rows) == len(scopes)
    if expected == "not superior":
        right = complete and not {"superior", CONDITIONAL} & set(verdicts.values())
    else:
        right = complete and set(verdicts.values()) == {expected}
    shown = rows[0] if rows else {}
    return _row(name, f"{control.model}/{control.arm}/{control.corpus}", expected, verdicts, right, shown)


def _verdict(row: Mapping[str, Any]) -> str:
    return CONDITIONAL if row["conditional"] == GIVEN_ALL else str(row["verdict"])


def same_rung(base: DocumentScores | None, layout: Layout) -> Row:
    """A/A: every second draw of a model against the others; Holm over the summary scopes."""
    halves = _halves(base)
    if base is None or halves is None:
        return _row("same rung", base.model if base else "?", "not told apart", {}, False, {})
    found = (level(halves[0]) - level(halves[1])).estimated(layout)
    scopes = found.layout.summary_scopes
    adjusted = holm(found.estimate.p_two_sided()[: len(scopes)])
    verdicts = {
        scope: "told apart" if p_value < LEVEL else "not told apart"
        for scope, p_value in zip(scopes, adjusted, strict=True)
    }
    right = set(verdicts.values()) == {"not told apart"}
    return _row(
        "same rung", f"{base.model}: every second draw", "not told apart", verdicts, right, _shown(found)
    )


def next_rung(
    base: DocumentScores | None, larger: DocumentScores | None, layout: Layout, margin: float
) -> Row:
    """Every second draw of the larger rung, entered as a treated model, against the other draws, at `all`."""
    halves = _halves(larger)
    if base is None or larger is None or halves is None:
        return _row("next rung", larger.model if larger else "?", "comparable", {}, False, {})
    entered, rung = halves
    gap = level(rung) - level(base)
    room = gap.estimated(layout).estimate.is_above_zero()
    remaining = (level(entered) - level(base) - (1 - margin) * gap).estimated(layout)
    scopes = remaining.layout.summary_scopes
    p_values = np.where(room, remaining.estimate.p_above_zero(), np.nan)[: len(scopes)]
    adjusted = holm(p_values)
    verdicts = {
        scope: "comparable" if p_value < LEVEL_ONE_SIDED else "inconclusive"
        for scope, p_value in zip(scopes, adjusted, strict=True)
    }
    found = (level(entered) - level(rung)).estimated(layout)
    named = f"{larger.model}: every second draw, as a treated {base.model}"
    return _row(
        "next rung",
        named,
        "comparable",
        {"all": verdicts["all"]},
        verdicts["all"] == "comparable",
        _shown(found),
    )


def _halves(base: DocumentScores | None) -> tuple[DocumentScores, DocumentScores] | None:
    """Every second draw, and the others; None with fewer than three in either."""
    if base is None or len(base.units) < 2 * FEWEST_UNITS:
        return None
    first, second = (
        replace(base, units=base.units[start::2], values=base.values[start::2], finer=None)
        for start in (1, 0)
    )
    return first, second


def _shown(found: ContrastEstimate) -> Row:
    return {name: float(column[0]) for name, column in figures(found.estimate).items()}


def _row(
    control: str,
    entry: str,
    expected: str,
    verdicts: Mapping[str, str],
    right: bool,
    shown: Mapping[str, Any],
) -> Row:
    numbers = {
        name: None if shown.get(name) is None or np.isnan(shown[name]) else float(shown[name])
        for name in ("delta", "ci_low", "ci_high")
    }
    return {
        "control": control,
        "entry": entry,
        "expected": expected,
        "found": "; ".join(f"{scope}: {verdict}" for scope, verdict in verdicts.items()) or "no data",
        **numbers,
        "as_expected": right,
    }
