"""A base model ready to be treated: its weights, its tokenizer, and the documents that it is scored on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.arithmetic.precision import cached_bytes, check_precision
from benchmark.arithmetic.single_thread import compute_alone
from benchmark.errors import InputError
from benchmark.evaluation.batch_plan import slot_bytes
from benchmark.evaluation.batched_requests import cached_tokens
from benchmark.evaluation.engine import Evaluation as Scores
from benchmark.evaluation.engine import drafts_from, evaluate
from benchmark.evaluation.prepare import Prepared, prepare
from benchmark.models.causal_model import CausalModel
from benchmark.models.model_folders import shape_of, vocabulary_rows, waiting_model
from benchmark.models.opt import OptConfig
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.run_options import EvaluationOptions, Execution
from benchmark.tasks.suite import Suite


@dataclass(frozen=True)
class Base:
    """An unmodified model and what scores it.

    Attributes:
        digest: sha256 over weights and over tokenizer, joined by a hyphen.
        arithmetic: how numbers are computed (`arithmetic.mode.name`).
        draw: the pretraining draw of the model.
    """

    name: str
    model: CausalModel
    tokenizer: Tokenizer
    digest: str
    arithmetic: str
    scorer: Scorer
    draw: int = 0


class Documents:
    """A suite that is prepared once for all draws that share tokenizer and positions."""

    def __init__(self, suite: Suite, settings: EvaluationOptions) -> None:
        self.suite, self.settings = suite, settings
        self._prepared: dict[tuple[str, int, int], Prepared] = {}

    def prepared(self, tokenizer: Tokenizer, positions: int, shape: OptConfig) -> Prepared:
        """Token ids and batch plan. A model's own answers, which are remembered, are not shared between draws.

        Args:
            shape: of the model, or that of an OPT model of the same size.
        """
        settings = self.settings
        slot = slot_bytes(shape, cached_bytes(settings.precision))
        key = tokenizer.digest, positions, cached_tokens(slot)
        if key not in self._prepared:
            self._prepared[key] = prepare(
                self.suite,
                tokenizer,
                max_length=min(settings.max_length, positions),
                positions=positions,
                batch_tokens=settings.batch_tokens,
                slot_bytes=slot,
            )
            return self._prepared[key]
        return self._prepared[key].for_another_model()


@dataclass(frozen=True)
class Loaded:
    """One draw of a model, loaded and not yet scored, with the documents that it is to be scored on."""

    name: str
    draw: int
    folder: Path
    model: CausalModel
    tokenizer: Tokenizer
    digest: str
    documents: Documents
    prepared: Prepared

    def scores(self) -> Scores:
        """The unmodified model's scores."""
        settings = self.documents.settings
        return evaluate(
            self.model.placed(),
            self.prepared,
            loss_batch_size=settings.loss_batch_size,
            precision=settings.precision,
        )

    def base(self, start: Scores) -> Base:
        """The draw with its scores.

        Raises:
            InputError: the model's outputs are not finite.
        """
        if not (start.finite and start.written_finite):
            dtype = str(self.model.dtype).removeprefix("torch.")
            raise InputError(
                f"model {self.name} ({self.folder}): its outputs are not finite in {dtype}, so there is nothing to "
                "compare with: use a checkpoint in the type that it was trained in"
            )
        suite, settings = self.documents.suite, self.documents.settings
        scorer = Scorer(suite, self.prepared, settings, start, drafts_from(start, self.prepared))
        portable = self.model.config.portable and settings.precision == "fp32"
        how = arithmetic_name(self.model.device.type, routed=portable)
        return Base(self.name, self.model, self.tokenizer, self.digest, how, scorer, self.draw)


Check = Callable[[Loaded], None]
"""Refuses a loaded model before anything is computed."""


def load(
    name: str,
    draw: int,
    folder: Path,
    documents: Documents,
    execution: Execution,
    check: Check = lambda _: None,
) -> Loaded:
    """Load a model folder.

    Raises:
        InputError: the folder holds no model that is known here.
    """
    compute_alone()
    device = torch_device(execution)
    check_precision(documents.settings.precision, device)
    model, tokenizer, digest = read_model(folder, device)
    prepared = documents.prepared(tokenizer, model.config.max_position_embeddings, shape_of(folder))
    loaded = Loaded(name, draw, folder, model, tokenizer, digest, documents, prepared)
    check(loaded)
    model.config.prepare(model.placed().params, prepared.longest)
    model.config.release()
    return loaded


def load_base(
    name: str,
    folder: Path,
    suite: Suite,
    settings: EvaluationOptions,
    execution: Execution,
    *,
    draw: int = 0,
    check: Check = lambda _: None,
) -> Base:
    """Load a model folder and score the unmodified model on the suite.

    Raises:
        InputError: the folder holds no model that is known here, or the model's outputs are not finite.
    """
    loaded = load(name, draw, folder, Documents(suite, settings), execution, check)
    return loaded.base(loaded.scores())


def read_model(folder: Path, device: str = "cpu") -> tuple[CausalModel, Tokenizer, str]:
    """Model, tokenizer, and sha256 over weights and over tokenizer, joined by a hyphen.

    The weights wait in the machine's memory for the device. The embedding is cut after the tokenizer's largest id,
    as in the original study, so that the softmax is over tokens that exist.

    Raises:
        InputError: the folder holds no model that is known here.
    """
    tokenizer = Tokenizer.from_folder(folder)
    tokenizer.try_expressions()
    rows = tokenizer.rows_of(vocabulary_rows(folder), folder)
    model = waiting_model(folder, device, rows)
    assert model.stored is not None
    return model, tokenizer, f"{model.config.digest(model.stored.sha256)}-{tokenizer.digest}"


def torch_device(execution: Execution) -> str:
    """The device to compute on: `auto` is a GPU where there is one."""
    if execution.device == "cuda" and not torch.cuda.is_available():
        raise InputError("execution.device: no CUDA device here: use 'cpu' or 'auto'")
    return "cuda" if execution.device != "cpu" and torch.cuda.is_available() else "cpu"
