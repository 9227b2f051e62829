"""Two tracks under one `dvc.yaml`: paper with small models from local files, and micro beside it."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmark.store.tracks import params_name
from tests.pipeline.small import commit, copy_repository, edit_params, save_small_opt, shell, tree

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

UP_TO_DATE = "Data and pipelines are up to date."


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """A copy with small models, few texts and few documents; no line of code differs."""
    copy = copy_repository(tmp_path_factory.mktemp("tracks"))
    for name, hidden in (("opt-a", 16), ("opt-b", 40), ("opt-c", 96)):
        save_small_opt(copy / "made" / name, hidden, data_dir / "tokenizer" / "opt")
    roles = {"opt-a": "both", "opt-b": "both", "opt-c": "baseline"}
    models = {name: {"kind": "folder", "role": role, "path": f"made/{name}"} for name, role in roles.items()}
    small = {"documents": 4, "select_documents": 4, "base_documents": 5, "max_length": 96}
    small |= {"steps": [1, 2], "precision": "fp32"}
    edit_params(
        copy / "tracks/paper/params.yaml",
        {
            "models": models,
            "corpora": {"code": {"kind": "original", "name": "github", "texts": 3}},
            "arms": {"gap": {"kind": "ascent"}, "random": {"kind": "random"}},
            "posttrain": {"max_steps": 2},
            "evaluation": small,
            "execution": {"workers": 2, "device": "cpu"},
            "scoring": {"resamples": 200},
            "claims": {"corpora": ["code"], "pairs": {"opt-a": "opt-b", "opt-b": "opt-c"}},
        },
    )
    (copy / "made" / "texts.jsonl").write_text(
        '{"text": "One text."}\n{"text": "Another text."}\n', encoding="utf-8"
    )
    edit_params(
        copy / "params.yaml",
        {
            "models": {"opt-a": models["opt-a"]},
            "corpora": {"notes": {"kind": "file", "path": "made/texts.jsonl"}},
            "arms": {"gap": {"kind": "ascent"}},
            "posttrain": {"max_steps": 1},
            "evaluation": {**small, "suite": "gap12", "tasks": ["copa", "pubmed_qa"], "steps": None},
            "scoring": {"resamples": 200},
            "claims": {"corpora": ["notes"], "target_corpus": "notes", "pairs": {}},
        },
    )
    commit(copy)
    return copy


def repro(repository: Path, track: str, data_dir: Path) -> str:
    params = params_name(track)
    shell(repository, "gapbench", "track", "prepare", "--params", params)
    return shell(repository, "dvc", "repro", params.replace("params", "dvc"), GAPBENCH_DATA=str(data_dir))


def test_the_paper_track_runs_offline_from_local_files_and_leaves_micro_up_to_date(
    repository: Path, data_dir: Path
) -> None:
    repro(repository, "micro", data_dir)
    before = tree(repository / "results" / "micro")
    assert before
    repro(repository, "paper", data_dir)
    results = repository / "results" / "paper"
    entries = pd.read_csv(results / "entries.csv", keep_default_na=False, na_values=[""])
    ranked = entries[entries["row_kind"] == "entry"]
    assert sorted(ranked["model"]) == ["opt-a", "opt-b"]
    assert (ranked["n_texts"] == 3).all()
    assert set(entries["row_kind"]) == {"entry", "control", "rung"}
    samples = pq.read_table(repository / "data/paper/runs/opt-a/code/samples.parquet")
    assert len(set(samples.column("task").to_pylist())) == 12
    comparisons = pd.read_csv(results / "comparisons.csv", keep_default_na=False, na_values=[""])
    assert {"base", "control", "rung"} == set(comparisons["baseline_kind"])
    assert UP_TO_DATE in shell(repository, "dvc", "repro", "dvc.yaml", GAPBENCH_DATA=str(data_dir))
    assert tree(repository / "results" / "micro") == before
    assert UP_TO_DATE in repro(repository, "paper", data_dir)
