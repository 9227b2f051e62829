"""Exports hold the scores of the results: `gapbench compare`, the schema and `transformers` read them."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
import torch
from huggingface_hub import ModelCard
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmark.compare.compare_command import comparison
from benchmark.compare.compared_scopes import VerdictShares
from benchmark.compare.paired_documents import Choices
from benchmark.errors import InputError
from benchmark.models.opt import load_opt
from benchmark.models.weights import weights_sha256
from benchmark.posttrain.record import RunRecord
from benchmark.tasks.suite import TASKS_FOLDER, quiet
from tests.compare.logged import change_lines
from tests.conftest import DATA, replace_in

Command = Callable[..., tuple[int, str, str]]
ENTRY = "tiny/gap/code"


@pytest.fixture
def here(exported_track: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The track, where we stand."""
    monkeypatch.chdir(exported_track)
    return exported_track


@pytest.fixture(scope="module")
def logs(exported_track: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The entry as lm-eval's folders."""
    from benchmark.export.export_command import export

    out = tmp_path_factory.mktemp("logs") / "out"
    export("lm-eval", ENTRY, out, exported_track)
    return out


def rows(path: Path, **wanted: str) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if wanted.items() <= row.items()]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_compare_finds_the_differences_of_the_results(exported_track: Path, logs: Path) -> None:
    text = comparison(
        str(logs / "tiny"), str(logs / "tiny.gap.code"), form="json", chosen=Choices(), rules=VerdictShares()
    )
    found = {row["scope"]: row for row in json.loads(text)["comparisons"]}
    expected = rows(
        exported_track / "results/micro/comparisons.csv",
        model="tiny", arm="gap", corpus="code", baseline_kind="base", measure="score",
    )  # fmt: skip
    assert set(found) == {"all", "classification", "micro_cause", "micro_physical", "micro_persona"}
    assert any(abs(row["delta"]) > 0.01 for row in found.values())
    assert json.loads(text)["runs_paired"]
    assert {row["scope"] for row in expected} == {*found, "dialogue"}  # a family of one task
    for row in (row for row in expected if row["scope"] in found):
        assert found[row["scope"]]["delta"] == pytest.approx(float(row["delta"]), rel=1e-9, abs=1e-12)
        for name in ("ci_low", "ci_high"):
            low_or_high = found[row["scope"]][name]
            assert row[name] == "" if low_or_high is None else low_or_high == pytest.approx(float(row[name]))


def stored(root: Path, task: str) -> dict[int, dict[str, Any]]:
    """The samples of the unmodified model's first draw, by document."""
    table = pq.read_table(root / "data/micro/runs/tiny/none/samples.parquet")
    return {
        row["doc_id"]: row
        for row in table.to_pylist()
        if (row["draw"], row["split"], row["task"]) == (0, "test", task)
    }


def test_lines_are_those_of_stock_lm_eval(exported_track: Path, logs: Path) -> None:
    """All but the answers, which are those of the run group; stock lm-eval asks a model of random answers."""
    folder = logs / "tiny" / "draw-000"
    tasks = ["micro_cause", "micro_persona"]
    with quiet():
        manager = TaskManager(include_path=str(TASKS_FOLDER / "micro12"), include_defaults=False)
        found = simple_evaluate("dummy", tasks=tasks, task_manager=manager, limit=60, bootstrap_iters=0)
    for task in tasks:
        (path,) = folder.glob(f"samples_{task}_*.jsonl")
        ours = {line["doc_id"]: line for line in read_lines(path)}
        assert len(ours) == 20
        shared = [line for line in found["samples"][task] if line["doc_id"] in ours]
        assert shared
        metrics = {"micro_cause": {"acc"}, "micro_persona": {"f1", "nll"}}[task]
        for line in shared:
            mine = ours[line["doc_id"]]
            assert set(mine) - metrics == set(line) - metrics
            for name in ("doc", "doc_hash", "prompt_hash", "target_hash", "filter"):
                assert mine[name] == json.loads(json.dumps(line[name]))
            assert mine["target"] == str(line["target"])
            asked = [list(one.values()) for one in mine["arguments"].values()]
            assert asked == json.loads(json.dumps(line["arguments"]))
    rows_there = stored(exported_track, "micro_cause")
    (path,) = folder.glob("samples_micro_cause_*.jsonl")
    for line in read_lines(path):
        row = rows_there[line["doc"]["doc_id"]]
        assert [float(one[0]) for one in line["filtered_resps"]] == row["choice_logprobs"]
        assert line["resps"] == [[one] for one in line["filtered_resps"]]
        assert (line["acc"], line["target"]) == (row["value"], row["target"])
    (results,) = folder.glob("results_*.json")
    text = results.read_text(encoding="utf-8")
    mean = sum(line["acc"] for line in read_lines(path)) / 20
    assert json.loads(text)["results"]["micro_cause"]["acc,none"] == pytest.approx(mean)
    assert str(exported_track) not in text
    assert str(TASKS_FOLDER) not in text


