"""A suite of lm-eval's own tasks has the numbers of stock `simple_evaluate` with `HFLM`, document by document."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.posttrain.base_model import read_model
from benchmark.settings.task_suite import TaskSuite
from benchmark.tasks.lm_eval_tasks.load_tasks import load_task_suite
from benchmark.tasks.lm_eval_tasks.name_index import lm_eval_index
from benchmark.tasks.rows import SELECT_NUMBERS_FROM
from tests.lm_eval_rows import (
    POSITIONS,
    data_settings,
    local,
    read_jsonl,
    write_jsonl,
    write_model,
    write_rows,
)

torch.set_num_threads(1)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_installation")]
TASKS = ["piqa", "arc_easy", "winogrande", "sciq", "boolq", "lambada_openai", "gsm8k"]
LENGTH = POSITIONS


@pytest.fixture(scope="module", params=["opt", "llama"])
def folder(request, tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def stock(folder):
    """lm-eval's own model, batch size 1."""
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return HFLM(
        pretrained=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        batch_size=1,
        max_length=LENGTH,
    )


@pytest.fixture(scope="module")
def rows(stock, tmp_path_factory) -> Path:
    """The small files, where a third of the answers is what this model says."""
    from lm_eval.api.instance import Instance

    folder = write_rows(tmp_path_factory.mktemp("rows"))
    for task, question, answered in (
        ("lambada_openai", lambda row: " ".join(row["text"].split(" ")[:-1]), _last_word),
        ("gsm8k", lambda row: f"Question: {row['question']}\nAnswer:", _number),
    ):
        path = folder / task / "test.jsonl"
        found = read_jsonl(path)
        for row in found[::3]:
            settings = {"max_gen_toks": 64, "until": ["Question:"], "do_sample": False}
            request = Instance("generate_until", {}, (question(row), settings), 0)
            (text,) = stock.generate_until([request], disable_tqdm=True)
            row.update(answered(row, text))
        write_jsonl(path, found)
    return folder


def _last_word(row: dict[str, Any], text: str) -> dict[str, Any]:
    before = row["text"].split(" ")[:-1]
    said = text[1:].split(" ")[0] if text.startswith(" ") else ""
    return {"text": " ".join([*before, said or "cat"])}


