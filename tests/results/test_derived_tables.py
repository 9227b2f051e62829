"""Claims, familiarity, sensitivity and profiles come out of a call of scoring, beside its own tables."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmark.claims.parts import NO_CONTROL
from benchmark.results.derived_tables import arm_rates
from benchmark.results.score_track import run_score
from benchmark.scoring.run_records import read_records
from benchmark.settings.scoring_rules import Claims
from benchmark.settings.scoring_settings import ScoringSettings
from tests.scoring.synthetic import MODELS, TASKS, Study

ENTRIES = {
    ("small", "gap", "code"): 0.15,
    ("small", "gap", "seen"): 0.05,
    ("small", "random", "code"): 0.0,
    ("small", "random", "seen"): 0.0,
}
FAMILIES = ["classification", "dialogue"]
CLAIMS = Claims(placebos=("random",), pairs={"small": "middle"})


def _record(arm: str, corpus: str, text: int) -> dict:
    return {
        "model": "small",
        "arm": arm,
        "corpus": corpus,
        "text_id": f"{corpus}-{text}",
        "seed": 0,
        "settings": {
            "arm": {"kind": "ascent" if arm == "gap" else "random", "learning_rate": None},
            "posttrain": {"learning_rate": 5e-5},
        },
        "corpus_loss": 3.0 if corpus == "code" else 2.0,
        "steps": [{"step": 0, "loss": 3.0 + 0.1 * text + (corpus == "code")}],
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("derived")
    samples = Study(entries=ENTRIES, documents=120).write(folder / "samples.parquet")
    records = [_record(arm, corpus, text) for _, arm, corpus in ENTRIES for text in range(5)]
    settings = ScoringSettings(claims=CLAIMS)
    run_score([samples], MODELS, folder / "out", tasks=TASKS, runs=records, settings=settings)
    return folder / "out"


def test_claims_are_decided_on_the_comparisons_that_were_written(results: Path) -> None:
    document = json.loads((results / "claims.json").read_text())
    comparisons = pd.read_csv(results / "comparisons.csv")
    claims = {claim["id"]: claim for claim in document["claims"]}
    assert [len(claims[c]["parts"]) for c in ("C1", "C2", "C3", "C4")] == [4, 2, 1, 4]
    placebo = comparisons.query("arm == 'gap' and baseline_kind == 'control' and scope in @FAMILIES")
    deltas = sorted(part["delta"] for part in claims["C4"]["parts"])
    assert deltas == pytest.approx(sorted(placebo["delta"]))
    assert all(part["note"] != "no data" for claim in claims.values() for part in claim["parts"])


def test_a_gain_in_a_profile_and_a_familiarity_is_that_of_the_runs(results: Path) -> None:
    profile, runs = pd.read_csv(results / "profile.csv"), pd.read_csv(results / "runs.csv")
    assert len(profile.groupby(["arm", "corpus"])) == len(ENTRIES)
    lowest = profile.groupby(["arm", "corpus"])["share"].max()
    assert lowest.loc[("gap", "code")] == 1.0
    assert profile["threshold"].max() == pytest.approx(runs["test_all"].max())
    familiarity = pd.read_csv(results / "familiarity.csv").set_index("level")
    assert familiarity.loc["texts", "n"] == 10
    assert set(familiarity["arm"]) == {"gap"}
    assert familiarity.loc["corpora", "spearman"] == pytest.approx(1.0)


def test_the_gain_by_step_starts_from_the_base_model_of_the_same_documents(results: Path) -> None:
    table, curves = pd.read_csv(results / "sensitivity.csv"), pd.read_csv(results / "run_curves.csv")
    chosen = curves.query("arm == 'gap' and corpus == 'code' and split == 'test' and scope == 'all'")
    gain = chosen.query("step == 2")["score"].mean() - chosen.query("step == 0")["score"].mean()
    row = table.query("arm == 'gap' and corpus == 'code' and scope == 'all' and step == 2")
    assert row["gain"].item() == pytest.approx(gain)
    assert row["learning_rate"].item() == 5e-5


def test_tables_without_run_records_have_no_learning_rates_and_still_claims(tmp_path: Path) -> None:
    samples = Study(entries=ENTRIES, documents=20).write(tmp_path / "samples.parquet")
    run_score([samples], MODELS, tmp_path / "out", tasks=TASKS, settings=ScoringSettings(claims=CLAIMS))
    assert pd.read_csv(tmp_path / "out" / "sensitivity.csv").empty
    assert len(json.loads((tmp_path / "out" / "claims.json").read_text())["claims"]) == 4


def test_an_arm_s_own_learning_rate_comes_before_the_track_s() -> None:
    record = _record("gap", "code", 0)
    other = _record("gap-lr1e-4", "code", 0)
    other["settings"]["arm"] = {"kind": "ascent", "learning_rate": 1e-4}
    assert arm_rates(read_records([record, other])) == {
        "gap": ("ascent", 5e-5),
        "gap-lr1e-4": ("ascent", 1e-4),
    }


def test_a_placebo_at_another_learning_rate_is_compared_with_nothing_and_the_claim_says_so(
    tmp_path: Path,
) -> None:
    samples = Study(entries=ENTRIES, documents=40).write(tmp_path / "samples.parquet")
    settings = ScoringSettings(claims=CLAIMS, treatments=("gap",), controls={"gap": ()})
    run_score([samples], MODELS, tmp_path / "out", tasks=TASKS, settings=settings)
    entries, comparisons = (
        pd.read_csv(tmp_path / "out" / name) for name in ("entries.csv", "comparisons.csv")
    )
    assert set(comparisons.query("arm == 'gap'")["baseline_kind"]) == {"base", "rung"}
    assert entries.query("arm == 'gap'")["prob_improve_control"].isna().all()
    assert set(entries.query("arm == 'random'")["row_kind"]) == {"control"}
    claim = json.loads((tmp_path / "out" / "claims.json").read_text())["claims"][3]
    assert claim["outcome"] == "inconclusive"
    assert {part["note"] for part in claim["parts"]} == {NO_CONTROL}
    assert "no entry that the claim is about has data" in claim["sentence"]