def test_a_track_is_exported_whole_and_alike_each_time(
    here: Path, logs: Path, tmp_path: Path, gapbench: Command
) -> None:
    status, printed, _ = gapbench("export", "lm-eval", "micro", "--out", str(tmp_path / "out"))
    assert (status, "6 checkpoints of micro, 3 tasks" in printed) == (0, True)
    made = {
        path.relative_to(tmp_path / "out"): path.read_bytes() for path in (tmp_path / "out").rglob("*.json*")
    }
    assert made == {path.relative_to(logs): path.read_bytes() for path in logs.rglob("*.json*")}
    assert len(made) == 6 * 4


def test_answers_that_are_not_stored_are_left_empty(here: Path, tmp_path: Path, gapbench: Command) -> None:
    """Without the run groups there are no log-probabilities: scores and texts are those of the results."""
    root = tmp_path / "results-only"
    shutil.copytree(here / "results", root / "results")
    shutil.copy(here / "params.yaml", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert gapbench("export", "lm-eval", f"micro/{ENTRY}", "--out", str(tmp_path / "out"))[0] == 0
    for task, answers in (("micro_cause", [[], []]), ("micro_persona", [str, []])):
        for path in (tmp_path / "out").rglob(f"samples_{task}_*.jsonl"):
            for line in read_lines(path):
                found = [str if isinstance(one, str) else one for one in line["filtered_resps"]]
                assert found == answers
                assert line["resps"] == [[one] if one else [] for one in line["filtered_resps"]]
    text = comparison(
        str(tmp_path / "out/tiny"), str(tmp_path / "out/tiny.gap.code"), form="html", chosen=Choices(),
        rules=VerdictShares(),
    )  # fmt: skip
    assert "Documents on which A and B differ" in text


def schema(name: str) -> jsonschema.Draft7Validator:
    """A schema of the package `every-eval-ever`, from `../shared/eee/` where it is not installed."""
    spec = find_spec("every_eval_ever")
    folders = [Path(place) for place in (spec.submodule_search_locations if spec else None) or ()]
    files = [path for folder in (*folders, DATA / "eee") for path in sorted(folder.rglob(name))]
    if not files:
        pytest.skip(f"no {name}: every-eval-ever needs Python 3.12, and there is none in {DATA / 'eee'}")
    return jsonschema.Draft7Validator(json.loads(files[0].read_text(encoding="utf-8")))


def test_records_of_every_eval_ever_fit_its_schema(
    here: Path, logs: Path, tmp_path: Path, gapbench: Command
) -> None:
    record_schema, line_schema = schema("eval.schema.json"), schema("instance_level_eval.schema.json")
    out = tmp_path / "out"
    assert gapbench("export", "eee", ENTRY, "--out", str(out))[0] == 0
    files = sorted(out.rglob("*.json"))
    assert len(files) == 6
    for path in files:
        record = json.loads(path.read_text(encoding="utf-8"))
        record_schema.validate(record)
        details = record["detailed_evaluation_results"]
        samples = out / details["file_path"]
        assert samples.parent == path.parent
        assert hashlib.sha256(samples.read_bytes()).hexdigest() == details["checksum"]
        lines = read_lines(samples)
        assert len(lines) == details["total_rows"] == 60
        results = {one["evaluation_result_id"]: one["score_details"] for one in record["evaluation_results"]}
        assert set(results) == {
            "micro12/all/mean", "micro12/classification/mean", "micro12/dialogue/mean",
            "micro_cause/acc", "micro_physical/acc", "micro_persona/f1",
        }  # fmt: skip
        for name, details in results.items():
            if not name.startswith("micro12/"):
                own = [line["evaluation"]["score"] for line in lines if line["evaluation_result_id"] == name]
                assert details["score"] == pytest.approx(sum(own) / len(own))
            interval = details["uncertainty"].get("confidence_interval")
            assert interval or name != "micro12/all/mean"  # a task alone may have no spread
            assert not interval or interval["lower"] < details["score"] < interval["upper"]
        for line in lines:
            line_schema.validate(line)
            assert (line["evaluation_id"], line["model_id"]) == (
                record["evaluation_id"],
                record["model_info"]["id"],
            )
            if line["input"]["choices"]:
                right = line["output"]["raw"] == line["input"]["reference"]
                assert line["evaluation"]["is_correct"] == right


def test_a_record_that_says_nothing_of_its_source_does_not_fit_the_schema() -> None:
    with pytest.raises(jsonschema.ValidationError):
        schema("eval.schema.json").validate({"schema_version": "0.3.0"})


def test_a_kept_checkpoint_is_a_model_folder_with_a_card(
    here: Path, tmp_path: Path, gapbench: Command
) -> None:
    out = tmp_path / "out"
    status, printed, _ = gapbench("export", "hub-card", ENTRY, "--out", str(out))
    assert (status, "3 model folders" in printed) == (0, True)
    folders = sorted((out / "tiny.gap.code").iterdir())
    records = {
        (one.draw, one.text_id): one
        for one in RunRecord.read_all(here / "data/micro/runs/tiny/code/runs.jsonl")
        if one.arm == "gap"
    }
    assert len(folders) == len(records) == 3
    for folder, record in zip(folders, (records[key] for key in sorted(records)), strict=True):
        params = load_opt(folder).params
        (digest,) = (step.weights_sha256 for step in record.steps if step.step == record.selected_step["all"])
        assert weights_sha256(params) == digest
        card = ModelCard.load(folder / "README.md")
        results = {one.dataset_type: one for one in card.data.eval_results}
        expected = rows(here / "results/micro/runs.csv", model="tiny", arm="gap", text_id=record.text_id)[0]
        accuracy = [results[f"micro12/{task}"].metric_value for task in ("micro_cause", "micro_physical")]
        assert sum(accuracy) / 2 == pytest.approx(float(expected["test_classification"]), abs=1e-6)
        assert results["micro12/micro_persona"].metric_type == "f1"
        assert "<b>" not in card.text
    model = AutoModelForCausalLM.from_pretrained(folders[0])
    tokenizer = AutoTokenizer.from_pretrained(folders[0])
    ids = tokenizer("The clay bowl", return_tensors="pt")["input_ids"]
    expected_logits = load_opt(folders[0])
    with torch.no_grad():
        found = model(ids).logits
        ours = expected_logits.config.logits(expected_logits.params, ids)
    assert torch.allclose(found, ours, atol=1e-4)
    base = AutoTokenizer.from_pretrained(here / "data/micro/models/tiny/0")
    assert base("The clay bowl")["input_ids"] == ids[0].tolist()
    with quiet():
        manager = TaskManager(include_path=str(TASKS_FOLDER / "micro12"), include_defaults=False)
        scored = simple_evaluate(
            "hf", model_args=f"pretrained={folders[0]},device=cpu", tasks=["micro_cause"], task_manager=manager,
            limit=4, bootstrap_iters=0,
        )  # fmt: skip
    assert 0 <= scored["results"]["micro_cause"]["acc,none"] <= 1


def test_what_is_not_there_is_refused_with_the_command_that_makes_it(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    out = tmp_path / "out"

    def refused(form: str, name: str) -> str:
        said = refusal("export", form, name, "--out", str(out))
        assert not out.exists()
        return said

    assert "did you mean 'gap'" in refused("lm-eval", "tiny/gab/code")
    assert "neither model/arm/corpus nor a track; the nearest track is micro" in refused("eee", "mikro")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "not empty" in refusal("export", "eee", ENTRY, "--out", str(tmp_path / "full"))
    root = tmp_path / "track"
    shutil.copytree(here, root, ignore=shutil.ignore_patterns(".gapbench", "checkpoints"))
    monkeypatch.chdir(root)
    said = refused("hub-card", ENTRY)
    assert (
        "no checkpoint is kept: set `checkpoints: {keep: selected}` in params.yaml, then run `make repro`"
        in said
    )
    replace_in(root / "params.yaml", "documents: 20", "documents: 22")
    assert "which the suite asks now: make the results again by `make repro`" in refused("lm-eval", ENTRY)
    (root / "results/micro/documents.parquet").unlink()
    for form in ("lm-eval", "eee"):
        assert "documents.parquet: make the track's results by `make repro`" in refused(form, ENTRY)
    shutil.rmtree(root / "results")
    assert "make the track's results by `make repro`" in refused("lm-eval", "micro")


def test_compare_notices_an_exported_line_that_was_changed(logs: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(logs, tmp_path / "logs")
    path = next((folder / "tiny.gap.code").rglob("samples_micro_cause_*.jsonl"))
    change_lines(path, lambda lines: [line | {"acc": 1 - line["acc"]} for line in lines])
    with pytest.raises(InputError, match=rf"{path.name}: the mean of acc is .*, but results_.* says"):
        comparison(
            str(folder / "tiny"), str(folder / "tiny.gap.code"), chosen=Choices(), rules=VerdictShares()
        )


@pytest.fixture
def results_copy(exported_track: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the track to change, where we stand, without its weights."""
    ignored = shutil.ignore_patterns(".gapbench", "checkpoints", "models")
    root = Path(shutil.copytree(exported_track, tmp_path / "track", ignore=ignored))
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    "file",
    [
        "provenance.json",
        "entries.csv",
        "runs.csv",
        "documents.parquet",
        "../../data/micro/runs/tiny/code/samples.parquet",
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_results_that_are_cut_short_are_refused_by_name(
    file: str, share: float, results_copy: Path, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    path = results_copy / "results/micro" / file
    content = path.read_bytes() if path.is_file() else b'{"written": "2026-01-01T00:00:00+00:00"}'
    path.write_bytes(content[: int(share * len(content))])
    said = refusal("export", "eee", ENTRY, "--out", str(tmp_path / "out"))
    assert path.name in said
    assert not (tmp_path / "out").exists()


def test_the_track_of_an_entry_is_said_where_several_have_it(
    results_copy: Path, tmp_path: Path, gapbench: Command
) -> None:
    other = results_copy / "tracks/other/params.yaml"
    other.parent.mkdir(parents=True)
    text = (results_copy / "params.yaml").read_text(encoding="utf-8")
    here = "track: {name: other, root: ../.., params: tracks/other/params.yaml}"
    other.write_text(
        text.replace("track: {name: micro, root: ., params: params.yaml}", here), encoding="utf-8"
    )
    status, printed, _ = gapbench("export", "eee", ENTRY, "--out", str(tmp_path / "out"))
    assert status == 0
    assert f"6 checkpoints of micro/{ENTRY}, 3 tasks; track other has the entry too: other/{ENTRY}" in printed
    status, printed, _ = gapbench("export", "eee", f"micro/{ENTRY}", "--out", str(tmp_path / "named"))
    assert (status, printed.strip().endswith("3 tasks")) == (0, True)
