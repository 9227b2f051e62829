"""`gapbench verify` on a small track that the pipeline made: runs and soups are done again, and compared."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import InputError
from benchmark.pipeline import stages
from benchmark.store.entry_lookup import find_entry
from benchmark.store.track_paths import TrackPaths
from benchmark.verification.compare_runs import TOLERANCES, RunName
from benchmark.verification.rerun import PipelineRepeater
from benchmark.verification.run_record_check import entry_records
from tests.verification.conftest import alter_samples

ARMS = ("gap", "soup")
Gapbench = Callable[..., tuple[int, str, str]]


def attested(root: Path, arm: str) -> dict[str, Any]:
    path = root / "attestations" / "micro" / f"small--{arm}--code.json"
    attestation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return attestation


def shown_state(root: Path, arm: str) -> str:
    """The state that a rescored leaderboard shows."""
    stages.score(root / "params.yaml")
    with (root / "results" / "micro" / "entries.csv").open(encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if (row["arm"], row["corpus"]) == (arm, "code"))
    return row["verification"]


@pytest.mark.parametrize("arm", ARMS)
def test_runs_and_soups_done_again_have_the_stored_log_probabilities(paths: TrackPaths, arm: str) -> None:
    entry = find_entry(f"small/{arm}/code", paths.root)
    repeater = PipelineRepeater(entry)
    stored = {row_name(row): row for row in entry.samples().to_pylist()}
    again: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in entry_records(entry):
        assert record.model_digest == repeater.model_digests[0]
        run = RunName(record.index, record.text_id, record.seed)
        again |= {row_name(row): row for row in repeater.samples(run).to_pylist()}
    assert again.keys() == stored.keys()
    assert {name[0] for name in stored} == {record.text_id for record in entry_records(entry)}
    assert len(entry_records(entry)) == (4 if arm == "gap" else 2)
    for name, row in stored.items():
        assert again[name]["choice_logprobs"] == pytest.approx(row["choice_logprobs"], abs=1e-6)
        assert again[name]["value"] == row["value"]


def row_name(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("text_id", "seed", "step", "task", "split", "doc_id"))


@pytest.mark.parametrize("arm", ARMS)
def test_an_untouched_entry_is_not_flagged(paths: TrackPaths, gapbench: Gapbench, arm: str) -> None:
    status, said, _ = gapbench("verify", f"small/{arm}/code", "--runs", "4")
    assert (status, "agrees" in said) == (0, True)
    assert attested(paths.root, arm)["repetition"]["largest"] <= TOLERANCES["fp32"].log_probability
    assert len(attested(paths.root, arm)["runs"]) == (4 if arm == "gap" else 2)
    assert shown_state(paths.root, arm) == "reproduced"


@pytest.mark.parametrize("arm", ARMS)
def test_a_stored_value_altered_by_a_thousandth_flags_the_entry(
    paths: TrackPaths, gapbench: Gapbench, arm: str
) -> None:
    alter_samples(
        paths,
        "code",
        lambda row: row.update(value=abs(row["value"] - 0.001)),
        {"arm": arm, "metric": "f1", "split": "test"},
    )
    status, _, said = gapbench("verify", f"small/{arm}/code", "--runs", "0")
    assert (status, len(said.splitlines())) == (1, 1), said
    told = attested(paths.root, arm)
    assert told["state"] == "flagged"
    assert told["consistency"]["differences"] > 0
    assert told["runs"] == []
    assert shown_state(paths.root, arm) == "flagged"


@pytest.mark.parametrize("arm", ARMS)
def test_a_stored_log_probability_altered_by_a_hundredth_flags_the_entry_where_its_run_is_drawn(
    paths: TrackPaths, gapbench: Gapbench, arm: str
) -> None:
    def more(row: dict[str, Any]) -> None:
        row["choice_logprobs"][0] += 0.01

    alter_samples(paths, "code", more, {"arm": arm, "metric": "acc", "split": "test"})
    assert gapbench("verify", f"small/{arm}/code", "--runs", "0")[0] == 0
    status, _, said = gapbench("verify", f"small/{arm}/code", "--runs", "4")
    assert (status, "a log-probability differs by 0.0" in said) == (1, True), said
    told = attested(paths.root, arm)
    assert (told["state"], told["consistency"]["differences"]) == ("flagged", 0)
    assert told["repetition"]["differences"] == 1
    assert shown_state(paths.root, arm) == "flagged"


def test_a_soup_whose_texts_changed_is_told(paths: TrackPaths) -> None:
    repeater = PipelineRepeater(find_entry("small/soup/code", paths.root))
    with pytest.raises(InputError, match="not in the corpus any more"):
        repeater.samples(RunName(0, "soup-of-nothing", 0))
