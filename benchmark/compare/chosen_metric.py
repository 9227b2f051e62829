"""Which metric and filter of a task are compared, and whether its samples and the results file agree on them."""

import math
from collections.abc import Mapping, Sequence
from hashlib import sha256

from benchmark.compare.log_folder import LoggedModel, LoggedTask
from benchmark.compare.task_samples import LARGEST, LIKELIEST, FilteredSamples
from benchmark.errors import InputError

ROUNDING = 1e-6
"""Relative or absolute difference between a stated mean and that of the samples that may come from rounding."""
A_MEAN = "the mean of one number per document"
BYPASS = "bypass"
"""The metric of lm_eval --predict_only."""
MEAN, PERPLEXITY, OTHER = "mean", "perplexity", "other"
"""What lm-eval makes of a metric's values: their mean, exp(-mean) of log-likelihoods, or a number of another kind."""
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
    kept: str,
    notes: list[str],
) -> tuple[str, str] | None:
    """The metric asked for, or the task's first that is one number per document in all runs; and what is made of it.

    A metric that lacks the number of some documents is refused: lists, texts, and numbers whose mean is not what
    lm-eval reports (`OTHER`) give way to the next metric.
    """

    def made(metric: str) -> str:
        kinds = {_made(task, one, metric, kept) for (_, task), one in zip(runs, samples, strict=True)}
        return kinds.pop() if len(kinds) == 1 else OTHER

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
        if made(wanted) == OTHER:
            raise InputError(
                f"metric {wanted} of task {name}: {runs[0][1].results.name} reports another number than its mean over "
                "documents; choose another metric or task"
            )
        return wanted, made(wanted)
    declared = [metric for metric in runs[0][1].metrics if metric in samples[0].metrics]
    order = [metric for metric in dict.fromkeys([*declared, *samples[0].metrics]) if metric != BYPASS]
    if not order:
        notes.append(f"Left out: {name}, which has no scores (lm_eval --predict_only writes none).")
        return None
    for metric in order:
        _refuse_gaps(name, metric, runs, samples)
        kind = made(metric) if all(metric in usable for usable in plain) else OTHER
        if kind != OTHER:
            if metric != order[0]:
                notes.append(f"{name}: {metric} instead of {order[0]}, which is not {A_MEAN}.")
            return metric, kind
    notes.append(f"Left out: {name}, none of whose metrics is {A_MEAN} in all folders.")
    return None


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


def check_whole(task: LoggedTask, read: Mapping[str, FilteredSamples], kept: str) -> None:
    """Refuse samples whose number is not the one that the results file states.

    Up to 0.4.11, lm-eval states that of the whole task where `--samples` chose documents: then its hash must agree.
    """
    found = len(read[kept].doc_id)
    if task.documents is not None and found != task.documents and _hash(read) != task.task_hash:
        raise InputError(
            f"{task.path} has {found} documents, but {task.results.name} says {task.documents:g}; copy both files "
            f"again, run the evaluation again, or write {found} there (n-samples, effective) if lm_eval --samples "
            "chose the documents"
        )


def _hash(read: Mapping[str, FilteredSamples]) -> str:
    """`task_hashes` of lm-eval, for samples in the order of a single process."""
    lines = (
        document + prompt + target
        for one in read.values()
        for document, prompt, target in zip(one.doc_hash, one.prompt_hash, one.target_hash, strict=True)
    )
    return sha256("".join(lines).encode("utf-8", "replace")).hexdigest()


def _made(task: LoggedTask, samples: FilteredSamples, metric: str, kept: str) -> str:
    """What lm-eval made of the values; another mean than the results file states is refused."""
    stated = task.means.get(f"{metric},{kept}")
    declared = task.metrics.get(metric) or (MEAN if metric in LIKELIEST else None)
    if not isinstance(stated, int | float):
        return declared if declared in (MEAN, PERPLEXITY) else PERPLEXITY if metric == PERPLEXITY else MEAN
    mean = math.fsum(samples.metrics[metric]) / len(samples.doc_id)
    if abs(stated) <= LARGEST and math.isclose(mean, stated, rel_tol=ROUNDING, abs_tol=ROUNDING):
        return MEAN
    if declared == MEAN:
        raise InputError(
            f"{task.path}: the mean of {metric} is {mean:.6g}, but {task.results.name} says {str(stated)[:20]}; "
            "copy both files again, or run the evaluation again"
        )
    reported = stated > 0 and math.isclose(-mean, math.log(stated), rel_tol=ROUNDING, abs_tol=ROUNDING)
    return PERPLEXITY if reported else OTHER


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
