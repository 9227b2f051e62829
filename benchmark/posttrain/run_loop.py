"""One run: up to `max_steps` optimiser steps on one text; every step is scored in memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from benchmark.errors import InputError
from benchmark.evaluation.engine import Evaluation
from benchmark.models.causal_model import CausalModel
from benchmark.models.weights import weights_digest
from benchmark.posttrain.arms import attempts_of
from benchmark.posttrain.arms.interface import Attempt, RunStart, squared_distance
from benchmark.posttrain.early_stopping import EarlyStop, chosen_step
from benchmark.posttrain.objective import text_loss
from benchmark.posttrain.record import Averages, RunRecord, StepRecord, families_of
from benchmark.posttrain.sample_rows import chance_samples, label_samples
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.arm_kinds import ONE_STEP
from benchmark.settings.arm_specs import Arm

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class RunRequest(RunStart):
    """Everything that one run depends on: what its arm is given, and its names; `execute_run` is a function of it.

    Attributes:
        index: the text's row in its corpus.
        arithmetic: how numbers are computed (`arithmetic.mode.name`).
        draw: the model's pretraining draw, 0 if it has only one.
        digest_all: whether the record has the digest of every step's weights, not only of those that are scored.
    """

    track: str
    model_name: str
    model_digest: str
    corpus: str
    index: int
    arm_name: str
    arm: Arm
    arithmetic: str
    draw: int = 0
    digest_all: bool = False

    @property
    def names(self) -> dict[str, Any]:
        """The names of the run in its record and its samples."""
        return {
            "model": self.model_name,
            "draw": self.draw,
            "arm": self.arm_name,
            "corpus": self.corpus,
            "text_id": self.text_id,
            "seed": self.seed,
        }

    @property
    def has_one_step(self) -> bool:
        """Whether its arm, or the one that it follows, yields one checkpoint."""
        return not ONE_STEP.isdisjoint([self.arm.kind, *(member.kind for member in self.members)])

    @property
    def name(self) -> str:
        """The run in words, for progress lines."""
        return f"{self.model_name} {self.arm_name} {self.corpus} text {self.index} seed {self.seed}"


@dataclass(frozen=True)
class RunResult:
    """`samples` has the columns of `schema.stored_columns.SAMPLES`, steps 1 and up."""

    record: RunRecord
    samples: pa.Table


def execute_run(request: RunRequest, scorer: Scorer, progress: Progress | None = None) -> RunResult:
    """Apply the arm step by step, score the steps that are to be scored, and choose among them.

    Raises:
        InputError: the unmodified model's loss on the text is not finite.
    """
    run = _Run(request, scorer, progress or (lambda line: None))
    return run.result(run.walk())


@dataclass
class _Best:
    """The step that is chosen so far, and its weights in the machine's memory."""

    step: int
    params: dict[str, Tensor]


