"""The original study's figures, re-analysed: what the files give, and what is refused."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.errors import InputError
from benchmark.published import step_choice
from benchmark.published.claims_of_study import WeightedGains, pooled
from benchmark.published.reanalysis import run_published
from benchmark.published.sampling import COUNTED, NOTEBOOKS, POOL, check_notebooks
from benchmark.published.source_files import FAMILIES, PARAMETERS, read_published
from benchmark.schema.result_columns import Family, tables
from tests.conftest import ROOT, replace_in

FINDINGS = ROOT / "docs" / "FINDINGS.md"
COMMITTED = ROOT / "results" / "published"
FILES = (
    "runs.csv",
    "entries.csv",
    "comparisons.csv",
    "claims.json",
    "published.json",
    "selection_simulation.csv",
)

STUDY = {
    "opt-350m": (0.4568, 0.4584, 0.1174, 0.1231),
    "opt-1-3b": (0.5075, 0.5101, 0.1299, 0.1371),
    "opt-2-7b": (0.5173, 0.5187, 0.1353, 0.1413),
}
"""Baseline and mean of best, classification then dialogue, in the study's files to four decimals."""


@pytest.fixture(scope="module")
def source(data_dir: Path) -> Path:
    folder = data_dir / "official-gap" / "full_results"
    if not folder.is_dir():
        pytest.skip(f"no published figures in {folder}")
    return folder


