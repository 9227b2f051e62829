"""A difference without any spread: no interval, and a p-value that is exact, whether it is zero or not."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.claims.rule import ClaimPart, decide
from benchmark.results.standalone import score_alone
from benchmark.scoring.comparisons import difference
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.crossed import Estimate, crossed
from benchmark.statistics.design import Floats
from tests.scoring.synthetic import MODELS, Study, base_of, entry_of, layout_of, write_frame


def estimate_of(values: Floats) -> Estimate:
    return crossed([values], None, layout_of(values.shape[1]))


@pytest.mark.parametrize("shift", [0.0, 1.0, -0.25])
def test_there_is_no_interval_and_no_detectable_effect_whatever_the_difference(shift: float) -> None:
    estimate = estimate_of(np.full((3, 20), shift))
    assert np.isnan([*estimate.interval(), estimate.detectable()]).all()
    assert estimate.value[0] == shift


@pytest.mark.parametrize(
    ("texts", "documents", "p_value"),
    [(3, 20, 0.25), (5, 20, 2 / 32), (6, 20, 2 / 64), (10, 4, 2 / 16), (1, 8, 2 / 256)],
)
def test_p_is_that_of_the_sign_test_over_the_fewer_units(texts: int, documents: int, p_value: float) -> None:
    for sign in (1, -1):
        estimate = estimate_of(np.full((texts, documents), 0.5 * sign))
        assert estimate.p_two_sided()[0] == pytest.approx(p_value)
        one_sided = p_value / 2 if sign > 0 else 1 - p_value / 2
        assert estimate.p_above_zero()[0] == pytest.approx(one_sided)
        assert estimate.is_above_zero()[0] == (sign > 0 and p_value < 0.05)


def test_a_difference_of_zero_has_p_of_one_by_the_same_rule() -> None:
    for texts in (1, 3, 10):
        assert estimate_of(np.zeros((texts, 20))).p_two_sided()[0] == 1


def test_two_texts_have_no_test() -> None:
    for shift in (0.0, 1.0):
        assert np.isnan(estimate_of(np.full((2, 20), shift)).p_two_sided()[0])


def test_texts_that_change_one_document_each_have_no_spread_beyond_their_interaction() -> None:
    """Three texts, each of which spoils another document: equal means, and two-way variance of 0."""
    values = np.zeros((3, 30))
    values[[0, 1, 2], [4, 9, 14]] = -1.0
    estimate = estimate_of(values)
    assert np.isnan(estimate.variance[0])
    assert estimate.p_two_sided()[0] == pytest.approx(0.25)


def test_tasks_that_move_apart_are_judged_by_their_documents() -> None:
    """Twenty documents up by 0.5 and ten down by 0.1 in ten texts: 20 or more of 30 signs, P = 0.0494, twice."""
    layout = layout_of(20, 10)
    by_document = np.where(layout.task_of == 0, 0.5, -0.1)
    estimate = crossed([np.tile(by_document, (10, 1))], None, layout)
    scopes = dict(zip(layout.scopes, estimate.p_two_sided(), strict=True))
    assert scopes["all"] == pytest.approx(0.0987, abs=1e-4)
    assert scopes["t0"] == pytest.approx(2 / 1024) and scopes["t1"] == pytest.approx(2 / 1024)


def test_independent_sets_of_texts_count_by_the_smaller() -> None:
    estimate = crossed([np.ones((7, 20)), np.full((4, 20), -0.5)], None, layout_of(20))
    assert estimate.p_two_sided()[0] == pytest.approx(2 / 16)


def test_a_task_of_one_document_has_no_exact_test_either() -> None:
    assert np.isnan(crossed([np.ones((5, 1))], None, layout_of(1)).p_two_sided()[0])


@pytest.mark.parametrize("units", range(3, 11))
@pytest.mark.parametrize("over", ["texts", "documents"])
def test_under_the_hypothesis_p_falls_to_a_level_at_most_that_often(units: int, over: str) -> None:
    """Every way in which units rise or fall alike, each as likely: how often there is no spread and a small p."""
    found = []
    for signs in product((1.0, -1.0), repeat=units):
        column = np.array(signs)[:, None]
        values = np.tile(column, (1, 40)) if over == "texts" else column.T
        estimate = estimate_of(values)
        found.append(estimate.p_two_sided()[0] if np.isnan(estimate.variance[0]) else 1.0)
    for level in sorted(set(found)):
        assert np.mean(np.array(found) <= level) <= level + 1e-12


def test_a_gap_without_spread_is_a_gap() -> None:
    values = np.random.default_rng(0).uniform(0.45, 0.6, size=(5, 20))
    base, entry = base_of("m", np.zeros(20)), entry_of("m", values, by="text")
    rungs = [base_of("l", np.full(20, level)) for level in (0.5, 0.0)]
    found, closed = (difference(entry, rung, base, layout_of(20), ScoringSettings()) for rung in rungs)
    assert found.gap is not None and found.gap.estimate.value[0] == pytest.approx(0.5)
    assert found.p_noninferior[0] < 0.025
    assert np.isnan(closed.p_noninferior[0])


def test_clusters_that_moved_are_the_units_of_the_sign_test() -> None:
    """Twenty documents in four clusters that all rise alike: two-sided p is 2 / 2^4."""
    clustered = layout_of(20, cluster=np.arange(20) // 5)
    estimate = crossed([np.full((10, 20), 0.5)], None, clustered)
    assert estimate.p_two_sided()[0] == pytest.approx(2 / 16)
    two = layout_of(20, cluster=np.arange(20) // 10)
    assert np.isnan(crossed([np.full((10, 20), 0.5)], None, two).p_two_sided()[0])


def test_a_cluster_counts_by_the_sign_of_its_sum() -> None:
    by_document = np.array([0.5, 0.5, -0.1, -0.1] * 5)
    layout = layout_of(20, cluster=np.arange(20) // 4)
    estimate = crossed([np.tile(by_document, (10, 1))], None, layout)
    assert estimate.p_two_sided()[0] == pytest.approx(2 / 32)


def part(delta: float, p_value: float | None) -> ClaimPart:
    return ClaimPart("m", "gap", "c", "m", "none", "all", delta=delta, p_value=p_value, n_texts=10)


def test_a_claim_decides_by_the_exact_test_both_ways_and_says_so() -> None:
    for delta, outcome in ((0.1, "reproduced"), (-0.1, "not reproduced"), (0.0, "inconclusive")):
        claim = decide("C1", [part(delta, 1.0 if delta == 0 else 2 / 1024)])
        assert claim["outcome"] == outcome
        assert "no spread" in claim["estimates"][0]["note"] and "95 %" not in claim["sentence"]
    assert decide("C1", [part(0.1, None)])["outcome"] == "inconclusive"


def shifted(texts: int) -> pd.DataFrame:
    """A study whose treated runs and control answer all documents, the base models none."""
    frame = Study(texts=texts, documents=20).frame()
    return frame.assign(value=(frame["arm"] != "none").astype("float64"))


@pytest.mark.parametrize(
    ("texts", "p_value", "verdict"), [(3, 0.25, "inconclusive"), (10, 2 / 1024, "superior")]
)
def test_scoring_says_that_and_why_there_is_no_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], texts: int, p_value: float, verdict: str
) -> None:
    samples = write_frame(shifted(texts), tmp_path / "samples.parquet")
    (tmp_path / "models.json").write_text(json.dumps(MODELS))
    score_alone([samples], tmp_path / "models.json", tmp_path / "out", None, ["resamples=100"])
    rows = pd.read_csv(tmp_path / "out" / "comparisons.csv").query("arm == 'gap' and scope == 'all'")
    assert rows[["ci_low", "ci_high", "mde"]].isna().all(axis=None)
    base, control = rows[rows["baseline_kind"] == "base"], rows[rows["baseline_kind"] == "control"]
    assert base["p_value"].tolist() == pytest.approx([p_value]) and set(base["verdict"]) == {verdict}
    assert set(control["delta"]) == {0} and set(control["p_value"]) == {1}
    assert "comparisons have no interval: their difference has no spread" in capsys.readouterr().out
