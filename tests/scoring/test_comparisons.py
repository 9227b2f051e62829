"""Comparisons and verdicts: what pairs, which tests are a family, in which order a verdict is reached."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from benchmark.errors import InputError
from benchmark.scoring.comparisons import Baseline, difference, noninferiority, verdict
from benchmark.scoring.layout import DocumentScores, Layout, Task
from benchmark.scoring.records import Records
from benchmark.scoring.samples import read_samples
from benchmark.scoring.score import score_tables
from benchmark.scoring.settings import ScoringSettings
from tests.scoring.synthetic import MODELS, TASKS, Study, write_frame

SUMMARY = ("all", "classification", "dialogue")
NAN = float("nan")


def comparisons(frame: pd.DataFrame, folder: Path, models: Any = MODELS, **settings: Any) -> pd.DataFrame:
    samples = read_samples([write_frame(frame, folder / "samples.parquet")], TASKS)
    tables = score_tables(samples, models, Records(), ScoringSettings(**settings))
    return pd.DataFrame(tables["comparisons.csv"])


def scores(model: str, values: np.ndarray, texts: tuple[str, ...] = ()) -> DocumentScores:
    values = np.atleast_2d(values)
    return DocumentScores(model, "gap", "code", texts, np.arange(values.shape[1]), values)


def one_task(documents: int) -> Layout:
    task = Task("arc", "classification", "acc")
    return Layout((task,), np.zeros(documents, dtype=np.int64), np.arange(documents))


@pytest.mark.parametrize(
    ("delta", "p_adjusted", "p_noninferior", "texts", "expected"),
    [
        (0.1, 0.01, 0.001, 5, "superior"),
        (-0.1, 0.01, 0.001, 5, "comparable"),
        (0.1, 0.20, 0.001, 5, "comparable"),
        (-0.1, 0.01, 0.300, 5, "inferior"),
        (-0.1, 0.20, 0.030, 5, "inconclusive"),
        (0.0, 1.00, NAN, 5, "inconclusive"),
        (0.1, NAN, NAN, 5, "inconclusive"),
        (0.1, 0.001, 0.001, 2, "inconclusive"),
    ],
)
def test_a_verdict_is_reached_in_the_stated_order(
    delta: float, p_adjusted: float, p_noninferior: float, texts: int, expected: str
) -> None:
    assert verdict(delta, p_adjusted, p_noninferior, texts) == expected


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
    treated = scores("m", noise + 0.1 + 0.01 * rng.normal(size=(5, 60)), texts)
    control = scores("m", noise[::-1], texts[::-1])
    found = difference(treated, Baseline("control", control), treated, one_task(60), 0.5)
    assert found.texts == 5
    assert found.estimate.error[0] < 0.01


def test_only_the_texts_of_both_arms_pair() -> None:
    rng = np.random.default_rng(0)
    treated = scores("m", rng.normal(size=(4, 30)), ("a", "b", "c", "d"))
    control = scores("m", rng.normal(size=(3, 30)), ("b", "d", "x"))
    assert difference(treated, Baseline("control", control), treated, one_task(30), 0.5).texts == 2


def test_a_control_with_other_texts_is_an_independent_sample_of_texts() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(n, 1)) * np.ones((n, 30)) for n in (4, 3))
    treated, control = scores("m", first, ("a", "b", "c", "d")), scores("m", second, ("x", "y", "z"))
    found = difference(treated, Baseline("control", control), treated, one_task(30), 0.5)
    expected = stats.sem(first[:, 0]) ** 2 + stats.sem(second[:, 0]) ** 2
    assert found.texts == 3
    assert found.estimate.variance[0] == pytest.approx(expected)


def test_only_the_documents_of_both_are_compared() -> None:
    rng = np.random.default_rng(1)
    treated = DocumentScores("m", "gap", "c", ("a",), np.arange(0, 60, 2), rng.uniform(size=(1, 30)))
    rung = DocumentScores("l", "none", "none", (), np.arange(40), rng.uniform(size=(1, 40)))
    base = DocumentScores("m", "none", "none", (), np.arange(60), rng.uniform(size=(1, 60)))
    found = difference(treated, Baseline("rung", rung), base, one_task(60), 0.5)
    expected = treated.values[0, :20].mean() - rung.values[0, ::2].mean()
    assert found.layout.size == 20
    assert found.estimate.value[0] == pytest.approx(expected)


def test_noninferiority_is_one_contrast_that_holds_the_error_of_the_gap() -> None:
    rng = np.random.default_rng(2)
    base, rung, treated = rng.uniform(size=(3, 80)) + np.array([[0.0], [0.4], [0.35]])
    found = noninferiority(treated[None], base, rung, one_task(80), 0.4)
    contrast = treated - base - 0.6 * (rung - base)
    expected = stats.ttest_1samp(contrast, 0, alternative="greater").pvalue
    assert found.p_value[0] == pytest.approx(expected, rel=1e-3)
    assert found.margin[0] == pytest.approx(0.4 * (rung - base).mean())


def test_where_the_ladder_has_no_gap_nothing_is_comparable(tmp_path: Path) -> None:
    frame = Study().frame()
    small = frame[frame["model"] == "small"]
    flat = small[small["arm"] == "none"].assign(model="middle")
    large = frame[frame["model"] == "large"]
    table = comparisons(pd.concat([small, flat, large]), tmp_path)
    rung = table[(table["baseline_kind"] == "rung") & (table["arm"] == "random")]
    assert rung["p_noninferior"].isna().all()
    assert not (rung["verdict"] == "comparable").any()


def test_two_texts_give_no_verdict(tmp_path: Path) -> None:
    entries = {("small", "gap", "code"): 0.5}
    table = comparisons(Study(entries=entries, texts=2).frame(), tmp_path)
    assert set(table["verdict"]) == {"inconclusive"}
    assert (table["p_value"].min()) < 1e-6


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