@pytest.fixture(scope="module")
def written(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("published")
    return out, run_published(source, out)


@pytest.fixture(scope="module")
def facts(written: tuple[Path, list[str]]) -> dict:
    return json.loads((written[0] / "published.json").read_text())


@pytest.fixture(scope="module")
def claims(written: tuple[Path, list[str]]) -> list[dict]:
    return json.loads((written[0] / "claims.json").read_text())["claims"]


@pytest.fixture
def comparisons(written: tuple[Path, list[str]]) -> pd.DataFrame:
    return pd.read_csv(written[0] / "comparisons.csv")


def test_the_published_figures_come_out_to_four_decimals(facts: dict) -> None:
    found = {(f["model"], f["family"]): f for f in facts["figures"]}
    for model, figures in STUDY.items():
        rounded = [
            round(found[model, family][name], 4)
            for family in FAMILIES
            for name in ("baseline", "mean_of_best")
        ]
        assert tuple(rounded) == figures


def test_each_file_has_894_rows(facts: dict) -> None:
    for family in FAMILIES:
        assert facts["rows"][family]["rows"] == 894
        assert facts["rows"][family]["by_model"] == {"opt-350m": 300, "opt-1-3b": 294, "opt-2-7b": 300}
        assert facts["rows"][family]["by_model_and_corpus"]["opt-1-3b"] == {
            "code": 100,
            "pile-cc": 94,
            "tdec": 100,
        }


def test_no_published_best_lies_below_its_baseline(facts: dict) -> None:
    assert [figure["runs_below_baseline"] for figure in facts["figures"]] == [0] * 6


def test_the_unmodified_model_is_the_best_step_as_often_as_the_rows_say(source: Path, facts: dict) -> None:
    rows = pd.read_csv(source / "classification.csv")
    assert facts["steps"]["unmodified"]["classification"]["runs"] == int((rows["epoch"] == 0).sum()) == 355
    assert facts["steps"]["unmodified"]["dialogue"]["share"] == pytest.approx(81 / 894)


def test_both_families_choose_one_epoch_in_about_a_fifth_of_runs(facts: dict) -> None:
    low, high = facts["steps"]["share_same_epoch_interval"]
    assert low < 0.2 < high


def test_tables_have_the_columns_of_the_schema_and_every_row_of_the_files(
    written: tuple[Path, list[str]],
) -> None:
    out, _ = written
    expected = tables((Family("classification"), Family("dialogue", written=True)))
    for name in ("runs.csv", "entries.csv", "comparisons.csv"):
        assert list(pd.read_csv(out / name).columns) == expected[name].names
    runs = pd.read_csv(out / "runs.csv")
    assert runs["test_classification"].notna().sum() == runs["test_dialogue"].notna().sum() == 894
    assert not runs.duplicated(["model", "arm", "corpus", "text_id", "seed"]).any()


def test_a_comparison_is_a_t_test_over_texts(source: Path, comparisons: pd.DataFrame) -> None:
    raw = pd.read_csv(source / "dialog.csv").query("model == '1.3B' and corpora == 'Git.'")
    texts = raw.groupby("index")["average"].mean() - 0.1353267151862383
    test = stats.ttest_1samp(texts, 0)
    row = comparisons.query(
        "model == 'opt-1-3b' and corpus == 'code' and baseline_kind == 'rung' and scope == 'dialogue'"
    )
    interval = test.confidence_interval(0.95)
    assert row["delta"].item() == pytest.approx(texts.mean(), rel=1e-6)
    assert row["ci_low"].item() == pytest.approx(interval.low, rel=1e-5)
    assert row["p_value"].item() == pytest.approx(test.pvalue, rel=1e-5)
    assert row["n_texts"].item() == raw["index"].nunique()


def test_the_largest_pair_has_no_data_and_nothing_is_called_comparable(comparisons: pd.DataFrame) -> None:
    largest = comparisons[comparisons["baseline"] == "opt-6-7b"]
    assert set(largest["verdict"]) == {"no data"}
    assert largest["delta"].isna().all()
    assert comparisons["p_noninferior"].isna().all()
    assert "comparable" not in set(comparisons["verdict"])


def test_adjusted_p_values_are_holm_within_an_entry(comparisons: pd.DataFrame) -> None:
    for _, entry in comparisons.query("delta.notna()").groupby(["model", "corpus"]):
        family = entry[entry["scope"].isin(FAMILIES) & (entry["baseline_kind"] == "rung")]
        if family.empty:
            continue
        expected = multipletests(family["p_value"], method="holm")[1]
        np.testing.assert_allclose(family["p_adjusted"], expected, rtol=1e-5)


def test_what_cannot_fail_is_not_tested(comparisons: pd.DataFrame, claims: list[dict]) -> None:
    table = comparisons.query("delta.notna()")
    chosen = (table["baseline_kind"] == "base") & table["scope"].isin(FAMILIES)
    assert (table.loc[chosen, "delta"] >= 0).all() and set(table.loc[chosen, "verdict"]) == {"no test"}
    assert table.loc[chosen, ["p_value", "p_adjusted", "q_value", "mde"]].isna().all(axis=None)
    assert table.loc[~chosen, "p_value"].notna().all() and "no test" not in set(table.loc[~chosen, "verdict"])
    assert all(part["p_value"] is None and part["p_adjusted"] is None for part in claims[0]["parts"])


def test_claims_say_what_the_files_cannot_show(claims: list[dict]) -> None:
    outcomes = ["inconclusive", "not reproduced", "reproduced", "inconclusive"]
    assert [(claim["id"], claim["outcome"]) for claim in claims] == list(
        zip(("C1", "C2", "C3", "C4"), outcomes, strict=True)
    )
    assert "could not have been negative" in claims[0]["sentence"]
    assert all(part["delta"] is None for part in claims[3]["parts"])
    assert any("6-7b" in part["baseline"] and part["note"] == "no data" for part in claims[1]["parts"])


def test_choice_alone_reproduces_c1_where_nothing_changes(facts: dict) -> None:
    assert facts["selection"]["null_rate"] > 0.95


def test_two_calls_and_files_in_another_order_give_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_choice, "RUNS", 20)
    monkeypatch.setattr(step_choice, "STUDIES", 2)
    shuffled = tmp_path / "full_results"
    shuffled.mkdir()
    for name in ("classification.csv", "dialog.csv"):
        header, *lines = (source / name).read_text().splitlines()
        np.random.default_rng(1).shuffle(lines)
        (shuffled / name).write_text("\n".join([header, *lines]) + "\n")
    first, second = (run_published(folder, tmp_path / folder.parent.name) for folder in (source, shuffled))
    assert first == second
    for name in FILES:
        written = [(tmp_path / folder.parent.name / name).read_bytes() for folder in (source, shuffled)]
        assert written[0] == written[1]


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def test_the_committed_results_are_those_of_the_code(written: tuple[Path, list[str]]) -> None:
    """The same words, and numbers that differ by no more than two machines' arithmetic."""
    for name in FILES:
        stored, computed = ((folder / name).read_text() for folder in (COMMITTED, written[0]))
        assert NUMBER.sub("#", stored) == NUMBER.sub("#", computed), f"run the published track again: {name}"
        numbers = [np.array(NUMBER.findall(text), dtype=float) for text in (stored, computed)]
        np.testing.assert_allclose(*numbers, rtol=1e-6, atol=1e-12, err_msg=name)


def test_every_number_in_the_findings_is_printed_by_the_command(written: tuple[Path, list[str]]) -> None:
    printed = {number for line in written[1] for number in _numbers(line)}
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|^#[^\n]*", " ", FINDINGS.read_text(), flags=re.S | re.M)
    quoted = _numbers(text)
    assert len(quoted) > 40
    assert [number for number in quoted if number not in printed] == []


