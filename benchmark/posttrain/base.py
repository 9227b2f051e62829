"""A base model ready to be treated: its weights, its tokenizer, and the documents that it is scored on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.errors import InputError
from benchmark.evaluation.engine import Evaluation as EvaluationResult
from benchmark.evaluation.engine import drafts_from, evaluate
from benchmark.evaluation.prepare import Prepared, PreparedTask, prepare
from benchmark.execution import compute_alone, run_units
from benchmark.models.opt import OptModel, load_opt, read_config, weights_sha256
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.run import Scorer
from benchmark.settings import Evaluation, Execution
from benchmark.tasks.suite import Suite, load_suite


@dataclass(frozen=True)
class Base:
    """An unmodified model and what scores it.

    Attributes:
        digest: sha256 over weights and tokenizer.
        arithmetic: how numbers are computed (`arithmetic.mode.name`).
        draw: the pretraining draw of the model.
    """

    name: str
    model: OptModel
    tokenizer: Tokenizer
    digest: str
    arithmetic: str
    scorer: Scorer
    draw: int = 0


def suite_of(settings: Evaluation, *, documents: int | None, limit: int | None = None) -> Suite:
    """The suite that `settings` name, with at most `documents` test documents a task."""
    return load_suite(
        settings.suite,
        tasks=settings.tasks,
        num_fewshot=settings.num_fewshot,
        protocol=settings.protocol,
        split_source=settings.split_source,
        documents=documents,
        select_documents=settings.select_documents,
        limit=limit,
        seed=settings.fewshot_seed,
    )


class Documents:
    """A suite that is prepared once for all draws that share tokenizer and positions."""

    def __init__(self, suite: Suite, settings: Evaluation) -> None:
        self.suite, self.settings = suite, settings
        self._prepared: dict[tuple[str, int], Prepared] = {}

    def prepared(self, tokenizer: Tokenizer, positions: int) -> Prepared:
        """Token ids and batch plan; what is remembered of a model's own answers is not shared between draws."""
        key = tokenizer.digest, positions
        if key not in self._prepared:
            self._prepared[key] = prepare(
                self.suite,
                tokenizer,
                max_length=min(self.settings.max_length, positions),
                positions=positions,
                batch_tokens=self.settings.batch_tokens,
            )
            return self._prepared[key]
        return self._prepared[key].for_another_model()


def load_bases(
    name: str, folders: Sequence[tuple[int, Path]], suite: Suite, settings: Evaluation, execution: Execution
) -> list[Base]:
    """The draws of a model, each from its folder: the suite is prepared once, draws are scored side by side.

    Args:
        folders: numbers of draws and their folders.

    Raises:
        InputError: a folder holds no model that is known here, or the model's outputs are not finite.
    """
    compute_alone()
    device = torch_device(execution)
    documents = Documents(suite, settings)
    tokenizers, models, prepared = [], [], []
    digests = []
    for _, folder in folders:
        model, tokenizer, digest = read_model(folder, device)
        tokenizers.append(tokenizer)
        models.append(model)
        digests.append(digest)
        prepared.append(documents.prepared(tokenizer, model.config.max_position_embeddings))
    here = execution.model_copy(update={"engine": "local"})
    starts: dict[int, Evaluated] = {}
    for place, found in run_units(_start, (models, prepared, settings), range(len(folders)), here):
        starts[place] = found
        if not (found[0].finite and found[0].written_finite):
            dtype = str(models[place].dtype).removeprefix("torch.")
            raise InputError(
                f"model {name} ({folders[place][1]}): its outputs are not finite in {dtype}, so there is nothing "
                "to compare with: use a checkpoint in the type that it was trained in"
            )
    bases = []
    for place, (draw, _) in enumerate(folders):
        start, graded = starts[place]
        for task, known in zip(_tasks(prepared[place]), graded, strict=True):
            task.graded.update(known)
        scorer = Scorer(suite, prepared[place], settings, start, drafts_from(start, prepared[place]))
        how = arithmetic_name(device)
        bases.append(Base(name, models[place], tokenizers[place], digests[place], how, scorer, draw))
    return bases


def read_model(folder: Path, device: str = "cpu") -> tuple[OptModel, Tokenizer, str]:
    """Model, tokenizer, and sha256 over weights and over tokenizer, joined by a hyphen.

    The embedding is cut behind the tokenizer's largest id, as the original study does, so that the softmax is
    over tokens that exist.

    Raises:
        InputError: the folder holds no model that is known here.
    """
    tokenizer = Tokenizer.from_folder(folder)
    rows = tokenizer.rows_of(read_config(folder / "config.json").vocab_size, folder)
    model = load_opt(folder, device=device, vocab_rows=rows)
    return model, tokenizer, f"{weights_sha256(model.params)}-{tokenizer.digest}"


Evaluated = tuple[EvaluationResult, list[dict[int, tuple[list[int], str, float]]]]
"""The scores of an unmodified model, and its graded texts by task."""


def _start(context: tuple[Sequence[OptModel], Sequence[Prepared], Evaluation], place: int) -> Evaluated:
    models, prepared, settings = context
    start = evaluate(models[place], prepared[place], loss_batch_size=settings.loss_batch_size)
    return start, [task.graded for task in _tasks(prepared[place])]


def _tasks(prepared: Prepared) -> list[PreparedTask]:
    return [task for split in prepared.splits.values() for task in split.tasks]


def load_base(
    name: str, folder: Path, suite: Suite, settings: Evaluation, execution: Execution, *, draw: int = 0
) -> Base:
    """Load a model folder and score the unmodified model on the suite.

    Raises:
        InputError: the folder holds no model that is known here, or the model's outputs are not finite.
    """
    (base,) = load_bases(name, [(draw, folder)], suite, settings, execution)
    return base


def torch_device(execution: Execution) -> str:
    """The device to compute on: `auto` is a GPU where there is one."""
    if execution.device == "cuda" and not torch.cuda.is_available():
        raise InputError("execution.device: no CUDA device here: take 'cpu' or 'auto'")
    return "cuda" if execution.device != "cpu" and torch.cuda.is_available() else "cpu"
