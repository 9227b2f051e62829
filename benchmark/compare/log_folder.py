"""Folders that lm-eval wrote with `--log_samples`: which runs, models, tasks and groups they hold.

The file names are those of `EvaluationTracker` in lm-eval 0.4.9 to 0.4.13: `results_<date>.json` (`<stem>_<date>.json`
where `--output_path` ends in .json) and `samples_<task>_<date>.jsonl` beside it.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark.compare.logged_results import LoggedResults, read_results
from benchmark.errors import InputError

SAMPLES = "samples_"


@dataclass(frozen=True)
class LoggedTask:
    """One task of one run: its samples file and what the results file says of it.

    `metrics` maps those of the task's configuration, in its order, to how they are aggregated; `means` are the
    results by `metric,filter`; `documents` is None where the file does not say how many there are, `task_hash` where
    it has no hash of the samples; `cluster` is the document's field that `metadata: {cluster: FIELD}` of the task
    names, empty without one.
    """

    name: str
    path: Path
    results: Path
    version: str
    shots: str
    limit: str
    metrics: Mapping[str, Any]
    means: Mapping[str, Any]
    documents: float | None
    task_hash: str | None
    higher_is_better: Mapping[str, bool | None]
    output_type: str
    cluster: str
    runs_found: int


@dataclass(frozen=True)
class LoggedRun:
    """One folder of one model: the newest samples of each task, groups by name, parameters where known.

    `unlogged` are tasks of the results files that have no samples.
    """

    folder: Path
    model: str
    parameters: int | None
    tasks: Mapping[str, LoggedTask]
    groups: Mapping[str, tuple[str, ...]]
    unlogged: tuple[str, ...]

    def written(self) -> bytes:
        """The results files: no two runs have the same, because they hold the time."""
        return b"".join(path.read_bytes() for path in sorted({task.results for task in self.tasks.values()}))


@dataclass(frozen=True)
class LoggedModel:
    """One side of a comparison: `label` is unique among the models, `given` what the command was given."""

    label: str
    given: str
    runs: tuple[LoggedRun, ...]

    @cached_property
    def parameters(self) -> int | None:
        """Parameters of the model; None where a run does not say."""
        found = {run.parameters for run in self.runs}
        return found.pop() if len(found) == 1 else None


def read_models(given: list[str]) -> list[LoggedModel]:
    """The models of `given`, each one folder or several with commas between them.

    A folder without samples of its own stands for the folders below it that have some, each a run.

    Raises:
        InputError: a folder is missing, has no samples or no results, holds several models, or is given twice.
    """
    runs = [tuple(_run(folder) for folder in _folders(one)) for one in given]
    seen: dict[Path, str] = {}
    for one, found in zip(given, runs, strict=True):
        copies: dict[bytes, LoggedRun] = {}
        for run in found:
            place = run.folder.resolve()
            if place in seen:
                raise InputError(
                    f"{run.folder} is given twice, by {seen[place]} and by {one}; give each once"
                )
            seen[place] = one
            other = copies.setdefault(run.written(), run)
            if other is not run:
                raise InputError(f"{run.folder} is a copy of {other.folder}; give each run once")
        _refuse_several_models(one, found)
    names = [_name(found) for found in runs]
    labels = [name if names.count(name) == 1 else _plain(one) for name, one in zip(names, given, strict=True)]
    return [LoggedModel(*model) for model in zip(labels, given, runs, strict=True)]


def _refuse_several_models(given: str, runs: Sequence[LoggedRun]) -> None:
    """Refuse runs of different sizes, and several runs of each of several names; seeds may each have their name."""
    sizes = {run.parameters: run for run in runs if run.parameters is not None}
    names = {run.model: run for run in runs}
    told = sizes if len(sizes) > 1 else names if 1 < len(names) < len(runs) else {}
    if told:
        one, other = list(told.values())[:2]
        raise InputError(
            f"{given} holds several models: {one.model} ({one.folder}) and {other.model} ({other.folder}); give the "
            "runs of one model"
        )


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
    # A list may be longer than a name may be: then `Path.exists` fails.
    for part in [given] if os.path.exists(given) else given.split(","):  # noqa: PTH110
        folder = Path(part)
        if not part.strip() or not folder.is_dir():
            named = part if part.strip() else f"an empty name in '{given}'"
            raise InputError(f"{named} is not a folder; give the folder that lm_eval --output_path wrote")
        inner = sorted(
            {
                path.parent
                for path in folder.rglob(f"{SAMPLES}*.jsonl")
                if not any(name.startswith(".") for name in path.relative_to(folder).parts)
            }
        )
        if not inner:
            raise InputError(
                f"{part}: no samples_*.jsonl in it; run lm_eval with --log_samples --output_path"
            )
        if folder in inner and len(inner) > 1:
            raise InputError(
                f"{part} has samples of its own, and so has {next(one for one in inner if one != folder)} in it; "
                "move one of them to another folder"
            )
        found += inner
    return found


def _run(folder: Path) -> LoggedRun:
    dates: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob(f"{SAMPLES}*.jsonl")):
        name, _, date = path.name.removeprefix(SAMPLES).removesuffix(".jsonl").rpartition("_")
        if not name:
            raise InputError(f"{path}: its name is not samples_<task>_<date>.jsonl; restore lm-eval's name")
        dates.setdefault(name, {})[date] = path
    samples = {date: path for of_task in dates.values() for date, path in of_task.items()}
    places = {date: _results(folder, date, path) for date, path in samples.items()}
    contents = {date: read_results(path) for date, path in places.items()}
    for (date, content), (other, another) in itertools.combinations(sorted(contents.items()), 2):
        differs = content.differs_from(another)
        if differs:
            raise InputError(
                f"{folder} holds several models: {places[date].name} and {places[other].name} differ in {differs}; "
                "give each model a folder of its own"
            )
    tasks = {}
    for name, of_task in sorted(dates.items()):
        date = max(of_task)
        tasks[name] = _task(name, of_task[date], places[date], contents[date], len(of_task))
    latest = contents[max(contents)]
    groups: dict[str, tuple[str, ...]] = {}
    for date in sorted({max(of_task) for of_task in dates.values()}):
        groups |= _groups(contents[date].group_subtasks)
    parameters = latest.config.model_num_parameters
    known = parameters is not None and parameters > 0
    unlogged = sorted({task for content in contents.values() for task in content.configs} - set(tasks))
    return LoggedRun(
        folder,
        latest.model["model_name"] or folder.name,
        parameters if known else None,
        tasks,
        groups,
        tuple(unlogged),
    )


def _results(folder: Path, date: str, samples: Path) -> Path:
    """The results file of a date; lm-eval 0.4.9 may have named it otherwise than `results_<date>.json`."""
    usual = folder / f"results_{date}.json"
    if usual.is_file():
        return usual
    found = sorted(path for path in folder.iterdir() if path.name.endswith(f"_{date}.json"))
    if not found:
        raise InputError(f"{samples}: no results_{date}.json beside it; copy lm-eval's folder whole")
    if len(found) > 1:
        raise InputError(
            f"{samples}: {found[0].name} and {found[1].name} may both be its results; keep one of them, or call it "
            f"results_{date}.json"
        )
    return found[0]


def _task(name: str, path: Path, results: Path, content: LoggedResults, times: int) -> LoggedTask:
    config = content.configs.get(name)
    if config is None:
        raise InputError(f"{path}: the results file of its run does not name task {name}; restore both files")
    limit, metadata = content.config.limit, config.metadata
    return LoggedTask(
        name=name,
        path=path,
        results=results,
        version=str(content.versions.get(name)),
        shots=str(content.shots.get(name)),
        limit="" if limit is None else str(limit),
        metrics={
            str(metric["metric"]): metric.get("aggregation")
            for metric in config.metric_list or ()
            if "metric" in metric
        },
        means=content.results.get(name, {}),
        documents=content.counts.get(name, {}).get("effective"),
        task_hash=content.task_hashes.get(name),
        higher_is_better=content.higher_is_better.get(name, {}),
        output_type=str(config.output_type),
        cluster=str(metadata.get("cluster") or "") if isinstance(metadata, dict) else "",
        runs_found=times,
    )


def _groups(children: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """The tasks of each group, groups inside it opened; a task that stands as its own empty group is none."""

    def leaves(name: str, above: frozenset[str]) -> set[str]:
        inner = [child for child in children.get(name) or () if child not in above]
        return set().union(*(leaves(child, above | {child}) for child in inner)) if inner else {name}

    return {name: tuple(sorted(leaves(name, frozenset({name})))) for name, inner in children.items() if inner}
