"""The record of a run, `run.json` or a line of `runs.jsonl`: what was done, what every step gave, the chosen step."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from benchmark.errors import InputError
from benchmark.schema.stored_columns import ALL
from benchmark.system.files import read_json_lines, write_json_lines
from benchmark.system.finite_values import finite

Averages = dict[str, float | None]
"""Means over tasks by scope: `all` and each family of tasks."""


def families_of(averages: Averages) -> tuple[str, ...]:
    """The families of tasks among the scopes, in their order."""
    return tuple(scope for scope in averages if scope != ALL)


class StoredRecord(BaseModel):
    """A JSON object with known keys; numbers that are not finite become null, which JSON can hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _finite(cls, value: Any) -> Any:
        return finite(value)

    def stored(self) -> dict[str, Any]:
        """The JSON object, with the keys that were given."""
        return self.model_dump(mode="json", exclude_unset=True)

    @classmethod
    def read_all(cls, path: Path) -> list[Self]:
        """The records in a file of one JSON object per line.

        Raises:
            InputError: the file is missing or holds something else.
        """
        try:
            return [cls.model_validate(line) for line in read_json_lines(path)]
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: no readable run records ({reason:.100}): run `dvc repro`") from None

    @staticmethod
    def write_all(path: Path, records: "Iterable[StoredRecord]") -> None:
        """Write one JSON object per line."""
        write_json_lines(path, [record.stored() for record in records])


class StepRecord(StoredRecord):
    """One applied optimiser step, 0 for the unmodified model.

    Attributes:
        loss: of the run's text, nats per token; null where loss or weights are not finite.
        weights_sha256: digest of the weights (`weights.weights_digest`) at step 0 and at steps that are scored or kept.
        update_norm: L2 distance from the step before; `distance` from the unmodified weights.
        metrics: by task of the split `test`; empty where the step is not scored.
        averages: over the tasks of `test`; `select_averages` over those of `select` where it is scored.
    """

    step: int
    loss: float | None
    update_norm: float | None
    distance: float | None
    weights_sha256: str | None
    metrics: dict[str, Averages]
    averages: Averages
    select_averages: Averages | None = None


class RunSummary(StoredRecord):
    """What is stored of every run, in the pipeline's runs and among the kept draws.

    Attributes:
        index: row of the text in its corpus.
        stopped_at: the last step that was applied.
        skipped_steps: step attempts that the gradient scaler skipped.
        selected_step: by scope, the step that the run is judged by.
    """

    model: str
    draw: int = 0
    arm: str
    corpus: str
    index: int
    text_id: str
    seed: int
    suite_version: str
    protocol: str
    arithmetic: str
    stopped_at: int
    stop_reason: str
    skipped_steps: int
    steps: list[StepRecord]
    selected_step: dict[str, int | None]


class RunRecord(RunSummary):
    """The record of a run that was done here.

    Attributes:
        model_digest: sha256 over base weights and over tokenizer, joined by a hyphen.
        settings: recipe of the arm, optimiser, evaluation, and the digest of the batch plan.
        scored_as: how a model that runs over `transformers` was scored.
    """

    model_digest: str
    suite: str
    settings: dict[str, Any]
    scored_as: str | None = None
