"""Weights of finished runs, as `checkpoints.keep` asks: rebuilt from their recipe, checked by their digest."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from benchmark.corpora.texts import CorpusText
from benchmark.errors import CheckFailed
from benchmark.models.weights import weights_digest
from benchmark.posttrain.arms import attempts_of
from benchmark.posttrain.arms.interface import weights_after
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.record import RunRecord
from benchmark.posttrain.run_loop import RunRequest
from benchmark.posttrain.run_requests import group_requests, soup_requests
from benchmark.settings.run_options import Keep
from benchmark.settings.track_settings import Settings


def keep_checkpoints(
    settings: Settings, bases: Sequence[Base], corpus: str, texts: Sequence[CorpusText], group: Path
) -> None:
    """Write the checkpoints of a finished run group that the settings ask for to its folder `checkpoints`."""
    if settings.checkpoints.keep == "none":
        return
    records = RunRecord.read_all(group / "runs.jsonl")
    by_run = {(record.arm, record.text_id, record.seed): record for record in records}
    runs = list(group_requests(settings, bases, corpus, texts))
    finished = [(run, by_run[run.arm_name, run.text_id, run.seed]) for run in runs]
    soups = soup_requests(settings, finished)
    for run in [*runs, *soups]:
        record = by_run[run.arm_name, run.text_id, run.seed]
        keep_run(settings.checkpoints.keep, run, record, group / "checkpoints" / run.arm_name / place_of(run))


def place_of(run: RunRequest) -> str:
    """The folder of a run's checkpoints below its arm's."""
    return f"{run.text_id}-{run.seed}"


def keep_run(keep: Keep, run: RunRequest, record: RunRecord, folder: Path) -> None:
    """Write the checkpoints of one run to `folder/step-<k>`, each a model folder without its tokenizer.

    `selected` are the steps that the record selects, `all` are all steps with finite weights, without the base model.

    Raises:
        CheckFailed: the rebuilt weights have another digest than the record's.
    """
    if keep == "none":
        return
    digests = {step.step: step.weights_sha256 for step in record.steps if step.step}
    asked = digests if keep == "all" else record.selected_step.values()
    for step, params in rebuilt(run, [step for step in asked if step and digests.get(step)]):
        if weights_digest(params) != digests[step]:
            raise CheckFailed(
                f"{run.name}, step {step}: rebuilt weights differ from the run's: this machine does not "
                "give the same bits as the one that did the run; set checkpoints.keep to none"
            )
        run.model.config.save(params, folder / f"step-{step}")


def rebuilt(run: RunRequest, steps: Iterable[int]) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Step and weights after each of `steps` applied optimiser steps; weights are valid until the next."""
    return weights_after(attempts_of(run.arm.kind, run), steps)
