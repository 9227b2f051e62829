"""Claims: the rule that decides them, their families, and the parts that tables give."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.claim_parts import decide_claims, share_of_gains_part
from benchmark.scoring.claims import Part, claims_document, decide
from benchmark.settings import Claims

PART_KEYS = {
    "model",
    "arm",
    "corpus",
    "baseline",
    "baseline_arm",
    "scope",
    "delta",
    "ci_low",
    "ci_high",
    "p_value",
    "p_adjusted",
    "outcome",
    "note",
}


def _part(delta: float, error: float, **more: object) -> Part:
    from scipy.stats import norm

    p_value = float(2 * norm.sf(abs(delta / error)))
    named = {
        "model": "m",
        "arm": "gap",
        "corpus": "code",
        "baseline": "m",
        "baseline_arm": "none",
        "scope": "all",
    }
    figures = {
        "delta": delta,
        "ci_low": delta - 1.96 * error,
        "ci_high": delta + 1.96 * error,
        "p_value": p_value,
    }
    return Part(**{**named, **figures, "n_runs": 5, **more})


def test_a_claim_holds_only_where_every_part_holds_after_holm() -> None:
    strong, weak = _part(0.05, 0.01), _part(0.05, 0.025)
    assert weak.p_value < 0.05
    assert decide("C1", [strong, strong])["outcome"] == "reproduced"
    assert decide("C1", [weak])["outcome"] == "reproduced"
    assert decide("C1", [weak, weak])["outcome"] == "inconclusive"


def test_one_part_that_excludes_the_effect_is_enough_against_a_claim() -> None:
    claim = decide("C4", [_part(0.05, 0.01), _part(-0.05, 0.01)])
    assert claim["outcome"] == "not reproduced"
    assert [part["outcome"] for part in claim["parts"]] == ["reproduced", "not reproduced"]
    assert "1 rules it out" in claim["sentence"] and "-0.0500" in claim["sentence"]


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


def test_differences_in_score_and_in_shares_are_never_set_against_each_other() -> None:
    share = replace(_part(-0.4, 0.3), scope="share of runs with a gain", baseline="other")
    said = decide("C3", [_part(-0.01, 0.02), share, _part(0.03, 0.02)])["sentence"]
    assert "difference in score is -0.0100" in said
    assert "difference in share of runs with a gain is -40 points (95 % -99 to +19), m on code" in said
    assert "share" not in decide("C1", [_part(-0.01, 0.02)])["sentence"]


def test_p_adjusted_is_holm_over_the_parts_of_the_claim() -> None:
    parts = [_part(d, 0.01) for d in (0.05, 0.02, 0.03, 0.001)]
    expected = multipletests([p.p_value for p in parts], method="holm")[1]
    assert [row["p_adjusted"] for row in decide("C1", parts)["parts"]] == pytest.approx(list(expected))


def test_a_part_without_data_or_with_two_texts_decides_nothing() -> None:
    missing = Part("m", "gap", "code", "big", "none", "all")
    claim = decide("C2", [missing])
    assert claim["outcome"] == "inconclusive"
    assert claim["parts"][0]["note"] == "no data"
    two = decide("C1", [_part(-0.5, 0.01, n_runs=2)])
    assert two["outcome"] == "inconclusive"
    assert "fewer than 3 texts" in two["parts"][0]["note"]


def test_a_claim_without_parts_is_inconclusive() -> None:
    assert decide("C3", [])["outcome"] == "inconclusive"


def test_comparable_within_the_margin_reproduces_c2_without_a_difference_above_zero() -> None:
    part = _part(-0.01, 0.01, margin=0.04, p_noninferior=0.001)
    claim = decide("C2", [part])
    assert claim["outcome"] == "reproduced"
    assert claim["parts"][0]["p_value"] == 0.001


def test_a_nonsignificant_difference_is_no_parity() -> None:
    assert decide("C2", [_part(-0.001, 0.02, margin=0.01, p_noninferior=0.3)])["outcome"] == "inconclusive"


def test_a_score_below_the_margin_beyond_doubt_speaks_against_c2() -> None:
    assert (
        decide("C2", [_part(-0.05, 0.005, margin=0.02, p_noninferior=0.9999)])["outcome"] == "not reproduced"
    )
    assert decide("C2", [_part(-0.05, 0.005, margin=0.02)])["outcome"] == "not reproduced"
    assert decide("C2", [_part(-0.03, 0.009, margin=0.02)])["outcome"] == "inconclusive"


def test_the_share_of_gains_has_the_interval_of_its_definition() -> None:
    ours, theirs = [1.0] * 9 + [0.0], [0.1] * 3 + [-0.1] * 7
    part = share_of_gains_part(ours, theirs, "m", "cc", Claims())
    assert part.delta == pytest.approx(0.6)
    assert 0 < part.ci_low < 0.6 < part.ci_high < 1
    assert part.p_value < 0.05


def test_shares_that_do_not_differ_have_p_one() -> None:
    part = share_of_gains_part([1.0] * 5, [1.0] * 5, "m", "cc", Claims())
    assert (part.delta, part.p_value) == (0.0, 1.0)
    assert part.ci_low < 0 < part.ci_high


def test_the_interval_of_the_share_covers_the_truth() -> None:
    """0.95 within three standard errors of 600 data sets, at 60 and 40 of 100 texts and near the edge."""
    rng = np.random.default_rng(0)
    for first, second in ((0.6, 0.4), (0.97, 0.9)):
        hits = 0
        for _ in range(600):
            ours, theirs = (rng.random(100) < first) * 1.0, (rng.random(94) < second) * 1.0
            part = share_of_gains_part(list(ours), list(theirs), "m", "cc", Claims())
            hits += part.ci_low <= first - second <= part.ci_high
        assert 0.923 <= hits / 600 <= 0.977


def _comparison(
    model: str, corpus: str, kind: str, baseline: str, arm: str, scope: str, **more: object
) -> dict:
    row = {
        "model": model,
        "arm": "gap",
        "corpus": corpus,
        "baseline": baseline,
        "baseline_kind": kind,
        "baseline_arm": arm,
        "scope": scope,
        "delta": 0.05,
        "ci_low": 0.03,
        "ci_high": 0.07,
        "p_value": 1e-6,
        "margin": np.nan,
        "p_noninferior": np.nan,
        "n_runs": 5,
    }
    return {**row, **more}


def _tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rows = []
    for model, bigger in (("m1", "m2"), ("m2", "m3")):
        for corpus in ("code", "seen"):
            rows += [
                _comparison(model, corpus, "base", model, "none", s)
                for s in ("all", "classification", "dialogue")
            ]
            rows += [_comparison(model, corpus, "control", model, p, "all") for p in ("random", "shuffled")]
            noninferior = {"delta": -0.01, "ci_low": -0.02, "ci_high": 0.0, "p_value": 0.05}
            rows.append(
                _comparison(
                    model,
                    corpus,
                    "rung",
                    bigger,
                    "none",
                    "all",
                    **noninferior,
                    margin=0.04,
                    p_noninferior=1e-6,
                )
            )
    runs = pd.DataFrame(
        [
            {
                "model": m,
                "arm": "gap",
                "corpus": c,
                "text_id": f"{c}{t}",
                "seed": s,
                "gain": 0.01 if c == "code" else -0.01,
            }
            for m in ("m1", "m2")
            for c in ("code", "seen")
            for t in range(20)
            for s in (0, 1)
        ]
    )
    pairs = pd.DataFrame(
        [
            {
                "model": m,
                "arm": "gap",
                "corpus": "code",
                "other_model": m,
                "other_arm": "gap",
                "other_corpus": "seen",
                "scope": "all",
                "delta": 0.02,
                "ci_low": 0.01,
                "ci_high": 0.03,
                "p_value": 1e-5,
                "n_texts": 20,
            }
            for m in ("m1", "m2")
        ]
    )
    return pd.DataFrame(rows), runs, pairs


SETTINGS = Claims(pairs={"m1": "m2", "m2": "m3"})


def test_four_claims_come_from_the_tables_of_a_track() -> None:
    comparisons, runs, pairs = _tables()
    document = decide_claims("micro", "v1", comparisons, runs, SETTINGS, pairs)
    assert (document["track"], document["suite_version"]) == ("micro", "v1")
    assert [claim["id"] for claim in document["claims"]] == ["C1", "C2", "C3", "C4"]
    assert {claim["outcome"] for claim in document["claims"]} == {"reproduced"}
    assert [len(claim["parts"]) for claim in document["claims"]] == [8, 4, 4, 8]
    for claim in document["claims"]:
        assert set(claim) == {"id", "title", "outcome", "sentence", "parts"}
        assert all(set(part) == PART_KEYS for part in claim["parts"])


def test_a_pair_is_found_in_either_direction() -> None:
    comparisons, runs, pairs = _tables()
    turned = pairs.rename(columns={"corpus": "other_corpus", "other_corpus": "corpus"})
    turned = turned.assign(delta=-0.02, ci_low=-0.03, ci_high=-0.01)
    first, second = (decide_claims("t", "v", comparisons, runs, SETTINGS, p) for p in (pairs, turned))
    assert first["claims"][2] == second["claims"][2]


def test_an_entry_that_is_declared_and_not_scored_says_no_data() -> None:
    comparisons, runs, pairs = _tables()
    settings = Claims(corpora=("code", "github"), pairs=SETTINGS.pairs)
    document = decide_claims("t", "v", comparisons, runs, settings, pairs)
    assert {claim["outcome"] for claim in document["claims"]} == {"inconclusive"}
    assert any(part["note"] == "no data" for part in document["claims"][0]["parts"])


def test_a_rung_without_a_gap_to_close_is_said_to_be_one() -> None:
    comparisons, runs, pairs = _tables()
    rung = comparisons["baseline_kind"] == "rung"
    comparisons.loc[rung, "p_noninferior"] = np.nan
    claim = decide_claims("t", "v", comparisons, runs, SETTINGS, pairs)["claims"][1]
    assert claim["outcome"] == "inconclusive"
    assert all("no gap to close" in part["note"] for part in claim["parts"])


def test_an_entry_that_is_not_declared_changes_no_claim() -> None:
    comparisons, runs, pairs = _tables()
    settings = Claims(corpora=("code", "seen"), pairs=SETTINGS.pairs)
    more = pd.concat([comparisons, comparisons.assign(corpus="mine", delta=-0.5, ci_high=-0.4)])
    first, second = (decide_claims("t", "v", table, runs, settings, pairs) for table in (comparisons, more))
    assert first == second


def test_the_order_of_rows_does_not_matter() -> None:
    comparisons, runs, pairs = _tables()
    shuffled = [table.sample(frac=1, random_state=1) for table in (comparisons, runs, pairs)]
    first = decide_claims("t", "v", comparisons, runs, SETTINGS, pairs)
    assert first == decide_claims("t", "v", shuffled[0], shuffled[1], SETTINGS, shuffled[2])


def test_the_document_of_no_claims_keeps_its_frame() -> None:
    assert claims_document("t", None, []) == {"track": "t", "suite_version": None, "claims": []}


def test_figures_that_could_not_come_out_against_a_claim_reproduce_nothing() -> None:
    parts = [_part(0.05, 0.01)]
    claim = decide("C1", parts, cannot_fail="they are maxima over steps that include no step")
    assert claim["outcome"] == "inconclusive"
    assert {part["outcome"] for part in claim["parts"]} == {"inconclusive"}
    assert "maxima over steps" in claim["sentence"]
    against = decide("C1", [_part(-0.05, 0.01)], cannot_fail="they are maxima")
    assert against["outcome"] == "not reproduced"


def _against_margin(excess: float, error: float, texts: int) -> Part:
    """Treated minus larger rung with a margin of 0.02 and no test of non-inferiority; interval by t over texts."""
    from scipy.stats import t

    half = float(t.ppf(0.975, texts - 1)) * error
    delta = excess - 0.02
    return _part(
        delta, error, ci_low=delta - half, ci_high=delta + half, margin=0.02, baseline="larger", n_runs=texts
    )


@pytest.mark.parametrize("texts", [3, 5, 100])
def test_a_part_with_an_interval_alone_has_the_p_value_of_the_interval(texts: int) -> None:
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(texts).normal(-0.03, 0.01, texts)
    interval = ttest_1samp(values, 0).confidence_interval(0.95)
    part = _part(values.mean(), 1.0, ci_low=interval.low, ci_high=interval.high, margin=0.02, n_runs=texts)
    assert part.p_against == pytest.approx(ttest_1samp(values, -0.02, alternative="less").pvalue)


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
