"""The engine on gap12 gives the figures of the original code for an unmodified model."""

import json

import pytest
import torch
from golden_layout import NAMES, make_layout

from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import load_opt
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import load_suite

torch.set_num_threads(1)
GOLDEN = {
    "baseline__pre_ln": None,
    "baseline_alltasks__pre_ln": "rows_first32",
    "baseline_handmade__pre_ln": "rows_handmade",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_an_unmodified_model_scores_as_under_the_original_code(name, golden_dir, tmp_path, monkeypatch):
    """Within 1e-4 on log-probabilities and losses, 1e-6 on F1; accuracies and generated texts equal."""
    rows = GOLDEN[name]
    folder = make_layout(golden_dir.parent, rows, tmp_path) if rows else golden_dir.parent
    monkeypatch.setenv("GAPBENCH_DATA", str(folder))
    golden = json.loads((golden_dir / "runs" / f"{name}.json").read_text())
    config, examples = golden["config"], golden["examples"]
    tokenizer = Tokenizer.from_folder(golden_dir / "models" / "pre_ln")
    model = load_opt(golden_dir / "models" / "pre_ln", vocab_rows=tokenizer.n_tokens)
    suite = load_suite(
        "gap12",
        tasks=[NAMES.get(task, task) for task in examples],
        protocol="paper",
        limit=config["limit_val_samples"],
    )
    prepared = prepare(suite, tokenizer, max_length=config["input_length"])
    evaluation = evaluate(model, prepared, loss_batch_size=config["eval_batch_size"])

    wanted = golden["epochs"][0]["metrics"]
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
