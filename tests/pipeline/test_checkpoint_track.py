"""Checkpoints of the Hub as an arm of a track: fetched, ranked, and compared by the claims that name them."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmark.models.opt import load_opt
from benchmark.pipeline import stages
from benchmark.tasks import suite_of_track
from tests.fake_hub import FakeHub
from tests.pipeline.small import run_stages
from tests.remembered import remembered

pytestmark = pytest.mark.pipeline

TINY = {"kind": "micro", "tokens": 8000, "hidden": 16, "layers": 1, "heads": 2, "ffn": 32, "draws": 3}
OWN = ["mine-noise", "mine-random"]


def settings_of(commits: list[str]) -> dict[str, object]:
    names = [f"owner/mine-{number}@{commit}" for number, commit in enumerate(commits)]
    return {
        "track": {"name": "micro", "root": ".", "params": "params.yaml"},
        "models": {"tiny": TINY, "larger": TINY | {"role": "baseline", "hidden": 40, "ffn": 80}},
        "corpora": {"code": {"kind": "micro", "part": "code", "texts": 3}},
        "arms": {
            "gap": {"kind": "ascent"},
            "random": {"kind": "random"},
            "mine": {"kind": "checkpoint", "path": names, "base": "tiny"},
        },
        "posttrain": {"learning_rate": 1e-2, "max_steps": 1},
        "evaluation": {
            "suite": "micro12", "tasks": ["micro_cause", "micro_physical", "micro_persona"], "documents": 20,
            "select_documents": 4, "base_documents": 24, "max_length": 128, "steps": [1],
        },
        "execution": {"workers": 1},
        "scoring": {"resamples": 100, "ratio": [1.1, 9]},
        "claims": {"arm": "mine", "corpora": ["code"], "pairs": {"tiny": "larger"}},
    }  # fmt: skip


def publish(hub: FakeHub, folder: Path, draws: Path) -> list[str]:
    """Three repositories, each a draw of the base with every weight a little larger; their commits."""
    commits = []
    for number in range(3):
        model, place = load_opt(draws / str(number)), folder / str(number)
        model.config.save({name: tensor * 1.02 for name, tensor in model.params.items()}, place)
        shutil.copy2(draws / str(number) / "tokenizer.json", place)
        commits.append(hub.add(place, f"owner/mine-{number}"))
    return commits


def test_checkpoints_of_the_hub_are_ranked_and_compared_with_placebos_at_their_own_distance(
    hub: FakeHub, micro_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Building the suite again for each stage would take seconds.
    monkeypatch.setattr(suite_of_track, "load_suite", remembered(suite_of_track.load_suite))
    root = tmp_path / "track"
    shutil.copytree(micro_cache, root / ".gapbench" / "cache")
    params = root / "params.yaml"
    params.write_text(yaml.safe_dump(settings_of(["0" * 40] * 3)), encoding="utf-8")
    stages.model(params, "tiny")
    commits = publish(hub, tmp_path / "published", root / "data/micro/models/tiny")
    params.write_text(yaml.safe_dump(settings_of(commits)), encoding="utf-8")
    run_stages(params)

    assert hub.fetched == set(commits)
    results = root / "results/micro"
    runs = pd.read_csv(results / "runs.csv").query("model == 'tiny'")
    distances = runs.pivot_table(index="index", columns="arm", values="distance")
    for name in OWN:
        assert list(distances[name]) == pytest.approx(list(distances["mine"]), rel=1e-3)
    assert sorted(runs[runs["arm"] == "mine"]["draw"]) == [0, 1, 2]
    entries = pd.read_csv(results / "entries.csv", keep_default_na=False)
    kinds = entries.set_index("arm")["row_kind"].to_dict()
    assert (kinds["mine"], kinds["mine-random"], kinds["mine-noise"]) == ("entry", "control", "control")
    assert sorted(entries[entries["row_kind"] == "entry"]["rank"].astype(float)) == [1, 2]
    compared = pd.read_csv(results / "comparisons.csv", keep_default_na=False).query("arm == 'mine'")
    assert sorted(set(compared[compared["baseline_kind"] == "control"]["baseline_arm"])) == OWN

    claims = {one["id"]: one for one in json.loads((results / "claims.json").read_text())["claims"]}
    parts = {name: {part["baseline_arm"] for part in claims[name]["parts"]} for name in ("C1", "C2", "C4")}
    assert parts == {"C1": {"none"}, "C2": {"none"}, "C4": set(OWN)}
    assert all(part["arm"] == "mine" and part["p_value"] is not None for part in claims["C4"]["parts"])
    assert claims["C3"]["outcome"] == "not testable"
