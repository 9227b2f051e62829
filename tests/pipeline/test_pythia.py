"""Track `pythia` from its own settings file, cut down, on a fake Hub with small random GPT-NeoX models."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from benchmark.settings.load import load_settings
from benchmark.settings.pins import hub_references
from tests.fake_hub import FakeHub
from tests.pipeline.small import copy_repository, run_stages, shell
from tests.tiny_neox import write_neox

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

PARAMS = "tracks/pythia/params.yaml"
WIDTHS = {"14m": 32, "31m": 64, "70m": 128}
LINES = {
    "posttrain": "posttrain: {learning_rate: 5.0e-5, max_steps: 2}",
    "evaluation": "evaluation: {suite: {name: small-qa, tasks: [copa], data: {copa: {files_of: gap12}}}, "
    "max_length: 96, documents: 6, select_documents: 6}",
    "execution": "execution: {workers: 1, device: cpu, arithmetic: portable}",
    "scoring": "scoring: {ratio: [1.9, 4.2], resamples: 200}",
}


def cut_down(text: str) -> str:
    """The settings with one further draw a rung, two arms, one corpus of two texts, and few documents and steps."""
    text = re.sub(r".*-seed[2-9],.*\n|  (descent|shuffled): .*\n", "", text)
    corpus = "corpora:\n  notes: {kind: hub, id: owner/notes, texts: 2}  # of the Hub\narms:\n"
    text = re.sub(r"(?s)corpora:\n.*?arms:\n", corpus, text, count=1)
    for section, line in LINES.items():
        text = re.sub(rf"(?m)^{section}: .*$", line, text)
    text = re.sub(r"  corpora: \[.*", "  corpora: [notes]", text)
    return re.sub(r"target_corpus: .*", "target_corpus: notes", text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    copy = copy_repository(tmp_path / "copy")
    params = copy / PARAMS
    params.write_text(cut_down(params.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


@pytest.fixture
def published(hub: FakeHub, repository: Path, tmp_path: Path) -> FakeHub:
    """The Hub holds what the track names; the larger rungs, which it does not use, are not there."""
    for reference in hub_references(load_settings(repository / PARAMS)):
        folder = tmp_path / "published" / reference.id
        pinned = {"commit": reference.revision} if reference.is_pinned else {"ref": reference.revision}
        if reference.kind == "dataset":
            folder.mkdir(parents=True)
            (folder / "train.jsonl").write_text('{"text": "The cat sat."}\n{"text": "A dog ran to it."}\n')
        else:
            size = reference.id.split("-")[1]
            write_neox(folder, hidden=WIDTHS[size], seed="seed" in reference.id, positions=160)
        hub.add(folder, reference.id, kind=reference.kind, **pinned)
    return hub


def test_the_track_is_pinned_at_its_first_use_and_runs_to_its_results(
    repository: Path, published: FakeHub, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = repository / PARAMS
    before = params.read_text(encoding="utf-8")
    said = shell(repository, "gapbench", "track", "pin", "--params", PARAMS, ok=(2,), HF_HUB_OFFLINE="1")
    assert len(said.splitlines()) == 1 and "the Hub is out of reach" in said
    shell(repository, "gapbench", "track", "prepare", "--params", PARAMS)
    said = shell(repository, "dvc", "repro", "tracks/pythia/dvc.yaml:corpus", ok=(255,))
    assert f"is not pinned to a commit: run `gapbench track pin --params {PARAMS}` first" in said
    assert params.read_text(encoding="utf-8") == before and not published.fetched

    told = shell(repository, "gapbench", "track", "pin", "--params", PARAMS).splitlines()
    # Two originals and three seeds at a branch, and a data set; the commit of 70M is in the file.
    assert [line.split(":")[0] for line in told] == [
        "pinned models.pythia-14m",
        "pinned models.pythia-14m.draws.0",
        "pinned models.pythia-31m",
        "pinned models.pythia-31m.draws.0",
        "pinned models.pythia-70m.draws.0",
        "pinned corpora.notes",
        f"wrote {PARAMS}",
    ]
    after = params.read_text(encoding="utf-8")
    assert [line.count("#") for line in after.splitlines()] == [
        line.count("#") for line in before.splitlines()
    ]
    pins = {one.revision for one in hub_references(load_settings(params))}

    # DVC reads the track and runs its stages; the rest is done in this process, which imports torch once.
    shell(repository, "gapbench", "submit", "check", PARAMS)
    shell(repository, "dvc", "repro", "tracks/pythia/dvc.yaml:corpus")
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    run_stages(params)
    assert published.fetched == pins
    results = repository / "results" / "pythia"
    entries = pd.read_csv(results / "entries.csv", keep_default_na=False, na_values=[""])
    ranked = entries[entries["row_kind"] == "entry"]
    assert sorted(ranked["model"]) == ["pythia-14m", "pythia-31m"]
    assert (ranked["n_texts"] == 2).all() and (ranked["n_draws"] == 2).all()
    assert set(entries["model"]) == {"pythia-14m", "pythia-31m", "pythia-70m"}
    comparisons = pd.read_csv(results / "comparisons.csv", keep_default_na=False, na_values=[""])
    rungs = comparisons[comparisons["baseline_kind"] == "rung"][["model", "baseline"]].drop_duplicates()
    assert rungs.values.tolist() == [["pythia-14m", "pythia-31m"], ["pythia-31m", "pythia-70m"]]
    runs = (repository / "data/pythia/runs/pythia-14m/notes/runs.jsonl").read_text(encoding="utf-8")
    assert {json.loads(line)["draw"] for line in runs.splitlines()} == {0, 1}
    assert "prefix trees" in (repository / "data/pythia/runs/pythia-70m/none/base.json").read_text()