def _number(row: dict[str, Any], text: str) -> dict[str, Any]:
    import re

    found = re.findall(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", text)
    last = next((part for part in found[-1] if part), "0") if found else "0"
    return {"answer": f"so\n#### {last}"}


def stock_samples(
    stock, rows: Path, shots: int | None, **changed: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    index = lm_eval_index()
    tasks = [load_yaml(index[name].yaml_path) | local(rows, name) | changed.get(name, {}) for name in TASKS]
    found = simple_evaluate(
        model=stock,
        tasks=tasks,
        num_fewshot=shots,
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
    )
    return found["samples"], found["results"]


@pytest.mark.parametrize("shots", [0, 2])
def test_values_and_log_probabilities_are_those_of_stock(folder, stock, rows, shots):
    spec = TaskSuite(
        name="stock",
        tasks=TASKS,
        data=data_settings(rows, *TASKS),
        metrics={"piqa": "acc_norm", "sciq": "acc_norm", "gsm8k": "exact_match,flexible-extract"},
        num_fewshot=shots,
    )
    if shots:
        # Examples are drawn from the scored split itself here, where stock may show a document its own answer.
        spec = spec.model_copy(update={"tasks": tuple(t for t in spec.tasks if t != "lambada_openai")})
    suite = load_task_suite(spec, Path())
    model, tokenizer, _ = read_model(folder)
    found = evaluate(model, prepare(suite, tokenizer, max_length=LENGTH, positions=POSITIONS))
    ours = found.samples.to_pylist()
    stock_by_task, results = stock_samples(stock, rows, shots)
    for task in suite.tasks:
        key = task.filter or "none"
        theirs = {one["doc_id"]: one for one in stock_by_task[task.name] if one["filter"] == key}
        mine = [row for row in ours if row["task"] == task.name and row["doc_id"] < SELECT_NUMBERS_FROM]
        assert sorted(row["doc_id"] for row in mine) == sorted(theirs)
        for row in mine:
            one = theirs[row["doc_id"]]
            assert row["value"] == one[task.metric], (task.name, row["doc_id"])
            if task.form == "generation":
                assert row["prediction"] == one["resps"][0][0]
                assert row["probability"] is None
                continue
            wanted = [response[0][0] for response in one["resps"]]
            lengths = [len(tokenizer.encode(args[1], bos=False)) for args in one["arguments"]]
            for got, logprob, length in zip(row["choice_logprobs"], wanted, lengths, strict=True):
                assert got == pytest.approx(logprob, abs=1e-4 * length)
        if task.name in (
            "arc_easy",
            "sciq",
        ):  # a test split of their own, so that a mean is over the same documents
            metric = f"{task.metric},{key}"
            assert found.metrics["test"][task.name][task.metric] == pytest.approx(
                results[task.name][metric], abs=1e-12
            )
    values = {task.name: {row["value"] for row in ours if row["task"] == task.name} for task in suite.tasks}
    # Both outcomes occur, so that an equal value is no accident.
    assert all(found == {0.0, 1.0} for name, found in values.items() if shots == 0 or name != "gsm8k"), values


def test_groups_are_averaged_as_lm_eval_does(folder, tmp_path):
    """A group that weighs its tasks by their documents, and one that does not, beside the family's own mean."""
    for name, rows in (("short", 6), ("long", 30)):
        found = [
            {"ask": f"{name} {number} cat", "choices": [" a", " the"], "gold": number % 2}
            for number in range(rows)
        ]
        for split in ("validation", "test"):
            write_jsonl(
                tmp_path / f"{name}-{split}.jsonl", [row | {"ask": f"{row['ask']} {split}"} for row in found]
            )
        files = {split: str(tmp_path / f"{name}-{split}.jsonl") for split in ("validation", "test")}
        task = {
            "task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": files}, "doc_to_text": "ask",
            "validation_split": "validation", "test_split": "test", "output_type": "multiple_choice",
            "doc_to_choice": "choices", "doc_to_target": "gold", "metric_list": [{"metric": "acc"}],
        }  # fmt: skip
        write_yaml(tmp_path / "own" / f"{name}.yaml", task)
    for name, weighted in (("by-documents", True), ("by-tasks", False)):
        average = {"metric": "acc", "aggregation": "mean", "weight_by_size": weighted}
        write_yaml(
            tmp_path / "own" / f"{name}.yaml",
            {"group": name, "task": ["short", "long"], "aggregate_metric_list": [average]},
        )
    for name, weighted in (("by-documents", True), ("by-tasks", False)):
        suite = load_task_suite(TaskSuite(name="own", tasks=(name,), folder="own"), tmp_path)
        model, tokenizer, _ = read_model(folder)
        found = evaluate(model, prepare(suite, tokenizer, max_length=LENGTH, splits=["test"]))
        short, long = (found.metrics["test"][task]["acc"] for task in ("short", "long"))
        wanted = (6 * short + 30 * long) / 36 if weighted else (short + long) / 2
        assert found.groups["test"] == {name: pytest.approx(wanted, abs=1e-12)}
        assert found.averages["test"] == {
            "choice": pytest.approx((short + long) / 2),
            "all": pytest.approx((short + long) / 2),
        }


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_run_is_scored_on_such_a_suite(folder, rows):
    """From the settings to a run's record: three steps, samples of both splits, a key of its own."""
    from benchmark.posttrain.base_model import load_base
    from benchmark.posttrain.objective import text_tokens
    from benchmark.posttrain.run_loop import RunRequest, execute_run
    from benchmark.posttrain.run_requests import run_key
    from benchmark.settings.arm_specs import Arm
    from benchmark.settings.run_options import EvaluationOptions, Execution, Posttrain
    from benchmark.tasks.suite_of_track import suite_of

    names = ("piqa", "lambada_openai")
    settings = EvaluationOptions(
        suite=TaskSuite(name="own", tasks=names, data=data_settings(rows, *names)),
        documents=5,
        select_documents=4,
    )
    base = load_base("tiny", folder, suite_of(settings, documents=5), settings, Execution())
    tokens = tuple(
        text_tokens("the cat sat on a red mat", base.tokenizer, max_length=64, positions=POSITIONS)
    )
    request = RunRequest(
        track="own", model_name="tiny", model=base.model, model_digest=base.digest, corpus="words", index=0,
        text_id="t", tokens=tokens, arm_name="ascent", arm=Arm(kind="ascent"), seed=0,
        settings=Posttrain(max_steps=3), arithmetic=base.arithmetic,
    )  # fmt: skip
    result = execute_run(request, base.scorer)
    assert result.record.suite == "own"
    assert result.record.selected_step["all"] in (1, 2, 3)
    counts = result.samples.to_pandas().groupby(["step", "task", "split"]).size()
    assert len(counts) == 3 * 2 * 2
    assert set(counts) == {4, 5}
    assert result.samples.column("probability").null_count == 0
    other = settings.model_copy(
        update={"suite": settings.suite.model_copy(update={"metrics": {"piqa": "acc_norm"}})}
    )
    changed = load_base("tiny", folder, suite_of(other, documents=5), other, Execution())
    assert run_key(request, base.scorer) != run_key(request, changed.scorer)
