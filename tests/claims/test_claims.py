"""Claims: the rule that decides them, their families, and the parts that tables give."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.claims.parts import Scores, decide_claims
from benchmark.claims.rule import ClaimPart, decide
from benchmark.settings.scoring_rules import Claims
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import gain, mean
from benchmark.statistics.design import DocumentScores, Layout
from tests.scoring.synthetic import base_of, entry_of, layout_of

PART_KEYS = {
    *("model", "arm", "corpus", "baseline", "baseline_arm", "scope", "delta", "ci_low", "ci_high", "p_value"),
    *("p_adjusted", "share_closed", "share_closed_low", "share_closed_high"),
    *("conditional", "outcome", "note"),
}


def _part(delta: float, error: float, **more: object) -> ClaimPart:
    named = {
        "model": "m",
        "arm": "gap",
        "corpus": "code",
        "baseline": "m",
        "baseline_arm": "none",
        "scope": "all",
    }
    ends = {"ci_low": delta - 1.96 * error, "ci_high": delta + 1.96 * error}
    p_value = float(2 * stats.norm.sf(abs(delta / error)))
    return ClaimPart(**{**named, "delta": delta, **ends, "p_value": p_value, "n_texts": 5, **more})


def test_every_declared_estimate_must_hold_and_none_needs_a_correction() -> None:
    """All must hold: an intersection-union test (Berger 1982)."""
    strong, weak, none = _part(0.05, 0.01), _part(0.05, 0.025), _part(0.02, 0.02)
    assert weak.p_value < 0.05 < 2 * weak.p_value
    assert decide("C1", [strong, strong])["outcome"] == "reproduced"
    assert decide("C1", [weak, weak])["outcome"] == "reproduced"
    assert decide("C1", [weak, none])["outcome"] == "inconclusive"


def test_one_estimate_that_excludes_the_effect_is_enough_against_a_claim() -> None:
    claim = decide("C4", [_part(0.05, 0.01), _part(-0.05, 0.01)])
    assert claim["outcome"] == "not reproduced"
    assert [part["outcome"] for part in claim["estimates"]] == ["reproduced", "not reproduced"]
    assert "-0.0500" in claim["sentence"]


def test_to_rule_a_claim_out_is_corrected_over_its_estimates() -> None:
    against = _part(-0.0215, 0.01)
    assert against.p_against is not None and 0.0125 < against.p_against < 0.025
    assert decide("C1", [against])["outcome"] == "not reproduced"
    assert decide("C1", [against, _part(0.05, 0.01)])["outcome"] == "inconclusive"


def test_parts_show_where_it_differs_and_decide_nothing() -> None:
    parts = [_part(-0.05, 0.01), _part(0.05, 0.01), _part(0.0, 0.01)]
    claim = decide("C1", [_part(0.05, 0.01)], parts)
    assert claim["outcome"] == "reproduced"
    assert [part["outcome"] for part in claim["parts"]] == ["not reproduced", "reproduced", "inconclusive"]
    assert "Taken one by one, 1 of 3 parts shows it and 1 rules it out" in claim["sentence"]
    weak = [_part(0.05, 0.025)] * 2
    assert {part["outcome"] for part in decide("C1", weak, weak)["parts"]} == {"inconclusive"}


def test_a_track_that_cannot_test_a_claim_says_why() -> None:
    claim = decide("C3", [_part(0.05, 0.01)], not_testable="all its texts are unseen")
    assert claim["outcome"] == "not testable"
    assert claim["sentence"] == "Not testable on this track: all its texts are unseen."


@pytest.mark.parametrize("truth, least, most", [(0.0, 0.0, 0.06), (0.03, 0.0, 0.005), (-0.05, 0.95, 1.0)])
def test_claims_are_seldom_refuted_by_chance_and_mostly_where_they_are_wrong(
    truth: float, least: float, most: float
) -> None:
    """Twelve independent parts, 2,000 studies: how often one is `not reproduced`."""
    deltas = np.random.default_rng(0).normal(truth, 0.01, (2000, 12))
    refuted = sum(
        decide("C4", [_part(float(delta), 0.01) for delta in study])["outcome"] == "not reproduced"
        for study in deltas
    )
    assert least <= refuted / len(deltas) <= most


def test_no_sentence_shows_a_zero_with_a_sign() -> None:
    said = decide("C4", [replace(_part(-0.02, 0.01), ci_high=-0.00002)])["sentence"]
    assert "to just below 0)" in said and "0.0000" not in said


def test_a_sentence_gives_interval_and_share_of_the_gap() -> None:
    part = _part(
        0.01, 0.002, scope="dialogue", share_closed=0.2, share_closed_low=0.1, share_closed_high=0.31
    )
    families = {"classification": "multiple choice", "dialogue": ""}
    decided = decide("C1", [part, _part(0.02, 0.005, scope="classification")], families=families)
    said = decided["sentence"]
    assert decided["title"].endswith("improve the model, on classification and on dialogue")
    assert "dialogue +0.0100 (95 % +0.0061 to +0.0139), 20 % of the gap (10 % to 31 %)" in said
    assert "multiple choice +0.0200 (95 % +0.0102 to +0.0298)." in said


def test_p_adjusted_is_holm_over_the_parts_of_the_claim() -> None:
    parts = [_part(d, 0.01) for d in (0.05, 0.02, 0.03, 0.001)]
    expected = multipletests([p.p_value for p in parts], method="holm")[1]
    assert [row["p_adjusted"] for row in decide("C1", [], parts)["parts"]] == pytest.approx(list(expected))


def test_an_estimate_without_data_or_by_documents_alone_decides_nothing() -> None:
    missing = ClaimPart("m", "gap", "code", "big", "none", "all")
    claim = decide("C2", [missing])
    assert claim["outcome"] == "inconclusive"
    assert claim["estimates"][0]["note"] == "no data"
    for delta in (-0.5, 0.5):
        two = decide("C1", [_part(delta, 0.01, conditional="texts and draws")])
        assert two["outcome"] == "inconclusive"
        assert "fewer than three texts or draws" in two["estimates"][0]["note"]
    assert decide("C1", [_part(0.5, 0.01, conditional="draws")])["outcome"] == "reproduced"
    assert decide("C1", [_part(0.5, 0.01), missing])["outcome"] == "inconclusive"


@pytest.mark.parametrize(
    ("part", "outcome"),
    [
        (None, "inconclusive"),
        (_part(-0.01, 0.01, margin=0.04, p_noninferior=0.001), "reproduced"),
        (_part(-0.001, 0.02, margin=0.01, p_noninferior=0.3), "inconclusive"),
        (_part(-0.05, 0.005, margin=0.02, p_noninferior=0.9999), "not reproduced"),
        (_part(-0.05, 0.005, margin=0.02), "not reproduced"),
        (_part(-0.03, 0.009, margin=0.02), "inconclusive"),
    ],
    ids=["no part", "within the margin", "nonsignificant", "below beyond doubt", "by interval", "close"],
)
def test_c2_is_decided_by_the_margin(part: ClaimPart | None, outcome: str) -> None:
    claim = decide("C2", [part] if part else [])
    assert claim["outcome"] == outcome
    if part and part.p_noninferior:
        assert claim["estimates"][0]["p_value"] == part.p_noninferior


RNG = np.random.default_rng(0)
LAYOUT = layout_of(60, 60, families=("classification", "dialogue"))
SETTINGS = Claims(pairs={"m1": "m2", "m2": "m3"}, placebos=("random", "shuffled"))


def _bases(draws: int = 10) -> dict[str, DocumentScores]:
    difficulty = RNG.normal(size=120) / 4
    return {
        f"m{size}": base_of(
            f"m{size}",
            0.2 * size + difficulty + RNG.normal(size=(draws, 1)) / 100 + RNG.normal(size=(draws, 120)) / 20,
        )
        for size in (1, 2, 3)
    }


BASES = _bases()


def _scores(
    gains: Mapping[str, float] | None = None,
    claims: Claims = SETTINGS,
    units: int = 5,
    by: Literal["draw", "text"] = "draw",
    bases: Mapping[str, DocumentScores] = BASES,
    layout: Layout = LAYOUT,
) -> Scores:
    """Treated models that gain by corpus (code 0.15, seen 0.12), placebos that gain nothing."""
    entries = {}
    for model in ("m1", "m2"):
        for corpus, gained in (gains or {"code": 0.15, "seen": 0.12}).items():
            for arm in ("gap", "random", "shuffled"):
                rng = np.random.default_rng([*model.encode(), *corpus.encode(), *arm.encode()])
                start = bases[model].values[:units] if by == "draw" else bases[model].values[0]
                moved = rng.normal(size=(units, 1)) / 500 + rng.normal(size=(units, layout.size)) / 50
                shift = gained if arm == "gap" else 0.0
                entry = entry_of(model, start + moved + shift, start, arm=arm, corpus=corpus, by=by)
                entries[entry.key] = entry
    return Scores(entries, bases, layout, ScoringSettings(claims=claims))


def _outcomes(scores: Scores) -> dict[str, str]:
    return {claim["id"]: claim["outcome"] for claim in decide_claims(scores)}


def test_four_claims_come_from_the_scores_of_a_track() -> None:
    claims = decide_claims(_scores())
    assert [claim["id"] for claim in claims] == ["C1", "C2", "C3", "C4"]
    assert {claim["outcome"] for claim in claims} == {"reproduced"}
    assert [len(claim["parts"]) for claim in claims] == [8, 4, 2, 16]
    assert [len(claim["estimates"]) for claim in claims] == [2, 1, 1, 2]
    for claim in claims:
        assert set(claim) == {"id", "title", "outcome", "sentence", "estimates", "parts"}
        assert all(set(part) == PART_KEYS for part in [*claim["parts"], *claim["estimates"]])


def test_gains_that_are_none_reproduce_nothing() -> None:
    found = _outcomes(_scores({"code": 0.0, "seen": 0.0}))
    assert "reproduced" not in (found["C1"], found["C3"], found["C4"])
    assert found["C2"] == "not reproduced"
    assert _outcomes(_scores({"code": -0.1, "seen": -0.1}))["C1"] == "not reproduced"


def test_the_declared_estimate_is_the_mean_over_all_declared_entries() -> None:
    scores = _scores()
    claims = {claim["id"]: claim for claim in decide_claims(scores)}
    for place, scope in enumerate(("classification", "dialogue"), 1):
        entries = [entry for key, entry in scores.entries.items() if key[1] == "gap"]
        whole = mean([gain(entry) for entry in entries]).estimated(LAYOUT).estimate
        estimate = claims["C1"]["estimates"][place - 1]
        assert estimate["scope"] == scope
        assert estimate["delta"] == pytest.approx(whole.value[place])
        assert estimate["ci_low"] == pytest.approx(whole.interval()[0][place])
        parts = [part["delta"] for part in claims["C1"]["parts"] if part["scope"] == scope]
        assert estimate["delta"] == pytest.approx(np.mean(parts))
    for claim in (claims["C2"], claims["C3"]):
        mean_of_parts = np.mean([part["delta"] for part in claim["parts"]])
        assert claim["estimates"][0]["delta"] == pytest.approx(mean_of_parts)
    share = claims["C2"]["estimates"][0]
    assert share["share_closed_low"] < share["share_closed"] < share["share_closed_high"]
    assert share["share_closed"] == pytest.approx(0.135 / 0.2, abs=0.05)


def test_an_entry_that_is_declared_and_not_scored_leaves_every_claim_open() -> None:
    declared = Claims(corpora=("code", "github"), pairs=SETTINGS.pairs, placebos=SETTINGS.placebos)
    claims = decide_claims(_scores(claims=declared))
    assert {claim["outcome"] for claim in claims} == {"inconclusive"}
    for claim in claims:
        assert any(part["note"] == "no data" for part in claim["parts"])
        assert any(part["note"] != "no data" for part in claim["parts"]) or claim["id"] == "C3"
        assert "no entry that the claim is about has data" in claim["sentence"]


def test_a_rung_without_a_gap_to_close_is_said_to_be_one() -> None:
    flat = {
        name: base_of(name, BASES["m1"].values[::-1] if name != "m1" else BASES["m1"].values)
        for name in BASES
    }
    claim = decide_claims(_scores({"code": 0.0, "seen": 0.0}, bases=flat))[1]
    assert claim["outcome"] == "inconclusive"
    assert all("no gap to close" in part["note"] for part in [*claim["parts"], *claim["estimates"]])
    assert all(part["share_closed"] is None for part in claim["parts"])


def test_a_study_without_a_larger_rung_has_no_second_claim() -> None:
    alone = _scores(claims=Claims(placebos=SETTINGS.placebos))
    claims = {claim["id"]: claim for claim in decide_claims(alone)}
    assert claims["C2"]["outcome"] == "inconclusive" and claims["C2"]["parts"] == []
    assert claims["C1"]["outcome"] == "reproduced"
    assert claims["C1"]["estimates"][0]["share_closed"] is None


def test_two_draws_or_texts_are_no_part_of_a_claim() -> None:
    for by in ("draw", "text"):
        claims = decide_claims(_scores(units=2, by=by))
        assert {claim["outcome"] for claim in claims} == {"inconclusive"}
        parts = [part for claim in claims for part in claim["parts"]]
        assert {part["conditional"] for part in parts} == {"texts and draws"}
        assert {part["outcome"] for part in parts} == {"inconclusive"}


def test_texts_on_one_draw_decide_claims_given_the_draw_and_pair_over_models() -> None:
    """Texts of one corpus that move both models alike count once, not once per model."""
    single = {name: base_of(name, base.values[:1]) for name, base in BASES.items()}
    scores = _scores(by="text", bases=single)
    assert set(_outcomes(scores).values()) == {"reproduced"}
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(5, 1)) / 50
    entries = {}
    for key, entry in scores.entries.items():
        corpus = 0 if key[2] == "code" else 1
        moved = np.roll(shared, corpus) + rng.normal(size=(5, 120)) / 1e4
        entries[key] = replace(entry, values=entry.start + 0.01 + moved)
    claims = decide_claims(replace(scores, entries=entries))
    low, high = (claims[0]["estimates"][0][end] for end in ("ci_low", "ci_high"))
    # Two corpora of five independent texts each, whatever the number of models.
    assert high - low == pytest.approx(2 * 2.4 * shared.std(ddof=1) / 10**0.5, rel=0.25)
    assert {part["conditional"] for part in claims[0]["parts"]} == {"draws"}


def test_an_entry_that_is_not_declared_changes_no_claim() -> None:
    scores = _scores(claims=Claims(corpora=("code", "seen"), pairs={"m1": "m2"}, placebos=("random",)))
    extra = entry_of("m2", BASES["m2"].values[:5] - 1, BASES["m2"].values[:5])
    other = entry_of("m1", BASES["m1"].values[:5] - 1, BASES["m1"].values[:5], arm="gap-lr1e-3")
    more = replace(scores, entries={**scores.entries, extra.key: extra, other.key: other})
    assert decide_claims(more) == decide_claims(scores)


def test_base_models_with_more_documents_than_runs_are_compared_on_those_of_the_runs() -> None:
    """Elsewhere the gap is five times as wide; neither margin nor share may know of it."""
    half = np.tile(np.arange(60) < 30, 2)
    wide = {
        name: replace(base, values=base.values + np.where(half, 0, int(name[1])))
        for name, base in BASES.items()
    }
    columns = np.flatnonzero(half)
    scores = _scores(bases=wide)
    scores = replace(scores, entries={k: e.on_columns(columns) for k, e in scores.entries.items()})
    claim = decide_claims(scores)[1]
    assert claim["estimates"][0]["share_closed"] == pytest.approx(0.135 / 0.2, abs=0.05)
    assert claim["outcome"] == "reproduced"


def test_reasons_for_what_cannot_be_tested_come_from_the_settings() -> None:
    reason = {"C3": "every text is new to these models"}
    found = decide_claims(_scores(claims=SETTINGS.model_copy(update={"not_testable": reason})))
    assert [claim["outcome"] for claim in found][2] == "not testable"
    assert reason["C3"] in found[2]["sentence"]


def test_figures_that_could_not_come_out_against_a_claim_reproduce_nothing() -> None:
    parts = [_part(0.05, 0.01)]
    claim = decide("C1", parts, cannot_fail="they are maxima over steps that include no step")
    assert claim["outcome"] == "inconclusive"
    assert {part["outcome"] for part in claim["estimates"]} == {"inconclusive"}
    assert {part["p_value"] for part in claim["estimates"]} == {None}
    assert "maxima over steps" in claim["sentence"]
    against = decide("C1", [_part(-0.05, 0.01)], cannot_fail="they are maxima")
    assert against["outcome"] == "not reproduced"


def _against_margin(excess: float, error: float, texts: int) -> ClaimPart:
    """Treated minus larger rung with a margin of 0.02 and no test of non-inferiority; interval by t over texts."""
    half = float(stats.t.ppf(0.975, texts - 1)) * error
    delta = excess - 0.02
    return _part(
        delta, error, ci_low=delta - half, ci_high=delta + half, margin=0.02, baseline="larger", n_texts=texts
    )


@pytest.mark.parametrize("texts", [3, 5, 100])
def test_a_part_with_an_interval_alone_has_the_p_value_of_the_interval(texts: int) -> None:
    values = np.random.default_rng(texts).normal(-0.03, 0.01, texts)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    part = _part(values.mean(), 1.0, ci_low=interval.low, ci_high=interval.high, margin=0.02, n_texts=texts)
    assert part.p_against == pytest.approx(stats.ttest_1samp(values, -0.02, alternative="less").pvalue)


def test_the_p_value_of_an_interval_is_below_a_fortieth_where_the_interval_excludes_the_effect() -> None:
    for excess in (-0.05, -0.021, -0.019, -0.001, 0.01):
        part = _against_margin(excess, 0.01, 8)
        assert part.p_against is not None and part.ci_high is not None and part.margin is not None
        assert (part.p_against < 0.025) == (part.ci_high < -part.margin)


def test_holm_acts_on_parts_that_have_an_interval_alone() -> None:
    close, far, held = (_against_margin(excess, 0.01, 100) for excess in (-0.022, -0.06, 0.03))
    assert decide("C2", [close])["outcome"] == "not reproduced"
    assert decide("C2", [close, *[held] * 11])["outcome"] == "inconclusive"
    assert decide("C2", [far, *[held] * 11])["outcome"] == "not reproduced"


def test_an_interval_without_width_excludes_or_does_not() -> None:
    alike = {"p_value": None, "margin": 0.02, "baseline": "larger"}
    below, above = (_part(d, 1.0, ci_low=d, ci_high=d, **alike) for d in (-0.03, -0.01))
    assert (below.p_against, above.p_against) == (0.0, 1.0)
