"""Run records (`run.json`) and the models file, checked and looked up by run and by model."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from benchmark.errors import InputError
from benchmark.scoring.samples import RunKey

ROLES = ("treated", "baseline", "both")
DIVERGED = "diverged"


@dataclass(frozen=True)
class Model:
    """One base model: `parameters` counted once per tensor, its ladder and what it is used as."""

    name: str
    parameters: int
    ladder: str
    role: str


class StepFacts(NamedTuple):
    """One step of a run, as far as its record knows: losses in nats, None where there is none."""

    loss: float | None = None
    distance: float | None = None
    task_losses: Mapping[str, float | None] = MappingProxyType({})


@dataclass(frozen=True)
class RunFacts:
    """What scoring needs of a run's record; the defaults stand for a run without one.

    `corpus_loss` is the base model's mean token loss on the corpus, in nats. `lost_steps` are the steps whose loss or
    weights were not finite: those recorded with a loss of null. `arm` is the arm's kind and its learning rate.
    """

    index: int | None = None
    stopped_at: int | None = None
    stop_reason: str | None = None
    skipped_steps: int | None = None
    suite_version: str | None = None
    corpus_loss: float | None = None
    arm: tuple[str, float] | None = None
    steps: Mapping[int | None, StepFacts] = field(default_factory=dict)
    lost_steps: frozenset[int] = frozenset()

    @property
    def diverged(self) -> bool:
        """Whether the run ended because its loss or weights became non-finite."""
        return self.stop_reason == DIVERGED


NO_FACTS, NO_STEP_FACTS = RunFacts(), StepFacts()


class Records(dict[RunKey, RunFacts]):
    """Run records by run, all of one `suite_version`; a run without a record has the facts of none."""

    suite_version: str | None = None

    def __missing__(self, run: RunKey) -> RunFacts:
        return NO_FACTS


CorpusLosses = Mapping[tuple[str, str], float | None]


def read_records(
    runs: Iterable[Mapping[str, Any]] | None,
    corpus_losses: CorpusLosses | None = None,
    suite_version: str | None = None,
) -> Records:
    """Records by run.

    `corpus_losses` are by (model, corpus). Without them, each record names its own as `corpus_loss`.
    `suite_version` is that of the settings.

    Raises:
        InputError: a field is missing, a run occurs twice, or suite versions differ.
    """
    records = Records()
    for record in runs or ():
        try:
            model, arm, corpus, text_id = (str(record[name]) for name in RunKey._fields[:4])
            key = RunKey(model, arm, corpus, text_id, int(record["seed"]), int(record.get("draw", 0)))
            facts = _facts(record, corpus_losses)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"run record: field missing or wrong ({error}); give the content of run.json"
            ) from error
        if key in records:
            raise InputError(f"run record {key} occurs twice; give each run once")
        records[key] = facts
    found = Records(sorted(records.items()))
    found.suite_version = _one_version(found, suite_version)
    return found


def _facts(record: Mapping[str, Any], corpus_losses: CorpusLosses | None) -> RunFacts:
    steps: dict[int | None, StepFacts] = {}
    for step in record.get("steps") or ():
        losses = {task: (found or {}).get("loss") for task, found in (step.get("metrics") or {}).items()}
        steps.setdefault(step.get("step"), StepFacts(step.get("loss"), step.get("distance"), losses))
    version = record.get("suite_version")
    return RunFacts(
        **{name: record.get(name) for name in ("index", "stopped_at", "stop_reason", "skipped_steps")},
        suite_version=str(version) if version else None,
        corpus_loss=record.get("corpus_loss")
        if corpus_losses is None
        else corpus_losses.get((record["model"], record["corpus"])),
        arm=_kind_and_rate(record.get("settings") or {}),
        steps=steps,
        lost_steps=frozenset(
            step["step"] for step in record.get("steps") or () if "loss" in step and step["loss"] is None
        ),
    )


def _kind_and_rate(settings: Mapping[str, Any]) -> tuple[str, float] | None:
    """The arm's kind and its learning rate: its own before the track's."""
    arm, posttrain = settings.get("arm") or {}, settings.get("posttrain") or {}
    rate = arm.get("learning_rate")
    rate = posttrain.get("learning_rate") if rate is None else rate
    return None if arm.get("kind") is None or rate is None else (str(arm["kind"]), float(rate))


def _one_version(records: Records, declared: str | None) -> str | None:
    """The one suite version of all records and of the settings; InputError where there are several."""
    versions = {version for facts in records.values() if (version := facts.suite_version)}
    versions |= {declared} if declared else set()
    if len(versions) > 1:
        raise InputError(
            f"runs of suite versions {', '.join(sorted(versions))}: scores of different versions are not "
            "compared; score each version separately"
        )
    return next(iter(versions), None)


def read_models(models: Mapping[str, Mapping[str, Any]]) -> dict[str, Model]:
    """The content of the models file, `{name: {parameters, ladder, role}}`. Raises InputError where it is wrong."""
    read = {}
    for name, fields in models.items():
        unknown = set(fields) - {"parameters", "ladder", "role"}
        parameters, role = fields.get("parameters"), fields.get("role", "both")
        if unknown or "ladder" not in fields or role not in ROLES:
            raise InputError(
                f"models file: {name} needs parameters, ladder and role (one of {', '.join(ROLES)})"
            )
        if isinstance(parameters, bool) or not isinstance(parameters, int | float):
            raise InputError(f"models file: parameters of {name} must be a number")
        if not (math.isfinite(parameters) and parameters > 0 and parameters == int(parameters)):
            raise InputError(
                f"models file: parameters of {name} is {parameters}; give a whole number above 0"
            )
        read[name] = Model(name, int(parameters), str(fields["ladder"]), role)
    return read
