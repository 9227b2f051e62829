"""gap12's prompts, choices, targets, token counts and scores are those of the original study's code."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_layout import NAMES, make_layout
from small_data import TWELVE

from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import load_opt
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import Suite, SuiteTask, load_suite

HASHES = Path(__file__).with_name("gap12_prompts.json")
GOLDEN = {
    "baseline__pre_ln": None,
    "baseline_alltasks__pre_ln": "rows_first32",
    "baseline_handmade__pre_ln": "rows_handmade",
}


@pytest.fixture(scope="module")
def tokenizer(golden_dir: Path) -> Tokenizer:
    return Tokenizer.from_folder(golden_dir / "models" / "pre_ln")


@pytest.fixture(params=GOLDEN)
def original(request, golden_dir, tmp_path, monkeypatch) -> dict[str, Any]:
    """A run of the original code on an unmodified model, with its data in use."""
    rows = GOLDEN[request.param]
    folder = make_layout(golden_dir.parent, rows, tmp_path) if rows else golden_dir.parent
    monkeypatch.setenv("GAPBENCH_DATA", str(folder))
    return json.loads((golden_dir / "runs" / f"{request.param}.json").read_text())


def same_tasks(original: dict[str, Any]) -> Suite:
    tasks = [NAMES.get(task, task) for task in original["examples"]]
    limit = original["config"]["limit_val_samples"]
    return load_suite("gap12", protocol="paper", tasks=tasks, limit=limit)


def test_requests_are_those_the_original_code_made(original, tokenizer):
    tasks = {NAMES.get(task, task): examples for task, examples in original["examples"].items()}
    length = original["config"]["input_length"]
    for task in same_tasks(original).tasks:
        examples = tasks[task.name]
        assert len(task.documents["test"]) >= len(examples)
        for example, document in zip(examples, task.documents["test"], strict=False):
            requests = task.requests(document)
            context = requests[0].args[0]
            assert min(length, len(tokenizer.encode(context, bos=True))) == example["n_source_tokens"]
            if task.family == "dialogue":
                target = task.task.doc_to_target(document.row)
                assert target == example["target"]
                assert len(tokenizer.encode(target, bos=True)) == example["n_target_tokens"]
                results = [example["generated"], (-1.0, False)]
                assert task.task.process_results(document.row, results)["f1"] == pytest.approx(example["f1"])
            else:
                assert [request.args[1] for request in requests] == example["choices"]
                counts = [len(tokenizer.encode(choice, bos=False)) for choice in example["choices"]]
                assert counts == example["n_choice_tokens"]
                assert task.task.doc_to_target(document.row) == example["answer_index"]


def test_the_first_320_documents_are_as_many_and_as_long_as_the_original_codes(
    golden_dir, tokenizer, monkeypatch
):
    """Set sizes after the filters, and the mean length of a sequence, from padding_share_n320_len512.json."""
    monkeypatch.setenv("GAPBENCH_DATA", str(golden_dir.parent))
    golden = json.loads((golden_dir / "runs" / "padding_share_n320_len512.json").read_text())
    whole = {
        task.name: task for task in load_suite("gap12", tasks=TWELVE, protocol="paper", documents=10**6).tasks
    }
    for name, facts in golden.items():
        if name == "all":
            continue
        task = whole[NAMES.get(name, name)]
        assert len(task.documents["test"]) == facts["rows_in_set"]
        assert mean_sequence(task, tokenizer) == pytest.approx(facts["mean_true_length"], abs=0.051)


def mean_sequence(task: SuiteTask, tokenizer: Tokenizer) -> float:
    """Mean tokens of a sequence, 512 at most: context and continuation, or the context that is continued."""
    requests = [r for document in task.documents["test"][:320] for r in task.requests(document)]
    contexts = tokenizer.encode_batch([request.args[0] for request in requests], bos=True)
    given = [r.args[1] if r.request_type == "loglikelihood" else "" for r in requests]
    continuations = tokenizer.encode_batch(given, bos=False)
    lengths = [min(512, len(a) + len(b)) for a, b in zip(contexts, continuations, strict=True)]
    return sum(lengths) / len(lengths)


def prompts_hash(task: SuiteTask) -> str:
    """sha256 over document ids, contexts, continuations and answers of the first 320 documents."""
    total = hashlib.sha256()
    for document in task.documents["test"]:
        texts = [request.args[0] for request in task.requests(document)]
        continuations = [request.args[1] for request in task.requests(document)]
        answer = task.task.doc_to_target(document.row)
        total.update(json.dumps([document.doc_id, texts, continuations, answer]).encode())
    return total.hexdigest()


def test_prompts_of_the_first_320_documents_have_not_changed(data_dir, monkeypatch):
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    found = {
        task.name: prompts_hash(task) for task in load_suite("gap12", tasks=TWELVE, protocol="paper").tasks
    }
    assert found == json.loads(HASHES.read_text())


def test_documents_that_a_joint_tokenisation_would_change_are_known(golden_dir, tokenizer, monkeypatch):
    """Stock lm-eval encodes context and continuation as one text; here and in the original they are apart."""
    monkeypatch.setenv("GAPBENCH_DATA", str(golden_dir.parent))
    changed: dict[str, set[int]] = {}
    for task in load_suite("gap12", tasks=TWELVE, protocol="paper").tasks:
        made = [request for document in task.documents["test"] for request in task.requests(document)]
        scored = [request for request in made if request.request_type == "loglikelihood"]
        contexts = tokenizer.encode_batch([request.args[0] for request in scored], bos=True)
        continuations = tokenizer.encode_batch([request.args[1] for request in scored], bos=False)
        joint = tokenizer.encode_batch(["".join(request.args) for request in scored], bos=True)
        for request, context, continuation, whole in zip(scored, contexts, continuations, joint, strict=True):
            if context + continuation != whole:
                changed.setdefault(task.name, set()).add(request.doc_id)
    assert {name: sorted(ids) for name, ids in changed.items()} == JOINT_DIFFERS


JOINT_DIFFERS = {"math_qa": [3, 109, 167, 176, 202, 244]}


def test_an_unmodified_model_scores_as_under_the_original_code(original, tokenizer, golden_dir):
    """Within 1e-4 on log-probabilities and losses, 1e-6 on F1; accuracies and generated texts equal."""
    torch.set_num_threads(1)
    config, examples = original["config"], original["examples"]
    model = load_opt(golden_dir / "models" / "pre_ln", vocab_rows=tokenizer.n_tokens)
    prepared = prepare(same_tasks(original), tokenizer, max_length=config["input_length"])
    evaluation = evaluate(model, prepared, loss_batch_size=config["eval_batch_size"])
    wanted = original["epochs"][0]["metrics"]
    for task in examples:
        found = evaluation.metrics["test"][NAMES.get(task, task)]
        if "acc" in found:
            key = f"{task}_acc" if "/" in task else f"{task}/acc"
            assert found["acc"] == pytest.approx(wanted[key], abs=1e-7)
        else:
            assert found["f1"] == pytest.approx(wanted[f"{task}/f1"], abs=1e-6)
            assert found["loss"] == pytest.approx(wanted[f"{task}/loss"], abs=1e-4)
    averages = evaluation.averages["test"]
    assert averages["classification"] == pytest.approx(wanted["average/classification_acc"], abs=1e-6)
    assert averages["dialogue"] == pytest.approx(wanted["average/dialog_f1"], abs=1e-6)

    samples = evaluation.samples.to_pandas()
    for task, documents in examples.items():
        ours = samples[samples["task"] == NAMES.get(task, task)].to_dict("records")
        for example, sample in zip(documents, ours, strict=False):
            if "generated" in example:
                assert sample["prediction"] == example["generated"]
            else:
                assert list(sample["choice_logprobs"]) == pytest.approx(example["summed_logprob"], abs=1e-4)
