"""Scores of several models on the same documents of the same tasks, checked to be the same."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from benchmark.compare.chosen_metric import A_MEAN, PERPLEXITY, check_whole, filter_of, metric_of, sign_of
from benchmark.compare.log_folder import LoggedModel, LoggedRun, LoggedTask
from benchmark.compare.task_samples import LIKELIEST, FilteredSamples, read_samples
from benchmark.errors import InputError
from benchmark.statistics.design import Floats, Ints

EVERY = ""
"""The task of a choice that holds for all tasks."""


@dataclass(frozen=True)
class Choices:
    """What the user chose; `metric`, `filter` and `cluster` by task, `EVERY` for all others."""

    tasks: tuple[str, ...] = ()
    metric: Mapping[str, str] = field(default_factory=dict)
    filter: Mapping[str, str] = field(default_factory=dict)
    cluster: Mapping[str, str] = field(default_factory=dict)
    common: bool = False


@dataclass(frozen=True)
class PairedTask:
    """One task on the documents that all runs of all models share.

    `values` are [runs, documents] by model, higher is better; `sign` is -1 where the metric's sign was changed for
    that. `chance` is the score of guessing, None where it is not known. `starts` [documents] are the bytes at which
    the first run's lines begin, by model. `cluster` [documents] numbers clusters of `cluster_field`; where that is
    empty, documents of the same content are a cluster.
    """

    name: str
    metric: str
    filter: str
    sign: int
    chance: float | None
    doc_id: Ints
    values: tuple[Floats, ...]
    starts: tuple[Ints, ...]
    cluster: Ints
    cluster_field: str


@dataclass(frozen=True)
class PairedStudy:
    """All that is compared: models in the order given, tasks by name, groups of tasks, and what to know of them."""

    models: tuple[LoggedModel, ...]
    tasks: tuple[PairedTask, ...]
    groups: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def pair(models: Sequence[LoggedModel], chosen: Choices) -> PairedStudy:
    """Pair the runs of `models` by task and document.

    Raises:
        InputError: no task in common, another version of a task, other documents, or a choice that is not there.
    """
    notes: list[str] = []
    for model in models:
        called = dict.fromkeys(run.model for run in model.runs)
        if len(called) > 1:
            notes.append(f"{', '.join(called)} are taken as runs of one model, {model.label}.")
    names = _tasks(models, chosen, notes)
    for kind, given in (
        ("--metric", chosen.metric),
        ("--filter", chosen.filter),
        ("--cluster", chosen.cluster),
    ):
        for name in given:
            if name not in (EVERY, *names):
                raise InputError(
                    f"{kind} {name}=...: task {name} is not compared; it is one of {', '.join(names)}"
                )
    found = [_paired_task(name, models, chosen, notes) for name in names]
    tasks = tuple(task for task in found if task is not None)
    if not tasks:
        raise InputError(
            f"no task has a metric that is {A_MEAN} (lm_eval --predict_only writes none); nothing can be compared"
        )
    scaled = [task.name for task in tasks if any((abs(one - 0.5) > 0.5).any() for one in task.values)]
    if scaled and len(tasks) > 1:
        notes.append(f"Scores of {', '.join(scaled)} leave [0, 1]: means over tasks mix different scales.")
    return PairedStudy(tuple(models), tasks, _groups(models, tasks, notes), tuple(dict.fromkeys(notes)))


def _runs(models: Sequence[LoggedModel]) -> list[tuple[LoggedModel, LoggedRun]]:
    return [(model, run) for model in models for run in model.runs]


def _tasks(models: Sequence[LoggedModel], chosen: Choices, notes: list[str]) -> list[str]:
    every = _runs(models)
    common = sorted(set.intersection(*(set(run.tasks) for _, run in every)))
    if not common:
        has = "; ".join(f"{model.label} has {', '.join(sorted(model.runs[0].tasks))}" for model in models)
        raise InputError(f"no task in common: {has}; evaluate all on the same tasks")
    if chosen.tasks:
        groups = {name: tasks for _, run in every for name, tasks in run.groups.items()}
        wanted: set[str] = set()
        for name in chosen.tasks:
            members = {task for task in groups.get(name, (name,)) if task in common}
            if not members:
                near = difflib.get_close_matches(name, [*common, *groups], n=1, cutoff=0.0)
                raise InputError(f"--task {name}: no such task in all folders; the nearest is {near[0]}")
            wanted |= members
        return sorted(wanted)
    for model, run in every:
        left = sorted(set(run.tasks) - set(common))
        notes += [f"Left out: {name}, which {model.label} has and others have not." for name in left]
        notes += [f"Left out: {name}, of which {model.label} has no samples." for name in run.unlogged]
    return common


def _paired_task(
    name: str, models: Sequence[LoggedModel], chosen: Choices, notes: list[str]
) -> PairedTask | None:
    runs = [(model, run.tasks[name]) for model, run in _runs(models)]
    _same_task(runs, notes)
    clusters = {chosen.cluster.get(name, chosen.cluster.get(EVERY, "")) or task.cluster for _, task in runs}
    if len(clusters) > 1:
        raise InputError(
            f"task {name} names other clusters in other folders; choose by --cluster {name}=FIELD"
        )
    (cluster,) = clusters
    read = [read_samples(task.path, cluster) for _, task in runs]
    kept = filter_of(name, chosen.filter.get(name, chosen.filter.get(EVERY)), runs, read)
    samples = [by_filter[kept] for by_filter in read]
    for (_, task), by_filter in zip(runs, read, strict=True):
        check_whole(task, by_filter, kept)
    wanted = chosen.metric.get(name, chosen.metric.get(EVERY))
    found = metric_of(name, wanted, runs, samples, kept, notes)
    if found is None:
        return None
    metric, made = found
    orders = _orders(name, runs, samples, chosen.common, notes)
    first, order = samples[0], orders[0]
    labels = np.array(first.cluster if cluster else first.doc_hash)[order]
    _, begins, numbers = np.unique(labels, return_index=True, return_inverse=True)
    repeated = len(order) - len({first.doc_hash[row] for row in order})
    if repeated:
        notes.append(
            f"{repeated} of {len(order)} documents of {name} repeat another one (same doc_hash): intervals take "
            + ("the clusters as they are." if cluster else "them as one.")
        )
    sign = 1 if made == PERPLEXITY else sign_of(name, metric, runs)
    if made == PERPLEXITY:
        notes.append(
            f"{metric} of {name} is compared by the log-likelihood of each document: higher is better."
        )
    if sign < 0:
        notes.append(f"{metric} of {name} is better when lower: its sign is changed.")
    scores = [
        sign * np.array(one.metrics[metric], dtype=np.float64)[rows]
        for one, rows in zip(samples, orders, strict=True)
    ]
    by_model = iter(scores)
    values = tuple(np.stack([next(by_model) for _ in model.runs]) for model in models)
    begin = np.cumsum([0, *(len(model.runs) for model in models)])[:-1]
    return PairedTask(
        name=name,
        metric=metric,
        filter=kept,
        sign=sign,
        chance=_chance(runs[0][1], metric, [first.choices[row] for row in order]),
        doc_id=np.array(first.doc_id, dtype=np.int64)[order],
        values=values,
        starts=tuple(np.array(samples[place].start, dtype=np.int64)[orders[place]] for place in begin),
        cluster=(numbers if cluster else begins[numbers]).astype(np.int64),
        cluster_field=cluster,
    )


def _names(one: tuple[LoggedModel, LoggedTask], other: tuple[LoggedModel, LoggedTask]) -> tuple[str, str]:
    """Labels of two runs' models, folders of two runs of one model."""
    if one[0] is other[0]:
        return str(one[1].path.parent), str(other[1].path.parent)
    return one[0].label, other[0].label


