"""Run records (`run.json`) and the models file, checked and looked up by run and by model."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import InputError
from benchmark.scoring.samples import RunKey, Samples

ROLES = ("treated", "baseline", "both")
DIVERGED = "diverged"


@dataclass(frozen=True)
class Model:
    """One base model: `parameters` counted once a tensor, its ladder and what it is used as."""

    name: str
    parameters: int
    ladder: str
    role: str


@dataclass(frozen=True)
class Records:
    """Run records by run; empty where scoring was given none."""

    by_run: Mapping[RunKey, Mapping[str, Any]] = field(default_factory=dict)

    def get(self, run: RunKey, name: str) -> Any:
        """A field of a run's record; None where there is no record or no such field."""
        return self.by_run.get(run, {}).get(name)

    def step(self, run: RunKey, step: int | None) -> Mapping[str, Any]:
        """The record of one step, empty where there is none."""
        steps = self.by_run.get(run, {}).get("steps") or ()
        return next((record for record in steps if record.get("step") == step), {})

    def diverged_steps(self, run: RunKey) -> set[int]:
        """Steps whose loss or weights were not finite: those recorded with a loss of null."""
        steps = self.by_run.get(run, {}).get("steps") or ()
        return {record["step"] for record in steps if "loss" in record and record["loss"] is None}

    def diverged(self, run: RunKey) -> bool:
        """Whether the run ended because its loss or weights became non-finite."""
        return bool(self.get(run, "stop_reason") == DIVERGED)


def read_records(runs: Iterable[Mapping[str, Any]] | None) -> Records:
    """Records by run. Raises InputError for missing fields and for a run that occurs twice."""
    by_run: dict[RunKey, Mapping[str, Any]] = {}
    for record in runs or ():
        try:
            model, arm, corpus, text_id = (str(record[name]) for name in RunKey._fields[:4])
            key = RunKey(model, arm, corpus, text_id, int(record["seed"]), int(record.get("draw", 0)))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"run record: field missing or wrong ({error}); give the content of run.json"
            ) from error
        if key in by_run:
            raise InputError(f"run record {key} occurs twice; give each run once")
        by_run[key] = record
    return Records({key: by_run[key] for key in sorted(by_run)})


def suite_version(records: Records, declared: str | None) -> str | None:
    """The one suite version of all records and of the settings; InputError where there are several."""
    given = (record.get("suite_version") for record in records.by_run.values())
    versions = {str(version) for version in given if version}
    versions |= {declared} if declared else set()
    if len(versions) > 1:
        raise InputError(
            f"runs of suite versions {', '.join(sorted(versions))}: scores of different versions are not "
            "compared; score each version apart"
        )
    return next(iter(versions), None)


def read_models(models: Mapping[str, Mapping[str, Any]], samples: Samples) -> dict[str, Model]:
    """The models file, `{name: {parameters, ladder, role}}`; every model of the samples must stand in it."""
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
    used = {run.model for run in samples.runs} | {model for model, _ in samples.bases["test"]}
    for name in sorted(used - set(read)):
        raise InputError(f"model {name} has samples and does not stand in the models file; add it there")
    return read