def _numbers(text: str) -> list[str]:
    named = re.sub(r"(?i)opt-[\d.-]+[mb]|\b[\d.]+[MB]\b(?! parameters)|\bC\d\b|\bF1\b|\bGAP\b", " ", text)
    return re.findall(r"\d+(?:\.\d+)?", named)


def test_the_two_files_hold_the_same_texts_but_for_one_in_two_cells(source: Path, facts: dict) -> None:
    tables = [pd.read_csv(source / name) for name in ("classification.csv", "dialog.csv")]
    cells = [
        [
            Counter(table["index"][(table["model"] == model) & (table["corpora"] == corpus)])
            for table in tables
        ]
        for model in ("350M", "1.3B", "2.7B")
        for corpus in ("TDEC", "CC", "Git.")
    ]
    found = facts["sampling"]
    assert found["cells_with_the_same_texts"] == sum(a == b for a, b in cells) == 7
    assert found["most_texts_that_differ"] == 1 and found["cells"] == 9
    assert found["runs"] == {"classification": 1689, "dialogue": 1690}
    assert found["unpublished_at_most"] == {"classification": 795, "dialogue": 796}


def _notebooks(folder: Path, **changed: int) -> Path:
    """Notebooks with the counts of the original's, except those of the dialogue one that are `changed`."""
    beside = folder.parent / "notebooks"
    beside.mkdir()
    for family, name in NOTEBOOKS.items():
        counts = {**POOL[family], "valid_runs": sum(POOL[family].values())}
        counts |= (
            {key.replace("_", "-"): value for key, value in changed.items()} if family == "dialogue" else {}
        )
        cells = [{"source": ["import random\n"], "outputs": []}]
        for key, line in COUNTED.items():
            output = {"data": {"text/plain": [str(counts[key])]}}
            cells.append({"source": ["runs = kept()\n", line], "outputs": [output]})
        (beside / name).write_text(json.dumps({"cells": cells}))
    return beside


def test_notebooks_beside_the_files_are_held_against_what_is_said_of_them(
    copied: Path, tmp_path: Path
) -> None:
    assert not check_notebooks(copied)
    beside = _notebooks(copied)
    assert check_notebooks(copied) and check_notebooks(copied.parent)
    (beside / NOTEBOOKS["dialogue"]).write_text("{")
    with pytest.raises(InputError, match="is no notebook with its outputs"):
        check_notebooks(copied)
    (beside / NOTEBOOKS["dialogue"]).unlink()
    with pytest.raises(InputError, match=r"full_results_dialog\.ipynb is missing"):
        run_published(copied, tmp_path / "out")


def test_a_notebook_with_another_count_is_refused(copied: Path) -> None:
    _notebooks(copied, opt_350m=700)
    with pytest.raises(InputError, match="opt-350m 700 is not what the commit") as refused:
        check_notebooks(copied)
    assert "\n" not in str(refused.value)


def test_over_documents_only_the_smallest_model_s_classification_stands(facts: dict) -> None:
    parts = {(p["model"], p["corpus"], p["scope"]): p for p in facts["documents"]["parts"]}
    assert len(parts) == 12
    kept = {key for key, part in parts.items() if part["stands"]}
    assert kept == {("opt-350m", corpus, "classification") for corpus in ("code", "pile-cc", "tdec")}
    ours = [parts["opt-1-3b", corpus, "classification"] for corpus in ("code", "pile-cc", "tdec")]
    assert all(part["outcome"] == "not reproduced" for part in ours)
    assert [round(part["contrast"], 4) for part in ours] == [-0.0014, -0.0029, -0.0027]
    # Half of the gap's error: 20 % of 6 x 320, 295 and 100 choices disagree, each task an eighth.
    error = 0.5 * (0.2 / 64 * (6 / 320 + 1 / 295 + 1 / 100)) ** 0.5
    assert [part["error"] for part in ours] == pytest.approx([error] * 3)


def test_what_excludes_the_margin_over_texts_does_so_by_far(claims: list[dict], facts: dict) -> None:
    """So a p-value from the interval, corrected by Holm, moves no verdict."""
    gaps = {(figure["model"], figure["family"]): figure["gap"] for figure in facts["figures"]}
    excluded = [part for part in claims[1]["parts"] if part["outcome"] == "not reproduced"]
    assert len(excluded) == 7
    for part in excluded:
        error = (part["ci_high"] - part["ci_low"]) / 2 / stats.norm.ppf(0.975)
        assert (part["delta"] + gaps[part["model"], part["scope"]] / 2) / error < -5.5