def _same_task(runs: Sequence[tuple[LoggedModel, LoggedTask]], notes: list[str]) -> None:
    first = runs[0][1]
    for run in runs:
        task, (ours, theirs) = run[1], _names(runs[0], run)
        if task.version != first.version:
            raise InputError(
                f"task {task.name} has version {first.version} in {ours} and {task.version} in {theirs}; "
                "evaluate both with the same version of the task"
            )
        if task.shots != first.shots:
            notes.append(
                f"{task.name} was asked with {first.shots} examples of {ours} and {task.shots} of {theirs}."
            )
        if task.runs_found > 1:
            notes.append(f"{task.path.parent} holds {task.name} {task.runs_found} times: the newest counts.")


def _orders(
    name: str,
    runs: Sequence[tuple[LoggedModel, LoggedTask]],
    samples: Sequence[FilteredSamples],
    common: bool,
    notes: list[str],
) -> list[Ints]:
    """Rows of each run's samples, so that all runs have the same documents in the order of `doc_id`."""
    ids = [np.array(one.doc_id, dtype=np.int64) for one in samples]
    shared = ids[0]
    for one in ids[1:]:
        shared = np.intersect1d(shared, one, assume_unique=True)
    shared = np.sort(shared)
    for place, one in enumerate(ids):
        if len(one) == len(shared):
            continue
        other = next((p for p, found in enumerate(ids) if set(found.tolist()) != set(one.tolist())))
        two = sorted((place, other))
        counts = " and ".join(
            f"{len(ids[p])} documents in {name}"
            + (f" (--limit {runs[p][1].limit})" if runs[p][1].limit else "")
            for p, name in zip(two, _names(runs[two[0]], runs[two[1]]), strict=True)
        )
        if not len(shared):
            raise InputError(
                f"task {name}: {counts}, and none in common; evaluate both on the same documents"
            )
        if not common:
            raise InputError(
                f"task {name} has {counts}; evaluate both on the same documents, or give --common to compare on the "
                f"{len(shared)} that they share"
            )
        notes.append(f"{name}: {counts}; compared on the {len(shared)} in common.")
        break
    orders = []
    for one in ids:
        by_id = np.argsort(one, kind="stable")
        orders.append(by_id[np.searchsorted(one[by_id], shared)].astype(np.int64))
    _same_documents(name, runs, samples, orders, notes)
    return orders


