"""The table of an entry: what it quotes, how it is found, and what is refused."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmark.errors import InputError
from benchmark.reports.citation import read_citation
from benchmark.reports.entry_report import report
from benchmark.schema.result_columns import COMPARISONS, Family, entries_columns

NAMED = {"track": "micro", "suite_version": "micro12-1", "model": "micro-1", "arm": "gap", "corpus": "code_x"}
COUNTS = {"n_texts": 5, "n_draws": 3}
ENTRY = (
    NAMED
    | COUNTS
    | {
        "row_kind": "entry",
        "parameters": 70_144,
        "n_docs": 3840,
        "score_all": 0.512345,
        "score_all_low": 0.50123,
        "score_all_high": 0.52345,
        "score_dialogue": 0.2,
        "effective_size": 81_234.5,
        "effective_size_low": 70_144.0,
        "effective_size_high": 120_000.0,
        "effective_size_note": "interval reaches below the ladder",
        "optimism": 0.0031,
        "verification": "self-reported",
    }
)
COMPARISON = (
    NAMED
    | COUNTS
    | {
        "baseline": "micro-2",
        "baseline_kind": "rung",
        "baseline_arm": "none",
        "measure": "score",
        "scope": "all",
        "delta": -0.0123,
        "ci_low": -0.0234,
        "ci_high": -0.0012,
        "p_value": 0.03,
        "p_adjusted": 0.00001,
        "verdict": "inferior",
    }
)
CFF = """cff-version: 1.2.0
title: A bench
version: 0.1.0
date-released: 2026-01-02
url: https://example.org/bench
authors:
  - {given-names: Ada, family-names: Lovelace}
  - {name: The team}
