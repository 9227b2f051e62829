"""`gapbench run` from the outside: real input, the same twice, and refusals that write nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmark.posttrain import run_memory
from tests.pipeline.small import ROOT, shell, tree

pytestmark = pytest.mark.slow
Gapbench = Callable[..., tuple[int, str, str]]
Refusal = Callable[..., str]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def command(tiny_rung: Path, out: Path, **changes: str) -> list[str]:
    options = {
        "model": str(tiny_rung), "corpus": "code", "index": "7", "arm": "gap", "seed": "0", "suite": "micro12",
        "out": str(out), "limit": "10",
    } | changes  # fmt: skip
    return ["run", *(part for key, value in options.items() for part in (f"--{key}", value))]


def test_a_run_on_the_originals_corpus_holds_steps_0_to_15_and_is_the_same_twice(
    tiny_rung: Path, data_dir: Path, tmp_path: Path, gapbench: Gapbench
) -> None:
    """Once in this process and once in another."""
    corpus = str(data_dir / "official-gap/data/train_data/github.csv")
    every = ["--set", "evaluation.steps=null", "--set", "posttrain.max_steps=15"]
    one, two = ([*command(tiny_rung, tmp_path / name, corpus=corpus), *every] for name in ("one", "two"))
    assert gapbench(*one)[0] == 0
    shell(ROOT, "gapbench", *two)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    record = json.loads((tmp_path / "one" / "run.json").read_text())
    assert [step["step"] for step in record["steps"]] == list(range(16))
    assert record["corpus"] == "github"
    assert str(tmp_path) not in json.dumps(record)
    samples = pq.read_table(tmp_path / "one" / "samples.parquet")
    assert set(samples.column("step").to_pylist()) == set(range(16))


def test_two_of_the_originals_tasks_can_be_scored_on_a_rung(
    tiny_rung: Path, data_dir: Path, tmp_path: Path, gapbench: Gapbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    status, _, said = gapbench(
        *command(tiny_rung, tmp_path / "out", suite="gap12", index="0"),
        "--set", "evaluation.tasks=[empathetic_dialogues, pubmed_qa]",
        "--set", "evaluation.steps=[1]",
        "--set", "posttrain.max_steps=1",
    )  # fmt: skip
    assert status == 0, said
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert set(record["steps"][1]["metrics"]) == {"empathetic_dialogues", "pubmed_qa"}


def test_an_arm_of_another_track_is_found_by_its_track(
    tiny_rung: Path, tmp_path: Path, gapbench: Gapbench
) -> None:
    few = ["--set", "evaluation.tasks=[micro_cause]", "--set", "posttrain.max_steps=1"]
    options = command(tiny_rung, tmp_path / "out", arm="lora", track="tricks", index="0", limit="2")
    assert gapbench(*options, *few, "--set", "evaluation.steps=[1]")[0] == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["settings"]["arm"]["kind"] == "lora"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"index": "99999"}, "texts 0 to"),
        ({"index": "-1"}, "texts 0 to"),
        ({"arm": "gep"}, "did you mean 'gap'"),
        ({"suite": "micro13"}, "did you mean 'micro12'"),
        ({"track": "trick"}, "--track trick: no such track, did you mean 'tricks'"),
        ({"arm": "lora"}, "no arm 'lora'"),
        ({"corpus": "no-such-file.txt"}, "no corpus or file"),
        ({"model": "no-such-model"}, "no ladder model or folder"),
        ({"model": "owner/name@main"}, "40 hex digits"),
        ({"set": "posttrain.max_stepz=1"}, "did you mean 'max_steps'"),
        ({"set": "evaluation.tasks=[micro_physicale]"}, "micro_physical"),
        ({"seed": "x"}, "--seed"),
        ({"corpus": ""}, "--corpus : no corpus or file of that name"),
        ({"model": ""}, "--model : no ladder model or folder of that name"),
        ({"protocol": ""}, "evaluation.protocol"),
        ({"seed": "-1"}, "'--seed': Input should be greater than or equal to 0"),
        ({"seed": str(2**63)}, "'--seed': Input should be less than or equal to"),
    ],
)
def test_bad_input_gets_one_line_and_exit_2_and_writes_nothing(
    changes: dict[str, str], says: str, tiny_rung: Path, tmp_path: Path, refusal: Refusal
) -> None:
    assert says in refusal(*command(tiny_rung, tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_refused_and_left_alone(
    tiny_rung: Path, tmp_path: Path, refusal: Refusal
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert "not empty" in refusal(*command(tiny_rung, tmp_path))
    assert tree(tmp_path) == {"mine.txt": b"mine"}


def test_an_empty_text_and_weights_that_are_not_finite_are_refused(
    tiny_rung: Path, tmp_path: Path, refusal: Refusal
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"text": ""}\n{"text": "x"}\n')
    printed = refusal(*command(tiny_rung, tmp_path / "out", corpus=str(empty), index="0"))
    assert "empty" in printed or "no token" in printed
    import torch
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tiny_rung.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = load_file(broken / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] = torch.nan
    save_file(weights, broken / "model.safetensors")
    assert "NaN" in refusal(*command(broken, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_run_that_does_not_fit_into_memory_is_refused_before_anything_is_scored(
    tiny_rung: Path, tmp_path: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_memory, "capacity", lambda device: 1 << 20)
    said = refusal(*command(tiny_rung, tmp_path / "out"))
    assert "arms.gap: a run needs" in said or "scoring it as it is needs" in said
    assert not (tmp_path / "out").exists()


def test_a_step_that_is_never_taken_cannot_be_scored(
    tiny_rung: Path, tmp_path: Path, refusal: Refusal
) -> None:
    said = refusal(*command(tiny_rung, tmp_path / "out"), "--set", "evaluation.steps=[2, 9]")
    assert "step 9 is never taken, posttrain.max_steps is 5" in said


def test_the_documents_of_test_are_scored_at_the_chosen_step_alone(
    tiny_rung: Path, tmp_path: Path, gapbench: Gapbench
) -> None:
    """The same step is chosen, with the same scores; the steps that were not chosen have none."""
    kept = {}
    for steps in ("scored", "selected"):
        out = tmp_path / steps
        chosen = ["--set", "evaluation.steps=[1, 2, 3]", "--set", f"evaluation.test_steps={steps}"]
        assert gapbench(*command(tiny_rung, out), *chosen)[0] == 0
        record = json.loads((out / "run.json").read_text())
        kept[steps] = record, pq.read_table(out / "samples.parquet")
    (every, whole), (record, samples) = kept["scored"], kept["selected"]
    assert "test_steps" not in every["settings"]["evaluation"]
    step = record["selected_step"]["all"]
    assert record["selected_step"] == every["selected_step"]
    assert [bool(one["metrics"]) for one in record["steps"]] == [
        one["step"] in (0, step) for one in record["steps"]
    ]
    selections = [
        [one.get("select_averages") for one in found["steps"] if one["step"]] for found in (record, every)
    ]
    assert selections[0] == selections[1] and len([one for one in selections[0] if one]) == 3
    assert set(samples.column("step").to_pylist()) == {0, step}
    assert samples.equals(whole.filter(pc.is_in(whole.column("step"), pa.array([0, step]))))
