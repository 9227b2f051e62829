"""C0: each declared control right and wrong, and what a failure does to the other claims."""

from typing import Any

import numpy as np
import pytest

from benchmark.claims.study_controls import UNSEEN, decide_controls, next_rung, same_rung, under_controls
from benchmark.settings.scoring_rules import Claims, Controls, DeclaredControl, NextRung
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.design import DocumentScores
from tests.scoring.synthetic import base_of, layout_of

LAYOUT = layout_of(40, 40, families=("classification", "dialogue"))
SCOPES = ("all", "classification", "dialogue")
DECLARED = Controls(
    positive=DeclaredControl(model="m", arm="good", corpus="c", scopes=("all", "dialogue")),
    negative=DeclaredControl(model="m", arm="bad", corpus="c"),
    placebo=DeclaredControl(model="m", arm="none-at-all", corpus="c"),
    same="m",
    next_rung=NextRung(model="m", larger="l"),
)


def draws(name: str, level: float, number: int = 10, seed: int = 0, sd: float = 0.02) -> DocumentScores:
    rng = np.random.default_rng([seed, *name.encode()])
    documents = np.random.default_rng(9).normal(size=80) / 4
    return base_of(
        name, level + documents + sd * rng.normal(size=(number, 1)) + rng.normal(size=(number, 80)) / 10
    )


BASES = {"m": draws("m", 0.3), "l": draws("l", 0.6)}


def comparisons(**verdicts: str) -> list[dict[str, Any]]:
    """Rows of three controls against their base model; `verdicts` by arm (with `_` for `-`) where they differ."""
    usual = {"good": "superior", "bad": "inferior", "none_at_all": "inconclusive"} | verdicts
    figures = {"delta": 0.1, "ci_low": 0.05, "ci_high": 0.15, "conditional": "", "measure": "score"}
    return [
        {
            "model": "m",
            "arm": arm.replace("_", "-"),
            "corpus": "c",
            "baseline_kind": kind,
            "scope": scope,
            "verdict": verdict if kind == "base" else "inferior",
            **figures,
        }
        for arm, verdict in usual.items()
        for kind in ("base", "rung")
        for scope in SCOPES
    ]


def decided(rows: list[dict[str, Any]], bases: dict[str, DocumentScores] = BASES) -> dict[str, Any]:
    found = decide_controls(rows, bases, LAYOUT, ScoringSettings(claims=Claims(controls=DECLARED)))
    assert found is not None
    return found


def failed(claim: dict[str, Any]) -> list[str]:
    return [row["control"] for row in claim["estimates"] if not row["as_expected"]]


def test_controls_that_come_out_as_they_must_show_that_the_study_can_see() -> None:
    claim = decided(comparisons())
    assert (claim["id"], claim["outcome"], failed(claim)) == ("C0", "reproduced", [])
    names = ["positive", "negative", "placebo", "same rung", "next rung"]
    assert [row["control"] for row in claim["estimates"]] == names
    assert "all 5 declared controls" in claim["sentence"]
    positive = claim["estimates"][0]
    assert (positive["delta"], positive["found"]) == (0.1, "all: superior; dialogue: superior")


@pytest.mark.parametrize(
    ("arm", "verdict", "control"),
    [
        ("good", "inconclusive", "positive"),
        ("good", "comparable", "positive"),
        ("bad", "negligible", "negative"),
        ("none_at_all", "superior", "placebo"),
        *(("none_at_all", verdict, None) for verdict in ("inferior", "negligible", "inconclusive")),
    ],
)
def test_a_control_that_comes_out_otherwise_fails_and_only_superior_speaks_against_the_placebo(
    arm: str, verdict: str, control: str | None
) -> None:
    claim = decided(comparisons(**{arm: verdict}))
    assert (claim["outcome"], failed(claim)) == (
        ("not reproduced", [control]) if control else ("reproduced", [])
    )
    assert not control or f"{control} did not come out as declared" in claim["sentence"]


def test_a_control_must_hold_in_every_declared_scope() -> None:
    for scope, expected in (("dialogue", ["positive"]), ("classification", [])):
        rows = comparisons()
        for row in rows:
            row["verdict"] = (
                "inconclusive" if (row["arm"], row["scope"]) == ("good", scope) else row["verdict"]
            )
        assert failed(decided(rows)) == expected


def test_a_control_without_data_or_with_too_few_draws_shows_nothing() -> None:
    names = ["positive", "negative", "placebo"]
    claim = decided([])
    assert failed(claim) == names and {row["found"] for row in claim["estimates"][:3]} == {"no data"}
    few = [row | {"conditional": "texts and draws"} for row in comparisons()]
    assert failed(decided(few)) == names
    assert "all: conditional" in decided(few)["estimates"][0]["found"]
    given = [row | {"conditional": "draws"} for row in comparisons()]
    assert failed(decided(given)) == []


def test_rows_of_the_finer_measure_are_no_controls() -> None:
    rows = comparisons()
    finer = [row | {"measure": "probability", "verdict": "inconclusive"} for row in rows]
    assert failed(decided([*rows, *finer])) == []


def test_two_halves_of_the_draws_of_a_rung_that_differ_are_told_apart() -> None:
    values = BASES["m"].values + np.where(np.arange(10) % 2, 0.5, 0.0)[:, None]
    assert same_rung(BASES["m"], LAYOUT)["as_expected"]
    found = same_rung(base_of("m", values), LAYOUT)
    assert not found["as_expected"] and "all: told apart" in found["found"]
    assert found["delta"] == pytest.approx(0.5, abs=0.1)


def test_another_draw_of_the_next_rung_is_comparable_where_the_gap_is_open_and_draws_agree() -> None:
    assert next_rung(BASES["m"], BASES["l"], LAYOUT, 0.5)["as_expected"]
    apart = base_of("l", BASES["l"].values - np.where(np.arange(10) % 2, 0.25, 0.0)[:, None])
    assert not next_rung(BASES["m"], apart, LAYOUT, 0.5)["as_expected"]
    closed = base_of("l", BASES["m"].values[::-1])
    assert not next_rung(BASES["m"], closed, LAYOUT, 0.5)["as_expected"]


@pytest.mark.parametrize("number", [1, 5])
def test_halves_of_fewer_than_three_draws_show_nothing(number: int) -> None:
    few = {name: base_of(name, base.values[:number]) for name, base in BASES.items()}
    assert failed(decided(comparisons(), few)) == ["same rung", "next rung"]
    assert failed(decided(comparisons(), {})) == ["same rung", "next rung"]


CLAIMS = [
    {"id": "C1", "outcome": "reproduced", "sentence": "Reproduced: it is so."},
    {"id": "C3", "outcome": "not testable", "sentence": "Not testable: why."},
]


def test_where_a_control_fails_claims_cannot_tell() -> None:
    first, second, third = under_controls(CLAIMS, decided([]))
    assert first["id"] == "C0"
    assert second["outcome"] == "cannot tell" and "it would read: Reproduced: it is so." in second["sentence"]
    assert third == CLAIMS[1]


def test_where_controls_hold_claims_stand_as_they_are() -> None:
    assert under_controls(CLAIMS, decided(comparisons()))[1:] == CLAIMS


def test_without_controls_claims_stand_with_a_note() -> None:
    assert decide_controls([], BASES, LAYOUT, ScoringSettings()) is None
    first, second = under_controls(CLAIMS, None)
    assert first["outcome"] == "reproduced" and first["sentence"].endswith(UNSEEN)
    assert second == CLAIMS[1]
