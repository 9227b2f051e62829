"""Comparisons and verdicts: what pairs, which tests are a family, in which order a verdict is reached."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from benchmark.errors import InputError
from benchmark.scoring.comparisons import comparison_rows, difference, verdict
from benchmark.scoring.run_records import Model
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import gain, level
from benchmark.statistics.design import DocumentScores
from tests.scoring.synthetic import MODELS, Study, base_of, entry_of, layout_of, tables_of

SUMMARY = ("all", "classification", "dialogue")
NAN = float("nan")
SETTINGS = ScoringSettings()


def comparisons(frame: pd.DataFrame, folder: Path, models: Any = MODELS, **settings: Any) -> pd.DataFrame:
    return tables_of(frame, folder, models, **settings)["comparisons.csv"]


def by_text(values: np.ndarray, texts: tuple[str, ...], arm: str = "gap") -> DocumentScores:
    """Texts on one draw of model m, whose base model scores 0."""
    return entry_of("m", values, 0.0, texts, arm=arm, by="text")


@pytest.mark.parametrize(
    ("delta", "p_adjusted", "p_noninferior", "p_negligible", "expected"),
    [
        (0.1, 0.01, 0.001, 0.001, "superior"),
        (-0.1, 0.01, 0.001, NAN, "comparable"),
        (0.1, 0.20, 0.001, 0.001, "comparable"),
        (-0.1, 0.01, 0.300, 0.001, "inferior"),
        (-0.1, 0.01, NAN, 0.001, "inferior"),
        (-0.1, 0.20, 0.030, 0.020, "negligible"),
        (0.1, 0.20, NAN, 0.001, "negligible"),
        (-0.1, 0.20, 0.030, 0.030, "inconclusive"),
        (0.0, 1.00, NAN, NAN, "inconclusive"),
        (0.1, NAN, NAN, NAN, "inconclusive"),
        (0.0, 0.01, NAN, NAN, "inconclusive"),
    ],
)
def test_a_verdict_is_reached_in_the_stated_order(
    delta: float, p_adjusted: float, p_noninferior: float, p_negligible: float, expected: str
) -> None:
    assert verdict(delta, p_adjusted, p_noninferior, p_negligible) == expected


def test_an_entry_meets_its_base_its_controls_and_the_rungs_in_range(tmp_path: Path) -> None:
    table = comparisons(Study().frame(), tmp_path)
    gap = table[(table["arm"] == "gap") & (table["scope"] == "all")]
    found = gap[["baseline", "baseline_kind", "baseline_arm", "size_ratio"]].to_numpy().tolist()
    assert found == [
        ["small", "base", "none", 1.0],
        ["small", "control", "random", 1.0],
        ["middle", "rung", "none", 3.0],
    ]


def test_the_ratio_bounds_which_rungs_are_baselines(tmp_path: Path) -> None:
    table = comparisons(Study().frame(), tmp_path, ratio=(2.0, 9.0))
    rungs = table[(table["arm"] == "gap") & (table["baseline_kind"] == "rung")]
    assert set(rungs["baseline"]) == {"middle", "large"}


def test_the_families_of_an_entry_are_its_summary_scopes_and_its_tasks(tmp_path: Path) -> None:
    table = comparisons(Study().frame(), tmp_path)
    gap = table[table["arm"] == "gap"]
    summary, tasks = gap[gap["scope"].isin(SUMMARY)], gap[~gap["scope"].isin(SUMMARY)]
    assert len(summary) == 9 and len(tasks) == 9
    holm = multipletests(summary["p_value"], method="holm")[1]
    assert summary["p_adjusted"].to_numpy() == pytest.approx(holm)
    assert tasks["q_value"].to_numpy() == pytest.approx(multipletests(tasks["p_value"], method="fdr_bh")[1])
    assert summary["q_value"].isna().all() and tasks["p_adjusted"].isna().all()
    rungs = summary[summary["baseline_kind"] == "rung"]
    expected = multipletests(rungs["p_noninferior"], method="holm")[1]
    assert rungs["p_noninferior_adjusted"].to_numpy() == pytest.approx(expected)


def test_adding_entries_changes_no_other_entry(tmp_path: Path) -> None:
    before = Study()
    after = Study(
        entries={
            **before.entries,
            ("small", "gap", "web"): 0.3,
            ("middle", "gap", "code"): 0.1,
            ("small", "gap-fast", "code"): -0.2,
        }
    )
    first = comparisons(before.frame(), tmp_path / "a")
    second = comparisons(after.frame(), tmp_path / "b")
    key = ["model", "arm", "corpus"]
    kept = second.merge(first[key].drop_duplicates(), on=key)
    pd.testing.assert_frame_equal(first, kept, check_exact=True)


def test_a_control_pairs_by_text_and_document() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(5, 1)) + rng.normal(size=(5, 60))
    texts = ("a", "b", "c", "d", "e")
    treated = by_text(noise + 0.1 + 0.01 * rng.normal(size=(5, 60)), texts)
    control = by_text(noise[::-1], texts[::-1], "random")
    base = base_of("m", np.zeros(60))
    found = difference(treated, control, base, layout_of(60), SETTINGS).found
    assert found.units == 5
    assert found.estimate.error[0] < 0.01


@pytest.mark.parametrize("common", [3, 2, 0])
def test_a_control_that_shares_three_texts_pairs_by_them_and_else_is_another_sample(common: int) -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(n, 1)) * np.ones((n, 30)) for n in (4, 3))
    ours, theirs = ("a", "b", "c", "d"), (*"abc"[:common], *"xyz"[: 3 - common])
    treated, control = by_text(first, ours), by_text(second, theirs, "random")
    base = base_of("m", np.zeros(30))
    found = difference(treated, control, base, layout_of(30), SETTINGS).found
    expected = stats.sem(first[:, 0]) ** 2 + stats.sem(second[:, 0]) ** 2
    if common == 3:
        expected = stats.sem(first[:3, 0] - second[:, 0]) ** 2
    assert found.units == 3
    assert found.estimate.variance[0] == pytest.approx(expected)


def test_only_the_documents_of_both_are_compared() -> None:
    rng = np.random.default_rng(1)
    base = base_of("m", rng.uniform(size=60))
    rung = base_of("l", rng.uniform(size=60)).on_columns(np.arange(40))
    treated = entry_of("m", rng.uniform(size=60), base.values, by="text").on_columns(np.arange(0, 60, 2))
    found = difference(treated, rung, base, layout_of(60), SETTINGS).found
    expected = treated.values[0, :20].mean() - rung.values[0, ::2].mean()
    assert found.layout.size == 20
    assert found.estimate.value[0] == pytest.approx(expected)


def test_noninferiority_is_one_contrast_that_holds_the_error_of_the_gap() -> None:
    rng = np.random.default_rng(2)
    base, rung, treated = rng.uniform(size=(3, 80)) + np.array([[0.0], [0.4], [0.35]])
    entry = entry_of("m", treated, base, by="text")
    settings = ScoringSettings(margin=0.4)
    found = difference(entry, base_of("l", rung), base_of("m", base), layout_of(80), settings)
    contrast = treated - base - 0.6 * (rung - base)
    expected = stats.ttest_1samp(contrast, 0, alternative="greater").pvalue
    assert found.p_noninferior[0] == pytest.approx(expected, rel=1e-3)
    assert found.gap is not None
    assert found.gap.estimate.value[0] == pytest.approx((rung - base).mean())
    assert np.isnan(found.p_negligible).all()


def test_where_the_ladder_has_no_gap_nothing_is_comparable(tmp_path: Path) -> None:
    frame = Study().frame()
    small = frame[frame["model"] == "small"]
    flat = small[small["arm"] == "none"].assign(model="middle")
    large = frame[frame["model"] == "large"]
    table = comparisons(pd.concat([small, flat, large]), tmp_path)
    rung = table[(table["baseline_kind"] == "rung") & (table["arm"] == "random")]
    assert rung["p_noninferior"].isna().all()
    assert not (rung["verdict"] == "comparable").any()


def test_two_texts_give_a_verdict_by_documents_alone_that_says_so_and_no_rank(tmp_path: Path) -> None:
    entries = {("small", "gap", "code"): 0.5}
    tables = tables_of(Study(entries=entries, texts=2).frame(), tmp_path)
    rows = tables["comparisons.csv"]
    assert set(rows["conditional"]) == {"texts and draws"}
    assert set(rows.query("scope == 'all'")["verdict"]) == {"superior"}
    entry = tables["entries.csv"].query("row_kind == 'entry'")
    assert set(entry["conditional"]) == {"texts and draws"} and "rank" not in entry
    assert tables["pairs.csv"].empty


def test_one_run_on_a_task_of_right_and_wrong_answers_has_mcnemars_p_value(tmp_path: Path) -> None:
    study = Study(entries={("small", "gap", "code"): 0.15}, texts=1, steps=(1,))
    frame = study.frame()
    table = comparisons(frame, tmp_path)
    row = table[(table["baseline_kind"] == "base") & (table["scope"] == "arc")].iloc[0]
    test = frame[(frame["task"] == "arc") & (frame["split"] == "test") & (frame["model"] == "small")]
    wide = test.pivot_table(index="doc_id", columns="arm", values="value")
    counts = [[((wide["gap"] == a) & (wide["none"] == b)).sum() for b in (0, 1)] for a in (0, 1)]
    assert row["p_value"] == pytest.approx(mcnemar(counts, exact=True).pvalue)


def test_a_control_arm_is_compared_with_base_and_rungs_and_no_other_control(tmp_path: Path) -> None:
    entries = {("small", arm, "code"): 0.0 for arm in ("gap", "random", "shuffled")}
    table = comparisons(Study(entries=entries).frame(), tmp_path)
    random = table[table["arm"] == "random"]
    assert set(random["baseline_kind"]) == {"base", "rung"}
    gap = table[table["arm"] == "gap"]
    assert set(gap.loc[gap["baseline_kind"] == "control", "baseline_arm"]) == {"random", "shuffled"}


def test_declared_treatments_and_controls_decide_what_meets_what(tmp_path: Path) -> None:
    entries = {("small", arm, "code"): 0.0 for arm in ("mine", "mine-slow", "noise")}
    table = comparisons(
        Study(entries=entries).frame(), tmp_path, treatments=("mine",), controls={"mine": ("noise",)}
    )
    mine = table[(table["arm"] == "mine") & (table["baseline_kind"] == "control")]
    assert set(mine["baseline_arm"]) == {"noise"}


def test_a_baseline_without_documents_is_refused(tmp_path: Path) -> None:
    frame = Study().frame()
    with pytest.raises(InputError, match="baseline middle of small has no test documents"):
        comparisons(frame[frame["model"] != "middle"], tmp_path)


def test_a_model_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="model large has samples"):
        comparisons(Study().frame(), tmp_path, models={m: MODELS[m] for m in ("small", "middle")})


def flat(shift: float, noise: float = 0.02, seed: int = 0) -> DocumentScores:
    """An entry of m on five draws, whose gain is `shift` and little more or less by document and draw."""
    rng = np.random.default_rng(seed)
    start = M.values[:5]
    return entry_of("m", start + shift + noise * rng.normal(size=start.shape), start)


M = base_of("m", 0.4 + 0.1 * np.random.default_rng(1).normal(size=(10, 200)))
LARGER = base_of("l", 0.6 + 0.1 * np.random.default_rng(2).normal(size=(10, 200)))
SIZES = {name: Model(name, size, "l", "both") for name, size in (("m", 100), ("l", 250), ("k", 260))}


def rows_of(entry: DocumentScores, baselines: list[DocumentScores], base: DocumentScores = M) -> pd.DataFrame:
    layout = layout_of(100, 100, families=("classification", "dialogue"))
    return pd.DataFrame(comparison_rows(entry, baselines, base, SIZES, layout, SETTINGS))


@pytest.mark.parametrize(("shift", "verdict"), [(0.1, "superior"), (0.0, "negligible"), (-0.1, "inferior")])
def test_a_difference_of_less_than_a_tenth_of_the_gap_is_negligible(shift: float, verdict: str) -> None:
    control = entry_of("m", M.values[:5], M.values[:5], arm="random")
    baselines = [M, control, LARGER]
    rows = rows_of(flat(shift), baselines)
    assert set(rows.query("baseline_kind != 'rung'")["verdict"]) == {verdict}
    assert rows.query("baseline_kind == 'rung'")["p_negligible"].isna().all()
    assert rows.query("baseline_kind != 'rung'")["p_noninferior"].isna().all()
    summary = rows[rows["scope"].isin(SUMMARY) & (rows["baseline_kind"] != "rung")]
    expected = multipletests(summary["p_negligible"], method="holm")[1]
    assert summary["p_negligible_adjusted"].to_numpy() == pytest.approx(expected)


def test_negligible_is_one_contrast_of_the_gain_and_a_tenth_of_the_gap() -> None:
    entry = flat(0.001)
    found = difference(entry, M, M, layout_of(200), SETTINGS, LARGER)
    contrast = gain(entry) - 0.1 * (level(LARGER) - level(M))
    below = 1 - contrast.estimated(layout_of(200)).estimate.p_above_zero()
    assert found.p_negligible == pytest.approx(below)
    closer = difference(entry, M, M, layout_of(200), ScoringSettings(negligible=0.01), LARGER)
    assert closer.p_negligible[0] > found.p_negligible[0]


def test_without_an_open_gap_or_a_larger_rung_nothing_is_negligible() -> None:
    same = base_of("l", M.values[::-1])
    for baselines in ([M], [M, same]):
        rows = rows_of(flat(0.0), baselines)
        assert rows["p_negligible"].isna().all() and not (rows["verdict"] == "negligible").any()
    rung = rows.query("baseline_kind == 'rung'")
    assert rung["share_closed"].isna().all() and (rung["share_closed_note"] != "").all()


def test_the_gap_of_the_nearest_of_several_rungs_says_what_is_negligible() -> None:
    farther = base_of("k", LARGER.values + 5)
    one = rows_of(flat(0.0), [M, LARGER])
    two = rows_of(flat(0.0), [M, LARGER, farther])
    first, second = (rows.query("baseline_kind == 'base'")["p_negligible"] for rows in (one, two))
    assert first.to_numpy() == pytest.approx(second.to_numpy())


def test_the_detectable_effect_is_given_at_both_levels() -> None:
    rows = rows_of(flat(0.0), [M, LARGER])
    summary = rows[rows["scope"].isin(SUMMARY)]
    assert (summary["mde_adjusted"] > summary["mde"]).all()
    assert rows.loc[~rows["scope"].isin(SUMMARY), "mde_adjusted"].isna().all()


def finer(scores: DocumentScores) -> DocumentScores:
    """The same with probabilities half as high."""
    return replace(scores, finer=(scores.values / 2, None if scores.start is None else scores.start / 2))


def test_the_finer_measure_has_families_of_its_own_and_no_average_of_both() -> None:
    baselines = [finer(M), finer(LARGER)]
    rows = rows_of(finer(flat(0.01)), baselines, finer(M))
    score, probability = (rows[rows["measure"] == name] for name in ("score", "probability"))
    assert set(probability["scope"]) == {"classification", "dialogue", "t0", "t1"}
    assert set(score["scope"]) == {*SUMMARY, "t0", "t1"}
    both = score.merge(probability, on=["baseline", "scope"])
    assert both["delta_y"].to_numpy() == pytest.approx(both["delta_x"].to_numpy() / 2)
    assert both["p_value_y"].to_numpy() == pytest.approx(both["p_value_x"].to_numpy())
    for found in (score, probability):
        summary = found[found["scope"].isin(SUMMARY)]
        expected = multipletests(summary["p_value"], method="holm")[1]
        assert summary["p_adjusted"].to_numpy() == pytest.approx(expected)
    plain = rows_of(flat(0.01), [M, LARGER])
    pd.testing.assert_frame_equal(plain, score.reset_index(drop=True))


def test_a_baseline_without_probabilities_leaves_the_others_theirs() -> None:
    rows = rows_of(finer(flat(0.01)), [finer(M), LARGER], finer(M))
    probability = rows[rows["measure"] == "probability"]
    assert set(probability["baseline_kind"]) == {"base"}