def test_parameters_are_those_of_the_architectures() -> None:
    """Counted from hidden size, layers, 50,272 tokens, 2,050 positions; 350M projects embeddings of 512."""

    def count(hidden: int, layers: int, embedding: int) -> int:
        layer = 12 * hidden**2 + 13 * hidden
        projections = 2 * hidden * embedding if embedding != hidden else 0
        final_norm = 2 * hidden if embedding == hidden else 0
        return layers * layer + 50272 * embedding + 2050 * hidden + projections + final_norm

    counted = {
        "opt-350m": count(1024, 24, 512),
        "opt-1-3b": count(2048, 24, 2048),
        "opt-2-7b": count(2560, 32, 2560),
        "opt-6-7b": count(4096, 32, 4096),
    }
    assert counted == PARAMETERS


@pytest.fixture
def copied(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "full_results"))


@pytest.mark.parametrize(
    ("name", "change", "to", "message"),
    [
        ("classification.csv", "piqa/acc", "piqa/f1", "lacks columns piqa/acc"),
        ("classification.csv", "350M", "13B", "model 13B is not one of"),
        ("dialog.csv", "TDEC,10,6,", "Books,10,6,", "corpora Books is not one of"),
        ("dialog.csv", "TDEC,10,6,", "TDEC,10,-6,", "line 2, column epoch is not a whole number"),
        ("dialog.csv", ",0.1331327259540558,", ",1.1331327259540558,", "is not a score between 0 and 1"),
        ("dialog.csv", ",0.1331327259540558,", ",nan,", "is not a score between 0 and 1"),
        (
            "dialog.csv",
            ",0.1331327259540558,",
            ",0.2331327259540558,",
            "average is not the mean of its tasks",
        ),
    ],
)
def test_a_file_that_is_not_the_study_s_is_refused(
    copied: Path, tmp_path: Path, name: str, change: str, to: str, message: str
) -> None:
    replace_in(copied / name, change, to)
    with pytest.raises(InputError, match=message) as refused:
        run_published(copied, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_or_file_is_refused(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        read_published(tmp_path / "nowhere")
    (copied / "dialog.csv").unlink()
    with pytest.raises(InputError, match=r"dialog\.csv is missing"):
        read_published(copied)
    (copied / "dialog.csv").write_text("")
    with pytest.raises(InputError, match="no CSV table"):
        read_published(copied)


def test_the_folder_around_full_results_is_taken_too(copied: Path) -> None:
    inside, around = read_published(copied), read_published(copied.parent)
    pd.testing.assert_frame_equal(inside.dialogue.rows, around.dialogue.rows)


def test_a_file_in_the_place_of_the_output_is_refused(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file"):
        run_published(copied, tmp_path / "out")


def test_a_model_without_an_unmodified_row_is_refused(copied: Path) -> None:
    path = copied / "dialog.csv"
    table = pd.read_csv(path)
    table[(table["model"] != "1.3B") | (table["epoch"] != 0)].to_csv(path, index=False)
    with pytest.raises(InputError, match="no epoch 0 row of opt-1-3b"):
        read_published(copied)


def test_cells_of_several_corpora_and_one_model_have_welch_s_interval() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = (pd.Series(rng.normal(mean, sd, n)) for mean, sd, n in ((0.3, 1, 20), (0, 2, 12)))
    part = pooled([WeightedGains("code", ours, 1.0), WeightedGains("cc", theirs, -1.0)], 0.0, "all", "other")
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = expected.confidence_interval()
    assert part.p_value == pytest.approx(expected.pvalue)
    assert (part.ci_low, part.ci_high) == (pytest.approx(low), pytest.approx(high))


def test_a_text_that_moves_two_models_alike_counts_once() -> None:
    gains = pd.Series(np.random.default_rng(1).normal(0.2, 1, 30))
    expected = stats.ttest_1samp(gains, 0)
    both = pooled([WeightedGains("code", gains, 0.5), WeightedGains("code", gains, 0.5)], 0.0, "all", "base")
    assert both.p_value == pytest.approx(expected.pvalue)
    shifted = pooled([WeightedGains("code", gains, 1.0)], -1.0, "all", "larger")
    assert shifted.p_value == pytest.approx(stats.ttest_1samp(gains, 1.0).pvalue)


def test_cells_without_spread_or_with_two_texts_leave_no_figure() -> None:
    same, few = pd.Series([0.1] * 5), pd.Series([0.1, 0.2])
    for cells in ([WeightedGains("code", same, 1.0)], [WeightedGains("code", few, 1.0)], []):
        part = pooled(cells, 0.0, "all", "base")
        assert part.delta is None and part.note.startswith("no data")
