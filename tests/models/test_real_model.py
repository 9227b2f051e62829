"""SmolLM2-135M-Instruct, dequantised from its 4-bit file: the figures of stock lm-eval and plain PyTorch.

The weights come from a package of the registry (90 MB); they are converted once and kept in the cache folder.
`GAPBENCH_SMOLLM2` may name a folder that was made of them before. Without both the tests are skipped.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer as Backend

from benchmark.errors import InputError
from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.any_architecture.from_gguf import convert, file_of_package
from benchmark.models.causal_model import CausalModel
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.arms.interface import RunStart
from benchmark.posttrain.base_model import read_model
from benchmark.posttrain.objective import text_loss, text_tokens
from benchmark.posttrain.run_loop import l2_distance
from benchmark.public_data.public_files import cache_folder
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import GgufModel
from benchmark.settings.run_options import Posttrain
from benchmark.system.content_hash import sha256_of
from benchmark.tasks.suite import load_suite

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
WEIGHTS = "a672150fb4f99d7c8f4168cecdd464069c0ef3a37d8113f22ddb9d48031d03cd"
"""sha256 of the converted `model.safetensors`."""


@pytest.fixture(scope="module")
def folder(golden_dir: Path) -> Path:
    """The model as a folder of float32 safetensors: the one that is named, or one that is made once and kept."""
    if not (golden_dir / "real").is_dir():
        pytest.skip(f"no {golden_dir / 'real'}: golden figures are not part of the public data")
    if named := os.environ.get("GAPBENCH_SMOLLM2"):
        return Path(named)
    kept = cache_folder() / "smollm2-135m-instruct" / WEIGHTS
    if not kept.is_dir():
        (spec,) = load_settings(ROOT / "tracks/smollm2-q4/params.yaml").models.values()
        assert isinstance(spec, GgufModel) and spec.package and spec.file
        try:
            file = file_of_package(spec.package, spec.file, spec.sha256)
        except InputError as error:
            pytest.skip(f"{error}; or name a folder that was made of it in GAPBENCH_SMOLLM2")
        convert(file, kept)
        assert sha256_of(kept / "model.safetensors") == WEIGHTS
    return kept


@pytest.fixture
def real_data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks' real rows in use."""
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Any:
    """Model and tokenizer."""
    model, tokenizer, _ = read_model(folder)
    return model, tokenizer


def golden(golden_dir: Path, name: str) -> dict[str, Any]:
    path = golden_dir / "real" / f"smollm2-135m__{name}.json"
    if not path.is_file():
        pytest.skip(f"no {path}: golden figures are not part of the public data")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def check_scores(loaded: Any, wanted: dict[str, Any], params: dict[str, torch.Tensor] | None = None) -> None:
    """Summed log-probabilities of every choice within 1e-3 nats, and the same accuracy."""
    model, tokenizer = loaded
    suite = load_suite("gap12", protocol="paper", limit=wanted["documents"], tasks=[wanted["task"]])
    prepared = prepare(suite, tokenizer, max_length=512)
    found = evaluate(CausalModel(model.config, params or model.params), prepared)
    rows = found.samples.to_pylist()
    assert [row["choice_logprobs"] for row in rows] == [
        pytest.approx(row["logprobs"], abs=1e-3) for row in wanted["rows"]
    ]
    assert [row["value"] for row in rows] == [row["acc"] for row in wanted["rows"]]
    assert found.metrics["test"][wanted["task"]]["acc"] == pytest.approx(wanted["acc"], abs=1e-12)


def test_it_is_the_model_of_the_figures(loaded: Any) -> None:
    model, tokenizer = loaded
    assert model.parameters_count() == 134_515_008
    assert tokenizer.leading == ()
    assert isinstance(tokenizer.backend, Backend)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id) == (1, 2, 2)


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("task", ["piqa", "arc_easy"])
def test_choices_have_stock_lm_evals_log_probabilities(loaded: Any, golden_dir: Path, task: str) -> None:
    check_scores(loaded, golden(golden_dir, task))
    assert loaded[0].config.record() == {"scored_as": "prefix trees"}


@pytest.mark.usefixtures("real_data")
def test_ascent_is_plain_pytorchs(loaded: Any, golden_dir: Path) -> None:
    """Losses within 1e-4, distances within 1e-5 of themselves, and PIQA after the last step."""
    import pandas as pd

    wanted = golden(golden_dir, "ascent")
    model, tokenizer = loaded
    table = pd.read_csv(golden_dir.parent / "official-gap/data/train_data/github.csv")
    tokens = text_tokens(
        table["text"][0], tokenizer, max_length=256, positions=model.config.max_position_embeddings
    )
    assert tokens == wanted["text"]["ids"]
    settings = Posttrain(learning_rate=5e-5, betas=(0.9, 0.98), eps=1e-8, max_steps=5, precision="fp32")
    params = model.params
    attempts = ARMS["ascent"](RunStart(model, tuple(tokens), settings, 0, "text"))
    for step in wanted["steps"]:
        assert float(text_loss(params, model.config, tokens)) == pytest.approx(step["loss_before"], abs=1e-4)
        params = next(attempts).params
        assert l2_distance(params, model.params) == pytest.approx(step["distance_after"], rel=1e-5)
    assert float(text_loss(params, model.config, tokens)) == pytest.approx(
        wanted["loss_after_last_step"], abs=1e-4
    )
    check_scores(loaded, wanted["piqa_after"], params)