class _Run:
    """The state of a run in progress."""

    def __init__(self, request: RunRequest, scorer: Scorer, progress: Progress) -> None:
        self.request, self.scorer, self.progress = request, scorer, progress
        self.paper = scorer.settings.protocol == "paper"
        self.tables: list[pa.Table] = []
        self.scored: list[tuple[int, Evaluation]] = []
        self.skipped = 0
        self.steps: list[StepRecord] = []
        self.last_only = scorer.settings.test_steps == "selected"
        self.best: _Best | None = None

    def walk(self) -> str:
        """Take and score the steps; returns why the run stopped."""
        request, settings = self.request, self.request.settings
        self.steps.append(self._step_record(0, request.model.placed().params, 0.0, 0.0, self.scorer.start))
        if self.steps[0].loss is None:
            raise InputError(
                f"model {request.model_name}: its loss on text {request.index} of {request.corpus} is not finite, "
                "so there is nothing to treat: use a checkpoint in the type that it was trained in"
            )
        stopper = EarlyStop()
        previous: Mapping[str, Tensor] | None = request.model.params
        applied = 0
        # The original counts epochs, skipped updates included; `held-out` counts applied steps.
        most = settings.max_steps if self.paper or settings.max_steps == 0 else settings.max_steps + 64
        attempts = attempts_of(request.arm.kind, request)
        attempt = None
        for epoch in range(most):
            if applied == settings.max_steps:
                break
            attempt = None  # the weights of the last one would take up memory
            attempt = next(attempts, None)
            if attempt is None:
                break
            if attempt.applied:
                applied += 1
                if not self._finite(attempt.params):
                    self.steps.append(self._diverged_record(applied))
                    return "diverged"
                if not self._take_step(applied, previous, attempt):
                    return "diverged"
                previous = host_copy(attempt.params) if attempt.squares is None else None
            else:
                self.skipped += 1
                if self.paper:
                    self.scored.append((applied, self.scored[-1][1] if self.scored else self.scorer.start))
            if self.paper and self.scored and stopper.stops(epoch, self._averages(self.scored[-1][1])):
                return "early_stop"
        return "max_steps"

    def _take_step(self, step: int, previous: Mapping[str, Tensor] | None, attempt: Attempt) -> bool:
        """Score and record a step; false if the model's logits are no longer finite."""
        evaluation, params = None, attempt.params
        if self._is_scored(step):
            evaluation = self._score(params, ("select",) if self.last_only else None)
            if not evaluation.finite:
                self.steps.append(self._diverged_record(step))
                return False
            self.scored.append((step, evaluation))
            if self.last_only:
                self._keep_if_best(step, params)
            else:
                self.tables.append(self._labelled(evaluation.samples, step))
        if attempt.squares is not None:
            update = math.sqrt(math.fsum(map(float, attempt.squares)))
        else:
            assert previous is not None
            update = l2_distance(params, previous)
        distance = l2_distance(params, self.request.model.params)
        self.steps.append(self._step_record(step, params, update, distance, evaluation))
        last = 1 if self.request.has_one_step else self.request.settings.max_steps
        self.progress(f"{self.request.name}: step {step} of {last}")
        return True

    def _score(self, params: Mapping[str, Tensor], splits: Sequence[str] | None = None) -> Evaluation:
        config = self.request.model.config
        evaluation = self.scorer.score(CausalModel(config, dict(params)), splits)
        config.release()
        return evaluation

    def _keep_if_best(self, step: int, params: Mapping[str, Tensor]) -> None:
        """Keep the weights of the step that is chosen so far, until the run has ended."""
        if self._selected()["all"] == step:
            if self.best is None:
                self.best = _Best(step, host_copy(params))
                return
            self.best.step = step
            for name, tensor in params.items():
                self.best.params[name].copy_(tensor)

    def _score_selected(self) -> None:
        """Score the documents of `test` at the step that `select` chose, and no others."""
        if self.best is None:
            return
        step, device = self.best.step, self.request.model.device
        chosen = dict(self.scored)[step]
        evaluation = self._score(
            {name: tensor.to(device) for name, tensor in self.best.params.items()}, ("test",)
        )
        self.tables += [self._labelled(one.samples, step) for one in (chosen, evaluation)]
        place = next(place for place, record in enumerate(self.steps) if record.step == step)
        self.steps[place] = self.steps[place].model_copy(
            update={"metrics": evaluation.metrics["test"], "averages": evaluation.averages["test"]}
        )

    def _is_scored(self, step: int) -> bool:
        """Whether a step is evaluated: all of them unless `evaluation.steps` is set, and always an arm's only step."""
        steps = self.scorer.settings.steps
        return self.paper or steps is None or step in steps or self.request.has_one_step

    def _is_digested(self, step: int) -> bool:
        """Whether a digest of the weights is recorded: at step 0, and where a step is scored or may be kept."""
        return step == 0 or self.request.digest_all or self._is_scored(step)

    def _finite(self, params: Mapping[str, Tensor]) -> bool:
        loss = self._loss(params)
        return math.isfinite(loss) and all(bool(torch.isfinite(tensor).all()) for tensor in params.values())

    @torch.no_grad()
    def _loss(self, params: Mapping[str, Tensor]) -> float:
        return float(text_loss(params, self.request.model.config, self.request.tokens))

    def _averages(self, evaluation: Evaluation) -> Averages:
        return dict(evaluation.averages["test"])

    def _step_record(
        self,
        step: int,
        params: Mapping[str, Tensor],
        update_norm: float,
        distance: float,
        evaluation: Evaluation | None,
    ) -> StepRecord:
        scored = evaluation is not None and "select" in evaluation.averages
        return StepRecord(
            step=step,
            loss=self._loss(params),
            update_norm=update_norm,
            distance=distance,
            weights_sha256=weights_digest(params) if self._is_digested(step) else None,
            metrics=evaluation.metrics.get("test", {}) if evaluation else {},
            averages=evaluation.averages.get("test", {}) if evaluation else {},
            **({"select_averages": evaluation.averages["select"]} if evaluation and scored else {}),
        )

    def _diverged_record(self, step: int) -> StepRecord:
        return StepRecord(
            step=step,
            loss=None,
            update_norm=None,
            distance=None,
            weights_sha256=None,
            metrics={},
            averages={},
        )

    def _labelled(self, samples: pa.Table, step: int) -> pa.Table:
        return label_samples(samples, {"track": self.request.track, **self.request.names, "step": step})

    def _selected(self) -> dict[str, int | None]:
        if self.paper:
            scored = [(step, self._averages(evaluation)) for step, evaluation in self.scored]
            families = families_of(self.scorer.start.averages["test"])
            return {family: chosen_step(scored, family) for family in families}
        scored = [(step, dict(evaluation.averages["select"])) for step, evaluation in self.scored]
        return {"all": chosen_step(scored, "all")}

    def result(self, stop_reason: str) -> RunResult:
        """The run's record and the samples of its steps."""
        request = self.request
        self._score_selected()
        selected = self._selected()
        if stop_reason == "diverged" and not self.scored:
            chance = chance_samples(self.scorer.start.samples, self.scorer.suite)
            self.tables.append(self._labelled(chance, 1))
            selected = dict.fromkeys(selected, 1)
        suite = self.scorer.suite
        record = RunRecord(
            **request.names,
            model_digest=request.model_digest,
            index=request.index,
            suite=suite.name,
            suite_version=suite.version,
            protocol=self.scorer.settings.protocol,
            arithmetic=request.arithmetic,
            settings={
                "arm": request.arm.recipe,
                "posttrain": request.settings.model_dump(mode="json"),
                "evaluation": self.scorer.settings.model_dump(mode="json"),
                "plan": self.scorer.prepared.plan_hash,
            },
            stopped_at=self.steps[-1].step,
            stop_reason=stop_reason,
            skipped_steps=self.skipped,
            steps=self.steps,
            selected_step=selected,
            **request.model.config.record(),
        )
        empty = self.scorer.start.samples.slice(0, 0)
        tables = self.tables or [self._labelled(empty, 0)]
        return RunResult(record, pa.concat_tables(tables))


def host_copy(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy of the weights in the memory of the machine, not of its GPU."""
    return {
        name: torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda).copy_(tensor)
        for name, tensor in params.items()
    }


def l2_distance(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> float:
    """L2 distance between two sets of weights, summed in float64 over all tensors, on the device of `left`."""
    squares = [
        float(squared_distance(tensor, right[name].to(tensor.device))) for name, tensor in left.items()
    ]
    return math.sqrt(math.fsum(squares))
