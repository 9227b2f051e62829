"""What the committed results of the micro track promise."""

import itertools
from pathlib import Path

import pandas as pd
import pytest

from benchmark.commands.ladder_check import ladder, read_rungs
from benchmark.schema.result_columns import TABLES, Family, tables
from benchmark.settings.load import load_settings
from benchmark.settings.track_settings import arms_of

ROOT = Path(__file__).resolve().parents[2]
PARAMS = ROOT / "params.yaml"
RESULTS = ROOT / "results" / "micro"


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / name, keep_default_na=False, na_values=[""])


def test_the_ladder_is_a_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    ladder(PARAMS)
    assert "This is a ladder" in capsys.readouterr().out
    rungs = read_rungs(PARAMS)
    assert len(rungs.scores) == len(load_settings(PARAMS).models) >= 3
    assert all(step.delta >= 0.03 and step.ci_low > 0 for step in rungs.steps)
    assert (rungs.scores.iloc[0] > rungs.chance).sum() >= 10
    assert rungs.scores.iloc[-1].mean() < 0.95


def test_neighbouring_rungs_are_two_to_three_times_apart() -> None:
    sizes = read_rungs(PARAMS).parameters.to_list()
    ratios = [high / low for low, high in itertools.pairwise(sizes)]
    low, high = load_settings(PARAMS).scoring.ratio
    assert all(low <= ratio <= min(high, 3) for ratio in ratios), ratios


def test_base_rungs_are_scored_on_at_least_500_test_documents_a_task() -> None:
    documents = pd.read_parquet(RESULTS / "documents.parquet", columns=["model", "arm", "task"])
    counts = documents[documents["arm"] == "none"].groupby(["model", "task"]).size()
    assert len(counts) == len(load_settings(PARAMS).models) * documents["task"].nunique()
    assert documents["task"].nunique() == 12
    assert (counts >= 500).all()


def test_the_grid_can_conclude() -> None:
    comparisons = table("comparisons.csv")
    rows = comparisons[
        (comparisons["arm"] == "gap")
        & (comparisons["scope"] == "all")
        & (comparisons["baseline_kind"] == "rung")
    ]
    gap = rows["margin"] / load_settings(PARAMS).scoring.margin
    assert (rows["mde"] <= gap / 2).any()


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_columns_of_its_schema(name: str) -> None:
    families = (Family("classification"), Family("dialogue", written=True))
    assert list(table(name).columns) == tables(families)[name].names


def test_every_entry_of_the_settings_is_in_the_table() -> None:
    settings = load_settings(PARAMS)
    entries = table("entries.csv")
    found = {(row["model"], row["arm"], row["corpus"]) for row in entries.to_dict("records")}
    treated = [name for name, spec in settings.models.items() if spec.role != "baseline"]
    expected = {(m, a, c) for m in treated for c in settings.corpora for a in arms_of(settings, m, c)}
    assert {arm for _, arm, _ in expected} == set(settings.arms)
    assert expected <= found


def test_the_data_page_states_the_familiarity_that_was_measured() -> None:
    entries = table("entries.csv").query("arm == 'gap'").set_index(["model", "corpus"])["corpus_loss"]
    page = (ROOT / "docs" / "DATA.md").read_text(encoding="utf-8")
    for model in ("micro-1", "micro-2"):
        cells = [f"{entries[model, corpus]:.2f}" for corpus in ("unseen", "seen", "code")]
        assert f"| {model} | {' | '.join(cells)} |" in page
