"""The sections `posttrain`, `evaluation`, `execution` and `checkpoints`: how runs are done and scored."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from benchmark.arithmetic.mode import Arithmetic, Precision
from benchmark.settings.section import Count, Listed, Section, Seed
from benchmark.settings.task_suite import SuiteChoice, TaskSuite

Beta = Annotated[float, Field(ge=0, lt=1)]


class Posttrain(Section):
    """The optimiser of a run; the defaults are the original study's."""

    learning_rate: float = Field(default=5e-5, ge=0)
    max_steps: int = Field(default=15, ge=0, le=10_000)
    precision: Literal["fp32", "fp16-amp", "bf16"] = "fp32"
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.98)
    eps: float = Field(default=1e-8, gt=0)


class EvaluationOptions(Section):
    """Which documents a checkpoint is scored on, and how; `suite` is a name, or a list of lm-eval's tasks.

    `precision` is that of products in a forward pass (`arithmetic/precision.py`). Weights, logits and log-probabilities
    are float32 in all of them. `documents_by_task` lowers `documents` and `select_documents` of some tasks.
    `test_steps` says at which steps the documents of `test` are scored: at all that are scored, or at the one that
    `select` chose, which costs less and leaves no `optimism` and no curves.
    """

    suite: SuiteChoice = "micro12"
    protocol: Literal["held-out", "paper"] = "held-out"
    max_length: Count = Field(default=512, ge=8)
    tasks: Listed[str] | None = Field(default=None, min_length=1)
    steps: Listed[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=1)
    documents: Count | None = None
    select_documents: Count | None = None
    documents_by_task: Mapping[str, Count] = Field(default_factory=dict)
    base_documents: Count | None = None
    num_fewshot: int = Field(default=0, ge=0, le=32)
    fewshot_seed: Seed = 0
    loss_batch_size: Count = 64
    batch_tokens: Count = 8192
    split_source: Literal["halves", "train", "whole"] = "halves"
    precision: Precision = "fp32"
    test_steps: Literal["scored", "selected"] = "scored"

    @property
    def suite_name(self) -> str:
        """The suite's name, with its number of examples where it is a few-shot variant."""
        return self.suite.name if isinstance(self.suite, TaskSuite) else self.suite

    @model_serializer(mode="wrap")
    def _without_later_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records and keys from before there was a choice of `test_steps` stay as they are."""
        stored: dict[str, Any] = handler(self)
        if self.test_steps == "scored":
            stored.pop("test_steps", None)
        return stored

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if self.test_steps == "selected" and self.protocol != "held-out":
            raise ValueError(
                "test_steps: only protocol held-out chooses its step on `select`: leave test_steps out"
            )
        return self

    @model_validator(mode="after")
    def _fits_lm_eval_tasks(self) -> Self:
        if not isinstance(self.suite, TaskSuite):
            return self
        if self.protocol != "held-out" or self.split_source != "halves":
            raise ValueError(
                "suite: lm-eval's tasks are split by the rule of docs/DATA.md: leave protocol and split_source out"
            )
        if self.num_fewshot or self.fewshot_seed:
            raise ValueError("num_fewshot, fewshot_seed: give them inside suite for lm-eval's tasks")
        return self


class Execution(Section):
    """Where runs run; `workers` 0 means one per core, `device` auto means a GPU if there is one.

    `arithmetic` portable gives the same bits on every x86-64 CPU with AVX2 (Linux); elsewhere, such as on a GPU
    or another CPU, numbers are native, and one line says so.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int = Field(default=0, ge=0, le=1_024)
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    arithmetic: Arithmetic = "portable"


Keep = Literal["none", "selected", "all"]


class Checkpoints(Section):
    """Which weights of a run are stored next to its samples; the recipe and every step's digest always are.

    `selected` are the steps that a run is judged by.
    """

    keep: Keep = "none"
