"""Which metric and filter of a task are compared, and whether its samples and the results file agree on them."""

import math
from collections.abc import Mapping, Sequence

from benchmark.compare.log_folder import LoggedModel, LoggedTask
from benchmark.compare.task_samples import LARGEST, LIKELIEST, FilteredSamples
from benchmark.errors import InputError

ROUNDING = 1e-6
"""Relative or absolute difference between a stated mean and that of the samples that may come from rounding."""
Runs = Sequence[tuple[LoggedModel, LoggedTask]]


def filter_of(
    name: str,
    wanted: str | None,
    runs: Runs,
    read: Sequence[Mapping[str, FilteredSamples]],
) -> str:
    """The filter asked for, or the first one of the first run."""
    kept = next(iter(read[0])) if wanted is None else wanted
    for (model, _), by_filter in zip(runs, read, strict=True):
        if kept not in by_filter:
            raise InputError(
                f"task {name} has no filter {kept} in {model.label}; it has {', '.join(by_filter)}: "
                f"choose by --filter {name}=NAME"
            )
    return kept


def metric_of(
    name: str,
    wanted: str | None,
    runs: Runs,
    samples: Sequence[FilteredSamples],
    notes: list[str],
) -> str | None:
    """The metric asked for, or the task's first that is one number per document in all runs.

    A metric that lacks the number of some documents is refused: only lists and texts give way to the next metric.
    """
    plain = [one.plain_metrics() for one in samples]
    if wanted is not None:
        for (model, _), one in zip(runs, samples, strict=True):
            if wanted not in one.metrics:
                raise InputError(
                    f"task {name} has no metric {wanted} in {model.label}; it has {', '.join(one.metrics)}: "
                    f"choose by --metric {name}=NAME"
                )
        _refuse_gaps(name, wanted, runs, samples)
        for (model, _), usable in zip(runs, plain, strict=True):
            if wanted not in usable:
                raise InputError(
                    f"metric {wanted} of task {name} is not one number per document in {model.label}; "
                    f"choose one of {', '.join(usable) or 'another task'}"
                )
        return wanted
    declared = [metric for metric in runs[0][1].metrics if metric in samples[0].metrics]
    order = list(dict.fromkeys([*declared, *samples[0].metrics]))
    kept = None
    for metric in order:
        _refuse_gaps(name, metric, runs, samples)
        if all(metric in usable for usable in plain):
            kept = metric
            break
    if kept is None:
        notes.append(f"Left out: {name}, none of whose metrics is one number per document in all folders.")
        return None
    if order[0] != kept:
        notes.append(f"{name}: {kept} instead of {order[0]}, which is not one number per document.")
    return kept


def _refuse_gaps(
    name: str,
    metric: str,
    runs: Runs,
    samples: Sequence[FilteredSamples],
) -> None:
    for (_, task), one in zip(runs, samples, strict=True):
        row = one.without_number(metric)
        if row is not None:
            raise InputError(
                f"{task.path}, line {one.line[row]}: {metric} is {str(one.metrics[metric][row])[:40]}, not a number of "
                f"at most {LARGEST:g}; run the evaluation again, or choose another metric by --metric {name}=NAME"
            )


def check_whole(task: LoggedTask, samples: FilteredSamples, metric: str, kept: str) -> None:
    """Refuse samples whose number, or mean, is not the one that the results file states."""
    found = len(samples.doc_id)
    if task.documents is not None and found != task.documents:
        raise InputError(
            f"{task.path} has {found} documents, but {task.results.name} says {task.documents:g}; copy both files "
            f"again, run the evaluation again, or write {found} there (n-samples, effective) if lm_eval --samples "
            "chose the documents"
        )
    stated = task.means.get(f"{metric},{kept}")
    averaged = (task.metrics.get(metric) or ("mean" if metric in LIKELIEST else None)) == "mean"
    if averaged and isinstance(stated, int | float):
        mean = math.fsum(samples.metrics[metric]) / found
        if not (abs(stated) <= LARGEST and math.isclose(mean, stated, rel_tol=ROUNDING, abs_tol=ROUNDING)):
            raise InputError(
                f"{task.path}: the mean of {metric} is {mean:.6g}, but {task.results.name} says {str(stated)[:20]}; "
                "copy both files again, or run the evaluation again"
            )


def sign_of(name: str, metric: str, runs: Runs) -> int:
    """1 where the metric is better when higher, -1 where it is better when lower, as all runs say."""
    told = [task.higher_is_better.get(metric) for _, task in runs]
    for (_, task), higher in zip(runs, told, strict=True):
        if higher is None:
            raise InputError(
                f"{task.results}: higher_is_better does not say true or false of {metric} of task {name}; write it "
                f"there, or choose another metric by --metric {name}=NAME"
            )
        if higher != told[0]:
            raise InputError(
                f"task {name}: higher_is_better of {metric} is {told[0]} in {runs[0][1].results} and {higher} in "
                f"{task.results}; evaluate both with the same task"
            )
    return 1 if told[0] else -1