"""


def _write(folder: Path, entries: list[dict], comparisons: list[dict]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    columns = entries_columns((Family("classification"), Family("dialogue", written=True)))
    for name, rows, schema in (("entries", entries, columns), ("comparisons", comparisons, COMPARISONS)):
        pd.DataFrame(rows, columns=schema.names).to_csv(folder / f"{name}.csv", index=False)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    rung = {"track": "micro", "row_kind": "rung", "model": "micro-2", "arm": "none", "corpus": "none"}
    single = {**COMPARISON, "scope": "piqa", "verdict": "superior"}
    control = {**COMPARISON, "baseline": "micro-1", "baseline_kind": "control", "baseline_arm": "random"}
    empty = dict.fromkeys(("delta", "ci_low", "ci_high"))
    missing = {**COMPARISON, **empty, "baseline": "micro-9", "verdict": "no data"}
    other = {**COMPARISON, "corpus": "seen", "verdict": "comparable"}
    _write(tmp_path / "results" / "micro", [ENTRY, rung], [COMPARISON, single, control, missing, other])
    (tmp_path / "CITATION.cff").write_text(CFF)
    return tmp_path / "results"


def test_markdown_holds_scores_comparisons_size_and_citation(results: Path) -> None:
    text = report(results, "micro-1/gap/code_x", "md")
    assert "| all | 0.512 | 0.501 to 0.523 |" in text
    assert "| dialogue | 0.2000 |  |" in text
    assert "| micro-2 | all | -0.012 | -0.023 to -0.001 | \\< 0.0001 | inferior |" in text
    assert "| control random | all |" in text
    assert "| micro-9 | all | no data |  |" in text
    assert "81.2k (95 % 70.1k to 120k), own size 70.1k; interval reaches below the ladder" in text
    assert "Cite as: Ada Lovelace, The team (2026). A bench, version 0.1.0. https://example.org/bench" in text
    assert "code\\_x" in text
    assert "piqa" not in text
    assert "comparable" not in text


def test_what_interval_and_verdict_rest_on_is_said(results: Path, tmp_path: Path) -> None:
    assert "They are over documents and pretraining draws." in report(results, "micro-1/gap/code_x")
    assert "5 texts on 3 pretraining draws, 3840 documents" in report(results, "micro-1/gap/code_x")
    for given, said in (
        ("draws", "fewer than three draws"),
        ("texts and draws", "over documents alone, given"),
    ):
        rows = [{**row, "conditional": given} for row in (ENTRY, COMPARISON)]
        _write(tmp_path / given, rows[:1], rows[1:])
        text = report(tmp_path / given, "micro-1/gap/code_x")
        assert said in text and "over documents and pretraining draws" not in text
        assert ("| inferior, documents alone |" in text) == (given == "texts and draws")


def test_the_share_of_the_gap_and_the_best_text_are_told(results: Path, tmp_path: Path) -> None:
    best = {"best_text_gain_all": 0.02, "best_text_gain_all_low": 0.01, "best_text_gain_all_high": 0.03}
    share = {"share_closed": 0.314, "share_closed_low": 0.12, "share_closed_high": 0.58}
    below = {"effective_size": None, "effective_size_note": "below the ladder"}
    finer = {**COMPARISON, "measure": "probability", "scope": "dialogue", "verdict": "superior"}
    _write(tmp_path / "new", [{**ENTRY, **best, **below}], [{**COMPARISON, **share}, finer])
    text = report(tmp_path / "new", "micro-1/gap/code_x")
    assert "Of the gap to micro-2 it closes 31 % (95 % 12 % to 58 %)." in text
    assert "The best text and step on select gains +0.020 (95 % +0.010 to +0.030) on test" in text
    assert "Effective size: below the ladder." in text
    assert "superior" not in text


def test_results_of_an_older_version_are_quoted_too(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    _write(folder, [ENTRY], [COMPARISON])
    for name in ("entries", "comparisons"):
        table = pd.read_csv(folder / f"{name}.csv").rename(columns={"n_texts": "n_runs"})
        table.drop(columns=["n_draws", "conditional", "measure"], errors="ignore").to_csv(
            folder / f"{name}.csv", index=False
        )
    text = report(folder, "micro-1/gap/code_x")
    assert "5 texts, 3840 documents" in text and "given the one pretrained model" in text
    assert "| micro-2 | all | -0.012 |" in text


def test_latex_escapes_and_is_a_booktabs_table(results: Path) -> None:
    text = report(results, "micro/micro-1/gap/code_x", "latex")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert r"\texttt{micro-1/gap/code\_x}" in text
    assert r"95 \%" in text
    assert "%   author = {Ada Lovelace and The team}" in text
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert not any("%" in line.replace(r"\%", "") for line in body)


def test_json_holds_the_rows_as_they_are_stored(results: Path) -> None:
    content = json.loads(report(results / "micro", "micro-1/gap/code_x", "json"))
    assert content["entry"]["score_all"] == 0.512345
    assert content["entry"]["parameters"] == 70_144
    assert content["entry"]["rank"] is None
    assert [row["delta"] for row in content["comparisons"]] == [-0.0123, -0.0123, None]
    assert content["citation"]["bibtex"].startswith("@software{")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("micro-1/gap", "is not model/arm/corpus"),
        ("micro-1//code_x", "is not model/arm/corpus"),
        ("micro-1/gap/cod_x", "the nearest is micro-1/gap/code_x"),
        ("micro-2/none/none", "no entry micro-2/none/none"),
        ("paper/micro-1/gap/code_x", "no entry paper/micro-1/gap/code_x"),
    ],
)
def test_an_entry_that_is_not_there_is_refused_with_the_nearest_one(
    results: Path, entry: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        report(results, entry)


def test_an_entry_of_two_tracks_needs_its_track(results: Path) -> None:
    _write(results / "paper", [{**ENTRY, "track": "paper"}], [])
    with pytest.raises(InputError, match="stands in tracks micro, paper"):
        report(results, "micro-1/gap/code_x")
    assert "Track paper" in report(results, "paper/micro-1/gap/code_x")


def test_unknown_formats_and_folders_without_results_are_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="format html"):
        report(results, "micro-1/gap/code_x", "html")
    with pytest.raises(InputError, match=r"no entries\.csv"):
        report(tmp_path / "nowhere", "micro-1/gap/code_x")


def test_a_table_without_its_columns_is_refused(results: Path) -> None:
    (results / "micro" / "comparisons.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks columns"):
        report(results, "micro-1/gap/code_x")


def test_a_broken_citation_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "CITATION.cff").write_text("title: [")
    with pytest.raises(InputError, match="is not YAML"):
        read_citation(tmp_path)
    (tmp_path / "CITATION.cff").write_text("version: 1\n")
    with pytest.raises(InputError, match="has no title"):
        read_citation(tmp_path)


def test_an_entry_without_a_control_says_so(results: Path, tmp_path: Path) -> None:
    said = "Compared with no control"
    assert said not in report(results, "micro-1/gap/code_x")
    _write(tmp_path / "alone", [ENTRY], [COMPARISON])
    assert said in report(tmp_path / "alone", "micro-1/gap/code_x")
