"""Folders that lm-eval wrote with `--log_samples`: which runs, models, tasks and groups they hold.

The file names are those of `EvaluationTracker` in lm-eval 0.4.9 to 0.4.13: `results_<date>.json` (`<stem>_<date>.json`
where `--output_path` ends in .json) and `samples_<task>_<date>.jsonl` beside it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark.errors import InputError

SAMPLES = "samples_"


@dataclass(frozen=True)
class LoggedTask:
    """One task of one run: its samples file and what the results file says of it.

    `metrics` are those of the task's configuration in its order; `cluster` is the document's field that
    `metadata: {cluster: FIELD}` of the task names, empty without one.
    """

    name: str
    path: Path
    version: str
    shots: str
    limit: str
    metrics: tuple[str, ...]
    higher_is_better: Mapping[str, Any]
    output_type: str
    cluster: str
    runs_found: int


@dataclass(frozen=True)
class LoggedRun:
    """One folder of one model: the newest samples of each task, groups by name, parameters where known."""

    folder: Path
    model: str
    parameters: int | None
    tasks: Mapping[str, LoggedTask]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class LoggedModel:
    """One side of a comparison: `label` is unique among the models, `given` what the command was given."""

    label: str
    given: str
    runs: tuple[LoggedRun, ...]

    @cached_property
    def parameters(self) -> int | None:
        """Parameters of the model; None where a run does not say, or runs differ."""
        found = {run.parameters for run in self.runs}
        return found.pop() if len(found) == 1 else None


def read_models(given: list[str]) -> list[LoggedModel]:
    """The models of `given`, each one folder or several with commas between them.

    A folder without samples of its own stands for the folders below it that have some, each a run.

    Raises:
        InputError: a folder is missing, has no samples or no results, or is given twice.
    """
    runs = [tuple(_run(folder) for folder in _folders(one)) for one in given]
    seen: dict[Path, str] = {}
    for one, found in zip(given, runs, strict=True):
        for run in found:
            place = run.folder.resolve()
            if place in seen:
                raise InputError(
                    f"{run.folder} is given twice, by {seen[place]} and by {one}; give each once"
                )
            seen[place] = one
    names = [_name(found) for found in runs]
    labels = [name if names.count(name) == 1 else _plain(one) for name, one in zip(names, given, strict=True)]
    return [LoggedModel(*model) for model in zip(labels, given, runs, strict=True)]


def _name(runs: Sequence[LoggedRun]) -> str:
    """What one run calls its model; of several runs the folder that holds them all."""
    if len(runs) == 1:
        return _plain(runs[0].model)
    return _plain(Path(os.path.commonpath([run.folder.resolve() for run in runs])).name)


def _plain(text: str) -> str:
    return " ".join(text.split()) or "unnamed"


def _folders(given: str) -> list[Path]:
    """Folders that hold samples, in the order given, those below one folder by name."""
    found = []
    for part in [given] if Path(given).exists() else given.split(","):
        folder = Path(part)
        if not folder.is_dir():
            raise InputError(f"{part} is not a folder; give the folder that lm_eval --output_path wrote")
        own = any(folder.glob(f"{SAMPLES}*.jsonl"))
        inner = [folder] if own else sorted({path.parent for path in folder.rglob(f"{SAMPLES}*.jsonl")})
        if not inner:
            raise InputError(
                f"{part}: no samples_*.jsonl in it; run lm_eval with --log_samples --output_path"
            )
        found += inner
    return found


def _run(folder: Path) -> LoggedRun:
    newest: dict[str, tuple[str, Path]] = {}
    times: dict[str, int] = {}
    for path in sorted(folder.glob(f"{SAMPLES}*.jsonl")):
        name, _, date = path.name.removeprefix(SAMPLES).removesuffix(".jsonl").rpartition("_")
        if not name:
            raise InputError(f"{path}: its name is not samples_<task>_<date>.jsonl; restore lm-eval's name")
        times[name] = times.get(name, 0) + 1
        newest[name] = max(newest.get(name, ("", path)), (date, path))
    contents = {date: _results(folder, date, path) for date, path in newest.values()}
    latest = contents[max(contents)]
    config = latest.get("config") or {}
    tasks = {
        name: _task(name, path, contents[date], times[name]) for name, (date, path) in sorted(newest.items())
    }
    groups: dict[str, tuple[str, ...]] = {}
    for date in sorted(contents):
        groups |= _groups(contents[date].get("group_subtasks") or {})
    parameters = config.get("model_num_parameters")
    known = isinstance(parameters, int) and parameters > 0
    named = latest.get("model_name") if config.get("model_args") else None
    return LoggedRun(folder, str(named or folder.name), parameters if known else None, tasks, groups)


def _results(folder: Path, date: str, samples: Path) -> dict[str, Any]:
    found = sorted(folder.glob(f"*_{date}.json"))
    if not found:
        raise InputError(f"{samples}: no results_{date}.json beside it; copy lm-eval's folder whole")
    try:
        content = json.loads(found[0].read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{found[0]}: not JSON ({str(error)[:100]}); run the evaluation again") from None
    if not isinstance(content, dict) or not isinstance(content.get("configs"), dict):
        raise InputError(f"{found[0]}: no 'configs' in it; it is not a results file of lm-eval 0.4")
    return content


def _task(name: str, path: Path, content: dict[str, Any], times: int) -> LoggedTask:
    config = content["configs"].get(name)
    if not isinstance(config, dict):
        raise InputError(f"{path}: the results file of its run does not name task {name}; restore both files")
    metadata = config.get("metadata")
    limit = (content.get("config") or {}).get("limit")
    return LoggedTask(
        name=name,
        path=path,
        version=str((content.get("versions") or {}).get(name)),
        shots=str((content.get("n-shot") or {}).get(name)),
        limit="" if limit is None else str(limit),
        metrics=tuple(
            str(metric["metric"])
            for metric in config.get("metric_list") or ()
            if isinstance(metric, dict) and "metric" in metric
        ),
        higher_is_better=(content.get("higher_is_better") or {}).get(name) or {},
        output_type=str(config.get("output_type")),
        cluster=str(metadata.get("cluster") or "") if isinstance(metadata, dict) else "",
        runs_found=times,
    )


def _groups(children: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """The tasks of each group, groups inside it opened; a task that stands as its own empty group is none."""

    def leaves(name: str, above: frozenset[str]) -> set[str]:
        inner = [child for child in children.get(name) or () if child not in above]
        return set().union(*(leaves(child, above | {child}) for child in inner)) if inner else {name}

    return {name: tuple(sorted(leaves(name, frozenset({name})))) for name, inner in children.items() if inner}
