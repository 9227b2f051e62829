"""Small trainings, a score and runs from stored weights: a miniature of the pipeline that takes less than a minute."""

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from benchmark.corpora.texts import CorpusText
from benchmark.doctor.kernels import LENGTH
from benchmark.models.micro_training import train_rung
from benchmark.posttrain.arms.interface import SoupMember
from benchmark.posttrain.base_model import Base, load_base
from benchmark.posttrain.run_loop import RunRequest, execute_run
from benchmark.posttrain.run_requests import request
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.run_options import Checkpoints, Execution
from benchmark.settings.track_settings import Settings
from benchmark.store.entry_lookup import samples_digest
from benchmark.system.content_hash import digest
from benchmark.tasks.suite_of_track import suite_of

STORED = Path(__file__).with_name("model")
"""Rung micro-1 as one machine trained it, so that runs start from the same bytes on every machine."""
STEPS = 50
RUN_STEPS = 5
DOCUMENTS = 4
"""Test documents and select documents per task: 96 in all, 48 of them in the base score."""
TEXTS = (
    "The small model read a text that it had not seen before.",
    "Twelve birds sat on a roof; nine flew away.",
)


def trainings(rungs: Mapping[str, MicroModel], cache: Path) -> Iterator[tuple[str, str]]:
    """Each rung's name and the digest of its weights after a training of about fifty steps."""
    for name, spec in rungs.items():
        short = spec.model_copy(update={"tokens": STEPS * spec.batch})
        with tempfile.TemporaryDirectory() as folder:
            train_rung(short, {0: Path(folder)}, name=name, cache=cache)
            content = (Path(folder) / "model.safetensors").read_bytes()
        yield name, hashlib.sha256(content).hexdigest()[:LENGTH]


def stored_base(settings: Settings, folder: Path = STORED) -> Base:
    """A model, by default the stored one, and its score on a few documents."""
    evaluation = trial_settings(settings).evaluation
    suite = suite_of(evaluation, documents=evaluation.documents)
    return load_base("doctor", folder, suite, evaluation, Execution())


def base_digest(base: Base) -> str:
    """Digest of every answer and log-probability of the base score."""
    return samples_digest(base.scorer.start.samples)[:LENGTH]


def runs(settings: Settings, base: Base, arms: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
    """Each arm's name and the digest of one run: weights, losses and answers of its steps. `arms`: only these."""
    trial = trial_settings(settings)
    for name, arm in trial.arms.items():
        if arms is not None and name not in arms:
            continue
        run = _soup(trial, base, name) if arm.kind == "soup" else _run(trial, base, name, 0)
        result = execute_run(run, base.scorer)
        yield (
            name,
            digest([[step.stored() for step in result.record.steps], samples_digest(result.samples)])[
                :LENGTH
            ],
        )


def _run(trial: Settings, base: Base, arm: str, index: int) -> RunRequest:
    return request(trial, base, "doctor", CorpusText(index, f"doctor-{index}", TEXTS[index]), arm, 0)


def _soup(trial: Settings, base: Base, name: str) -> RunRequest:
    of = trial.arms[name].of or ""
    runs = [_run(trial, base, of, index) for index in range(len(TEXTS))]
    members = tuple(SoupMember(run, run.arm.kind, RUN_STEPS) for run in runs)
    return replace(runs[0], arm_name=name, arm=trial.arms[name], text_id="doctor-soup", members=members)


def trial_settings(settings: Settings) -> Settings:
    """The track's settings with few steps and documents."""
    evaluation = settings.evaluation.model_copy(
        update={"documents": DOCUMENTS, "select_documents": DOCUMENTS, "steps": (RUN_STEPS,)}
    )
    posttrain = settings.posttrain.model_copy(update={"max_steps": RUN_STEPS})
    arms = {name: arm.model_copy(update={"updates": RUN_STEPS}) for name, arm in settings.arms.items()}
    sections = {"evaluation": evaluation, "posttrain": posttrain, "arms": arms}
    # The digest of a run covers the weights of all its steps.
    return settings.model_copy(update={**sections, "checkpoints": Checkpoints(keep="all")})
