"""The subjects of the benchmarks: a suite's documents, stratified by length, and a few checkpoints of one shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmark.evaluation.engine import DraftTexts, drafts_from, evaluate
from benchmark.evaluation.prepare import Prepared, prepare
from benchmark.models.causal_model import CausalModel
from benchmark.models.opt import OptConfig, OptModel
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import Suite, load_suite

BATCH_TOKENS = 2048
"""Positions per batch on a CPU, so that the activations of a small model stay in a core's cache."""
DOCUMENTS = 320
"""Documents per task for which positions are counted, and from which the sample is drawn."""


@dataclass(frozen=True)
class Subject:
    """``suite`` has the sampled ``test`` documents, ``rows`` their indices among the task's documents.

    ``metadata`` is what stock lm-eval's ``TaskManager`` needs to build the same documents. ``drafts`` are the texts
    of the unmodified model, which a run's scorer has as well.
    """

    name: str
    suite: Suite
    rows: Mapping[str, list[int]]
    metadata: Mapping[str, str]
    tokenizer: Tokenizer
    checkpoints: tuple[CausalModel, ...]
    max_length: int
    prepared: Prepared
    drafts: DraftTexts

    @property
    def folder(self) -> str:
        """The suite's folder name."""
        return self.suite.name


def make_subject(
    name: str,
    suite: Suite,
    protocol: str,
    tokenizer: Tokenizer,
    config: OptConfig,
    *,
    max_length: int,
    documents: int,
    checkpoints: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    batch_tokens: int = BATCH_TOKENS,
) -> Subject:
    """Sample ``documents`` per task and make ``checkpoints`` near-identical models of the shape ``config``."""
    models = make_checkpoints(config, checkpoints, device=device, dtype=dtype)
    return subject_of(
        name,
        suite,
        protocol,
        tokenizer,
        models,
        max_length=max_length,
        documents=documents,
        batch_tokens=batch_tokens,
    )


def subject_of(
    name: str,
    suite: Suite,
    protocol: str,
    tokenizer: Tokenizer,
    models: Sequence[CausalModel],
    *,
    max_length: int,
    documents: int,
    batch_tokens: int = BATCH_TOKENS,
) -> Subject:
    """Sample ``documents`` per task; the first of the ``models`` gives the drafts for the others."""
    config = models[0].config
    length = min(max_length, config.max_position_embeddings)
    settings: dict[str, Any] = {
        "max_length": length,
        "positions": config.max_position_embeddings,
        "batch_tokens": batch_tokens,
    }
    whole = prepare(suite, tokenizer, splits=["test"], **settings)
    rows = {task.name: _by_length(whole, place, documents) for place, task in enumerate(suite.tasks)}
    sampled = replace(
        suite,
        tasks=tuple(
            replace(task, documents={"test": tuple(task.documents["test"][row] for row in rows[task.name])})
            for task in suite.tasks
        ),
    )
    base, *neighbours = models
    prepared = prepare(sampled, tokenizer, splits=["test"], **settings)
    return Subject(
        name,
        sampled,
        rows,
        {"protocol": protocol, "split_source": "halves"},
        tokenizer,
        tuple(neighbours),
        length,
        prepared,
        drafts_from(evaluate(base, prepared), prepared),
    )


def bench_suite(name: str, protocol: str) -> Suite:
    """The first documents of every task, as many as the original study evaluates on."""
    return load_suite(name, protocol=protocol, documents=DOCUMENTS)


def _by_length(prepared: Prepared, task: int, documents: int) -> list[int]:
    """Rows at evenly spaced quantiles of the documents' positions, in the order of the rows."""
    split = prepared.splits["test"]
    sizes = [
        sum(len(continuation.ids) for continuation in split.workload.units[unit].continuations)
        for unit in split.tasks[task].units
    ]
    order = np.argsort(sizes, kind="stable")
    places = np.linspace(0, len(sizes) - 1, min(documents, len(sizes))).round().astype(int)
    return sorted(int(row) for row in order[places])


def make_checkpoints(
    config: OptConfig, count: int, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[OptModel, ...]:
    """A model with random weights of OPT's scale (0.02), and ``count`` models that differ by a hundredth of that.

    At that distance texts differ from the model's own about as often as those of real runs (docs/PERFORMANCE.md).
    """
    generator = torch.Generator().manual_seed(0)
    base = {
        name: torch.randn(shape, generator=generator) * 0.02 + ("norm.weight" in name)
        for name, shape in config.shapes().items()
    }
    models = []
    for number in range(count + 1):
        distance = 2e-4 if number else 0.0
        moved = {
            name: tensor + distance * torch.randn(tensor.shape, generator=generator)
            for name, tensor in base.items()
        }
        models.append(OptModel(config, {name: tensor.to(device, dtype) for name, tensor in moved.items()}))
    return tuple(models)