def _same_documents(
    name: str,
    runs: Sequence[tuple[LoggedModel, LoggedTask]],
    samples: Sequence[FilteredSamples],
    orders: Sequence[Ints],
    notes: list[str],
) -> None:
    first = samples[0]
    for run, one, rows in zip(runs[1:], samples[1:], orders[1:], strict=True):
        model, other = _names(runs[0], run)
        for ours, theirs in zip(orders[0], rows, strict=True):
            document = f"task {name}, document {first.doc_id[ours]}"
            if first.doc_hash[ours] != one.doc_hash[theirs]:
                raise InputError(
                    f"{document} is not the same in {model} (doc_hash {first.doc_hash[ours][:8]}) and "
                    f"{other} ({one.doc_hash[theirs][:8]}); evaluate both on the same data"
                )
            if first.target_hash[ours] != one.target_hash[theirs]:
                raise InputError(
                    f"{document} has another right answer in {model} than in {other} (target_hash); "
                    "evaluate both with the same task"
                )
            if first.cluster and first.cluster[ours] != one.cluster[theirs]:
                raise InputError(
                    f"{document} is in cluster {first.cluster[ours][:40]} in {model} and in "
                    f"{one.cluster[theirs][:40]} in {other}; evaluate both on the same data"
                )
        prompts = sum(
            first.prompt_hash[ours] != one.prompt_hash[theirs]
            for ours, theirs in zip(orders[0], rows, strict=True)
        )
        if prompts:
            notes.append(
                f"{name}: {prompts} of {len(rows)} prompts differ between {model} and {other} (few-shot "
                "examples, chat template or instructions)."
            )


def _chance(task: LoggedTask, metric: str, choices: Sequence[int]) -> float | None:
    if task.output_type != "multiple_choice" or metric not in LIKELIEST or min(choices) < 2:
        return None
    return float(np.mean(1 / np.array(choices, dtype=np.float64)))


def _groups(
    models: Sequence[LoggedModel], tasks: Sequence[PairedTask], notes: list[str]
) -> dict[str, tuple[str, ...]]:
    """Groups that lie wholly in the compared tasks and are neither all of them nor one alone, each once."""
    names = tuple(task.name for task in tasks)
    found: dict[str, tuple[str, ...]] = {}
    members: set[tuple[str, ...]] = {names}
    for name, inner in chain.from_iterable(sorted(run.groups.items()) for _, run in _runs(models)):
        if name in found and found[name] != inner:
            raise InputError(f"group {name} has other tasks in other folders; choose tasks by --task")
        if name in (*found, *names, "all") or inner in members or len(inner) < 2:
            continue
        if not set(inner) <= set(names):
            if set(inner) & set(names):
                notes.append(f"Group {name} is not shown: some of its tasks are not compared.")
            continue
        found[name] = inner
        members.add(inner)
    return found
