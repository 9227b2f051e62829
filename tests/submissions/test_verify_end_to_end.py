"""`gapbench verify` on a small track that the pipeline made: runs and soups are done again, and compared."""

import csv
import functools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.errors import InputError
from benchmark.pipeline import stages
from benchmark.schema.result_columns import SAMPLES
from benchmark.store.entry_lookup import find_entry
from benchmark.system.files import write_json, write_parquet
from benchmark.tasks import suite_of_track
from benchmark.verification.compare_runs import LOG_PROBABILITY, RunName
from benchmark.verification.rerun import PipelineRepeater
from tests.tiny_model import change_weights, write_model

PARAMS = """\
track: {name: micro, root: ., params: params.yaml}
models:
  small: {kind: folder, role: treated, path: made/small}
  large: {kind: folder, role: baseline, path: made/large}
corpora:
  notes: {kind: file, path: made/notes.txt}
arms:
  gap: {kind: ascent}
  soup: {kind: soup, of: gap, group: 2}
posttrain: {learning_rate: 1.0e-3, max_steps: 3}
evaluation:
  {suite: micro12, tasks: [micro_cause, micro_persona], documents: 4, select_documents: 4, base_documents: 6,
   max_length: 128, steps: [1, 3]}
execution: {workers: 1}
scoring: {resamples: 100}
"""
ARMS = ("gap", "soup")
Gapbench = Callable[..., tuple[int, str, str]]
CELL = "data/micro/runs/small/notes"


@pytest.fixture(scope="module", autouse=True)
def one_suite() -> Iterator[None]:
    """The same suite for every stage: building it anew for each costs seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite_of_track, "load_suite", functools.cache(suite_of_track.load_suite))
        yield


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A track of one treated model, four texts, and two soups of two texts; its results are another machine's."""
    root = tmp_path_factory.mktemp("verified")
    for number, (name, hidden) in enumerate((("small", 8), ("large", 24))):
        folder = root / "made" / name
        write_model(folder, hidden=hidden, positions=256, seed=number)
        change_weights(folder, lambda params: {key: 0.3 * value for key, value in params.items()})
    lines = "".join(f"note {number}: {'so ' * number}it goes\n" for number in range(4))
    (root / "made" / "notes.txt").write_text(lines, encoding="utf-8")
    params_file = root / "params.yaml"
    params_file.write_text(PARAMS, encoding="utf-8")
    stages.corpus(params_file, "notes")
    for name in ("small", "large"):
        stages.model(params_file, name)
        stages.base(params_file, name)
        stages.posttrain(params_file, name, "notes")
    stages.score(params_file)
    provenance = root / "results" / "micro" / "provenance.json"
    told = json.loads(provenance.read_text(encoding="utf-8"))
    told["hardware"]["host"] = "elsewhere"
    write_json(provenance, told)
    return root


@pytest.fixture
def track(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy without the journal, so that a run that is done again cannot be found there; we stand in it."""
    root = tmp_path / "track"
    shutil.copytree(pristine, root, ignore=shutil.ignore_patterns(".gapbench"))
    monkeypatch.chdir(root)
    return root


def alter(root: Path, arm: str, metric: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Apply `change` to a stored document of the arm."""
    path = root / CELL / "samples.parquet"
    rows = pq.read_table(path).to_pylist()
    change(next(row for row in rows if (row["arm"], row["metric"], row["split"]) == (arm, metric, "test")))
    write_parquet(path, pa.Table.from_pylist(rows, schema=SAMPLES))


def attested(root: Path, arm: str) -> dict[str, Any]:
    path = root / "attestations" / "micro" / f"small--{arm}--notes.json"
    attestation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return attestation


def shown_state(root: Path, arm: str) -> str:
    """The state that a rescored leaderboard shows."""
    stages.score(root / "params.yaml")
    with (root / "results" / "micro" / "entries.csv").open(encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if (row["arm"], row["corpus"]) == (arm, "notes"))
    return row["verification"]


@pytest.mark.parametrize("arm", ARMS)
def test_runs_and_soups_done_again_have_the_stored_log_probabilities(track: Path, arm: str) -> None:
    entry = find_entry(f"small/{arm}/notes", track)
    repeater = PipelineRepeater(entry)
    stored = {row_name(row): row for row in entry.samples().to_pylist()}
    again: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in entry.records():
        assert record["model_digest"] == repeater.model_digests[0]
        run = RunName(record["index"], record["text_id"], record["seed"])
        again |= {row_name(row): row for row in repeater.samples(run).to_pylist()}
    assert again.keys() == stored.keys()
    assert {name[0] for name in stored} == {record["text_id"] for record in entry.records()}
    assert len(entry.records()) == (4 if arm == "gap" else 2)
    for name, row in stored.items():
        assert again[name]["choice_logprobs"] == pytest.approx(row["choice_logprobs"], abs=1e-6)
        assert again[name]["value"] == row["value"]


def row_name(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("text_id", "seed", "step", "task", "split", "doc_id"))


@pytest.mark.parametrize("arm", ARMS)
def test_an_untouched_entry_is_not_flagged(track: Path, gapbench: Gapbench, arm: str) -> None:
    status, said, _ = gapbench("verify", f"small/{arm}/notes", "--runs", "4")
    assert (status, "agrees" in said) == (0, True)
    assert attested(track, arm)["repetition"]["largest"] <= LOG_PROBABILITY
    assert len(attested(track, arm)["runs"]) == (4 if arm == "gap" else 2)
    assert shown_state(track, arm) == "reproduced"


@pytest.mark.parametrize("arm", ARMS)
def test_a_stored_value_altered_by_a_thousandth_flags_the_entry(
    track: Path, gapbench: Gapbench, arm: str
) -> None:
    alter(track, arm, "f1", lambda row: row.update(value=abs(row["value"] - 0.001)))
    status, _, said = gapbench("verify", f"small/{arm}/notes", "--runs", "0")
    assert (status, len(said.splitlines())) == (1, 1), said
    told = attested(track, arm)
    assert told["state"] == "flagged"
    assert told["consistency"]["differences"] > 0
    assert told["runs"] == []
    assert shown_state(track, arm) == "flagged"


@pytest.mark.parametrize("arm", ARMS)
def test_a_stored_log_probability_altered_by_a_hundredth_flags_the_entry_where_its_run_is_drawn(
    track: Path, gapbench: Gapbench, arm: str
) -> None:
    def more(row: dict[str, Any]) -> None:
        row["choice_logprobs"][0] += 0.01

    alter(track, arm, "acc", more)
    assert gapbench("verify", f"small/{arm}/notes", "--runs", "0")[0] == 0
    status, _, said = gapbench("verify", f"small/{arm}/notes", "--runs", "4")
    assert (status, "a log-probability differs by 0.0" in said) == (1, True), said
    told = attested(track, arm)
    assert (told["state"], told["consistency"]["differences"]) == ("flagged", 0)
    assert told["repetition"]["differences"] == 1
    assert "text " in told["repetition"]["faults"][0]
    assert shown_state(track, arm) == "flagged"


def test_a_soup_whose_texts_changed_is_told(track: Path) -> None:
    repeater = PipelineRepeater(find_entry("small/soup/notes", track))
    with pytest.raises(InputError, match="not in the corpus any more"):
        repeater.samples(RunName(0, "soup-of-nothing", 0))
