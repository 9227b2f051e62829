"""A base model ready to be treated: its weights, its tokenizer, and the documents that it is scored on."""

from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.arithmetic.alone import compute_alone
from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.errors import InputError
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import OptModel, load_opt, read_config, weights_sha256
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.scorer import Scorer
from benchmark.settings import Evaluation, Execution
from benchmark.tasks.of_settings import suite_of as suite_of
from benchmark.tasks.suite import Suite


@dataclass(frozen=True)
class Base:
    """An unmodified model and what scores it.

    Attributes:
        digest: sha256 over weights and tokenizer.
        arithmetic: how numbers are computed (`arithmetic.mode.name`).
    """

    name: str
    model: OptModel
    tokenizer: Tokenizer
    digest: str
    arithmetic: str
    scorer: Scorer


def load_base(name: str, folder: Path, suite: Suite, settings: Evaluation, execution: Execution) -> Base:
    """Load a model folder and score the unmodified model on the suite.

    The embedding is cut behind the tokenizer's largest id, as the original study does, so that the softmax is
    over tokens that exist.

    Raises:
        InputError: the folder holds no model that is known here, or the model's outputs are not finite.
    """
    compute_alone()
    device = torch_device(execution)
    tokenizer = Tokenizer.from_folder(folder)
    rows = tokenizer.rows_of(read_config(folder / "config.json").vocab_size, folder)
    model = load_opt(folder, device=device, vocab_rows=rows)
    prepared = prepare(
        suite,
        tokenizer,
        max_length=min(settings.max_length, model.config.max_position_embeddings),
        positions=model.config.max_position_embeddings,
        batch_tokens=settings.batch_tokens,
    )
    digest = f"{weights_sha256(model.params)}-{tokenizer.digest}"
    scorer = Scorer.of(model, suite, prepared, settings)
    if not (scorer.start.finite and scorer.start.written_finite):
        dtype = str(model.dtype).removeprefix("torch.")
        raise InputError(
            f"model {name} ({folder}): its outputs are not finite in {dtype}, so there is nothing to compare "
            "with: use a checkpoint in the type that it was trained in"
        )
    return Base(name, model, tokenizer, digest, arithmetic_name(device), scorer)


def torch_device(execution: Execution) -> str:
    """The device to compute on: `auto` is a GPU where there is one."""
    if execution.device == "cuda" and not torch.cuda.is_available():
        raise InputError("execution.device: no CUDA device here: take 'cpu' or 'auto'")
    return "cuda" if execution.device != "cpu" and torch.cuda.is_available() else "cpu"
