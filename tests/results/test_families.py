"""A suite of any families: columns, scopes and claims follow from the families that its tasks have."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scoring.synthetic import MODELS, Study, write_frame

from benchmark.results.score_track import run_score
from benchmark.schema.read_tables import typed_rows
from benchmark.schema.result_columns import Family, families_of, tables
from benchmark.settings.scoring_rules import Claims
from benchmark.settings.scoring_settings import ScoringSettings

Tasks = Mapping[str, Mapping[str, Any]]
THREE: Tasks = {
    "t1": {"family": "reading", "metric": "acc", "chance": 0.25},
    "t2": {"family": "reading", "metric": "acc", "chance": 0.5},
    "t3": {"family": "knowledge", "metric": "acc", "chance": 0.25},
    "t4": {"family": "open-answers", "metric": "f1", "chance": 0.0},
}
ONE: Tasks = {name: {**facts, "family": "reading"} for name, facts in THREE.items() if name != "t4"}
WRITTEN: Tasks = {"t4": THREE["t4"], "t5": THREE["t4"]}
CLAIMS = Claims.model_validate(
    {
        "arm": "gap",
        "placebos": ["random"],
        "controls": {"placebo": {"model": "small", "arm": "random", "corpus": "code"}},
    }
)


def scored(tasks: Tasks, out: Path, **settings: Any) -> Path:
    """The results of a made track with these tasks, whose rows have probabilities."""
    frame = Study(tasks=tasks, documents=30, texts=4).frame()
    frame = frame.assign(probability=frame["value"] / 2)
    given = ScoringSettings(resamples=100, claims=CLAIMS, **settings)
    run_score([write_frame(frame, out / "samples.parquet")], MODELS, out, tasks=tasks, settings=given)
    return out


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = {"reading": "reading of texts", "open-answers": "", "knowledge": ""}
    return scored(THREE, tmp_path_factory.mktemp("three"), families=labels)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scored(ONE, tmp_path_factory.mktemp("one"))


def named(folder: Path, table: str, prefix: str) -> list[str]:
    names = pd.read_csv(folder / table, nrows=0).columns
    return [name for name in names if name.startswith(prefix) and not name.endswith(("_low", "_high"))]


def test_columns_are_those_of_the_families_in_the_suite_s_order(three: Path) -> None:
    families = ["reading", "open-answers", "knowledge"]
    assert named(three, "entries.csv", "score_") == ["score_all", *(f"score_{name}" for name in families)]
    assert named(three, "entries.csv", "probability_") == [f"probability_{name}" for name in families]
    assert named(three, "entries.csv", "corrected_") == [
        "corrected_all",
        "corrected_reading",
        "corrected_knowledge",
    ]
    assert named(three, "runs.csv", "paper_step_") == [f"paper_step_{name}" for name in families]
    assert named(three, "runs.csv", "test_") == ["test_all", *(f"test_{name}" for name in families)]
    assert named(three, "runs.csv", "open-answers") == ["open-answers_loss"]


def test_without_an_order_families_stand_by_name(tmp_path: Path) -> None:
    found = named(scored(THREE, tmp_path), "entries.csv", "probability_")
    assert found == ["probability_knowledge", "probability_open-answers", "probability_reading"]


def test_every_scope_has_its_figures(three: Path) -> None:
    entries = pd.read_csv(three / "entries.csv")
    scores = pd.read_csv(three / "scores.csv").query("measure == 'score'")
    of_scope = scores.set_index(["row_kind", "model", "arm", "corpus", "scope"])["score"]
    for row in entries.fillna({"arm": "none", "corpus": "none"}).to_dict("records"):
        key = tuple(row[name] for name in ("row_kind", "model", "arm", "corpus"))
        for scope in ("all", "reading", "open-answers", "knowledge"):
            assert row[f"score_{scope}"] == pytest.approx(of_scope[(*key, scope)])
            assert row[f"score_{scope}_low"] < row[f"score_{scope}_high"]
        tasks = np.mean(
            [row["score_reading"], row["score_reading"], row["score_knowledge"], row["score_open-answers"]]
        )
        assert row["score_all"] == pytest.approx(tasks)
    summaries = ["all", "knowledge", "open-answers", "reading"]
    comparisons = pd.read_csv(three / "comparisons.csv").query("measure == 'score'")
    assert sorted(set(comparisons["scope"])) == [*summaries, "t1", "t2", "t3", "t4"]
    corrected = comparisons[comparisons["p_adjusted"].notna()]
    assert sorted(set(corrected["scope"])) == summaries


def test_claims_are_decided_by_each_family(three: Path) -> None:
    claims = {claim["id"]: claim for claim in json.loads((three / "claims.json").read_text())["claims"]}
    for claim in ("C1", "C4"):
        assert [row["scope"] for row in claims[claim]["estimates"]] == [
            "reading",
            "open-answers",
            "knowledge",
        ]
    assert claims["C1"]["title"].endswith("on reading, on open answers and on knowledge")
    assert "on average reading of texts +" in claims["C1"]["sentence"]
    assert "; open answers +" in claims["C1"]["sentence"]
    placebo = claims["C0"]["estimates"][0]["found"]
    assert [said.split(":")[0] for said in placebo.split("; ")] == [
        "all",
        "reading",
        "open-answers",
        "knowledge",
    ]


def test_one_family_is_all_tasks_and_stands_there_once(one: Path) -> None:
    assert named(one, "entries.csv", "score_") == ["score_all"]
    assert named(one, "entries.csv", "probability_") == ["probability_all"]
    assert named(one, "runs.csv", "paper_step_") == ["paper_step_all"]
    for measure in ("score", "probability"):
        table = pd.read_csv(one / "comparisons.csv")
        rows = table[table["measure"] == measure]
        assert set(rows["scope"]) == {"all", "t1", "t2", "t3"}
    entries = pd.read_csv(one / "entries.csv")
    assert entries["probability_all"].to_numpy() == pytest.approx(entries["score_all"].to_numpy() / 2)
    claims = {claim["id"]: claim for claim in json.loads((one / "claims.json").read_text())["claims"]}
    assert [row["scope"] for row in claims["C1"]["estimates"]] == ["all"]
    assert claims["C1"]["title"] == "A few steps on random unlabelled text improve the model"
    assert pd.read_csv(one / "runs.csv")["paper_step_all"].notna().all()


def test_one_family_costs_no_more_than_one_test(one: Path) -> None:
    rows = pd.read_csv(one / "comparisons.csv").query(
        "measure == 'score' and scope == 'all' and arm == 'gap'"
    )
    smallest = rows.loc[rows["p_value"].idxmin()]
    assert smallest["p_adjusted"] == pytest.approx(min(1, smallest["p_value"] * len(rows)))


def test_one_written_family_has_a_loss(tmp_path: Path) -> None:
    folder = scored(WRITTEN, tmp_path)
    assert "all_loss" in pd.read_csv(folder / "runs.csv").columns
    assert families_of(pd.read_csv(folder / "runs.csv").columns) == (Family("all", written=True),)


@pytest.mark.parametrize("name", ["entries.csv", "runs.csv"])
@pytest.mark.parametrize("names", [("a", "b-c"), ("x", "y", "all-of-it", "d_e"), ("x",), ()])
def test_a_header_tells_its_families(name: str, names: tuple[str, ...]) -> None:
    families = tuple(Family(one, written=place == 1) for place, one in enumerate(names))
    columns = tables(families)[name].names
    assert len(set(columns)) == len(columns)
    assert families_of(columns) == (families if len(families) > 1 else ())


def test_cells_are_read_with_the_types_of_their_families(three: Path) -> None:
    row = typed_rows(three / "entries.csv")[0]
    assert isinstance(row["score_open-answers"], float) and isinstance(row["n_docs"], int)
    assert isinstance(typed_rows(three / "runs.csv")[0]["paper_step_knowledge"], int)
