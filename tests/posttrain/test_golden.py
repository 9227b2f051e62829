"""The protocol `paper` gives the figures of the original study's own code, on the runs it was recorded on.

Tolerances are those that the figures support: losses 1e-4, distance 1e-6 relative, accuracies equal, F1 1e-6.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.corpora.text_files import read_texts
from benchmark.models.opt import load_opt
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.arms.interface import RunStart
from benchmark.posttrain.base_model import Base, load_base
from benchmark.posttrain.objective import text_loss, text_tokens
from benchmark.posttrain.run_loop import execute_run, l2_distance
from benchmark.posttrain.run_requests import request
from benchmark.settings.load import validate
from benchmark.settings.run_options import Posttrain
from benchmark.settings.track_settings import Settings
from benchmark.tasks.suite_of_track import suite_of
from tests.golden_layout import NAMES, make_layout
from tests.remembered import remembered

DIALOGUES = ("blended_skill_talk", "empathetic_dialogues", "wizard_of_internet", "wizard_of_wikipedia")


def settings_for(golden: dict[str, Any]) -> Settings:
    """The settings under which the original code made a golden file."""
    config = golden["config"]
    evaluation = {
        "suite": "gap12",
        "protocol": "paper",
        "max_length": config["input_length"],
        "documents": config["limit_val_samples"],
        "loss_batch_size": config["eval_batch_size"],
        "tasks": None if len(config["valid_sets"]) == 12 else ["pubmed_qa", *DIALOGUES],
    }
    return validate(
        {
            "track": {"name": "golden"},
            "models": {},
            "corpora": {},
            "arms": {"gap": {"kind": "ascent"}},
            "posttrain": {"learning_rate": config["learning_rate"]},
            "evaluation": evaluation,
        },
        "test",
    )


@remembered
def base_model(folder: Path, evaluation: Any) -> Base:
    settings = validate({"track": {"name": "x"}, "models": {}, "corpora": {}, "arms": {}}, "test")
    return load_base(
        "pre-ln", folder, suite_of(evaluation, documents=evaluation.documents), evaluation, settings.execution
    )


def task_and_metric(name: str) -> tuple[str, str]:
    """`super_glue/copa_acc` or `piqa/acc` in our names."""
    for original, ours in NAMES.items():
        if name == f"{original}_acc":
            return ours, "acc"
    task, metric = name.split("/")
    return task, metric


def assert_same_metrics(ours: dict[str, Any], golden: dict[str, float], where: str) -> None:
    for name, value in golden.items():
        if name.startswith("average/"):
            continue
        task, kind = task_and_metric(name)
        tolerance = {"loss": 1e-4, "f1": 1e-6, "acc": 1e-7}[kind]
        assert ours[task][kind] == pytest.approx(value, abs=tolerance), f"{where} {name}"


@pytest.mark.parametrize(
    "name",
    [
        "pre_ln__github_i0__lr5e-5",
        "pre_ln__github_i0__lr1e-3",
        "pre_ln__pile-cc_i0__lr5e-5",
        "pre_ln__pile-cc_i0__lr1e-3",
        "alltasks__pre_ln__github_i0__lr5e-5",
    ],
)
def test_a_run_gives_the_original_codes_figures(
    name: str, golden_dir: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAPBENCH_DATA", str(make_layout(data_dir, "rows_first32", tmp_path)))
    golden = json.loads((golden_dir / "runs" / f"{name}.json").read_text())
    settings = settings_for(golden)
    base = base_model(golden_dir / "models" / "pre_ln", settings.evaluation)
    corpus = data_dir / "official-gap" / Path(golden["config"]["train_set"])
    text = read_texts(corpus)[golden["data_index"]]
    record = execute_run(request(settings, base, corpus.stem, text, "gap", 0), base.scorer).record
    epochs = golden["epochs"]
    assert record.stopped_at == golden["last_epoch"] + 1
    assert (record.stop_reason == "early_stop") == golden["stopped_early"]
    for epoch in epochs:
        before, after = record.steps[epoch["epoch"]], record.steps[epoch["epoch"] + 1]
        assert before.loss == pytest.approx(epoch["train_loss"], abs=1e-4)
        assert after.distance == pytest.approx(epoch["l2_from_theta0"], rel=1e-6)
        assert_same_metrics(after.metrics, epoch["metrics"], f"epoch {epoch['epoch']}")


@pytest.mark.parametrize("corpus", ["github", "pile-cc"])
@pytest.mark.parametrize("rate", ["5e-5", "1e-3"])
def test_fifteen_steps_move_the_weights_as_the_original_code_does(
    corpus: str, rate: str, golden_dir: Path, data_dir: Path
) -> None:
    golden = json.loads(
        (golden_dir / "runs" / f"trainonly512__pre_ln__{corpus}_i0__lr{rate}.json").read_text()
    )
    folder = golden_dir / "models" / "pre_ln"
    tokenizer = Tokenizer.from_folder(folder)
    model = load_opt(folder, vocab_rows=tokenizer.n_tokens)
    text = read_texts(data_dir / "official-gap" / golden["config"]["train_set"])[golden["data_index"]]
    tokens = text_tokens(text.text, tokenizer, max_length=512, positions=model.config.max_position_embeddings)
    optimiser = Posttrain(learning_rate=golden["config"]["learning_rate"])
    attempts = ARMS["ascent"](RunStart(model, tuple(tokens), optimiser, seed=0, text_id=text.text_id))
    loss = float(text_loss(model.params, model.config, tokens))
    for epoch, attempt in zip(golden["epochs"], attempts, strict=False):
        assert loss == pytest.approx(epoch["train_loss"], abs=1e-4)
        assert l2_distance(attempt.params, model.params) == pytest.approx(epoch["l2_from_theta0"], rel=1e-6)
        loss = float(text_loss(attempt.params, model.config, tokens))
    assert len(golden["epochs"]) == 15
