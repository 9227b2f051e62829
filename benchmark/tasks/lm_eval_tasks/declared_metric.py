"""The one metric of an lm-eval task that is reported: in [0, 1], higher is better, averaged over documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from lm_eval.api.metrics import mean
from lm_eval.api.task import ConfigurableTask

from benchmark.errors import InputError
from benchmark.settings.names import nearest
from benchmark.tasks.suite import Form

FORMS: dict[str, Form] = {
    "multiple_choice": "choice",
    "loglikelihood": "loglikelihood",
    "generate_until": "generation",
}
"""By lm-eval's `output_type`."""
SUPPORTED: dict[Form, tuple[str, ...]] = {
    "choice": ("acc", "acc_norm"),
    "loglikelihood": ("acc",),
    "generation": ("exact_match", "f1", "acc"),
}


@dataclass(frozen=True)
class DeclaredMetric:
    """A metric's name, and the filter pipeline of lm-eval's that it reads; None except for written texts."""

    name: str
    filter: str | None = None


def form_of(name: str, task: ConfigurableTask) -> Form:
    """How a task is asked.

    Raises:
        InputError: it asks for something that is not scored here.
    """
    kind = task.OUTPUT_TYPE
    if kind == "loglikelihood_rolling":
        raise InputError(
            f"task {name} has only {', '.join(task.higher_is_better())}: perplexities have no upper bound, so they "
            "cannot be averaged with scores in [0, 1]: leave it out"
        )
    if kind not in FORMS:
        raise InputError(f"task {name} is of the type {kind!r}: known are {', '.join(FORMS)}")
    if task.config.repeats != 1:
        raise InputError(f"task {name} asks each document {task.config.repeats} times: texts are greedy here")
    if FORMS[kind] == "choice" and callable(task.config.process_results):
        raise InputError(
            f"task {name} scores its choices with code of its own: not supported here, leave it out"
        )
    return FORMS[kind]


def declared(name: str, task: ConfigurableTask, asked: str | None) -> DeclaredMetric:
    """The metric that is `asked` for, such as `acc_norm` or `exact_match,flexible-extract`; otherwise the first of
    the YAML's list that is supported, read through the first filter.

    Raises:
        InputError: there is none, with the reason.
    """
    form = form_of(name, task)
    known = list(task.higher_is_better()) or list(task.aggregation())
    wanted, _, named = (asked or "").partition(",")
    filters = [pipeline.name for pipeline in task._filters]
    if asked and wanted not in known:
        raise InputError(f"suite.metrics.{name}: no metric '{wanted}'{nearest(wanted, known)}")
    if named and named not in filters:
        raise InputError(f"suite.metrics.{name}: no filter '{named}'{nearest(named, filters)}")
    usable = [metric for metric in known if _fault(task, form, metric) is None]
    if asked and wanted not in usable:
        raise InputError(f"suite.metrics.{name}: {wanted} {_fault(task, form, wanted)}")
    if not usable:
        raise InputError(
            f"task {name}: {'; '.join(f'{m} {_fault(task, form, m)}' for m in known)}: leave it out"
        )
    metric = wanted or usable[0]
    if form != "generation":
        return DeclaredMetric(metric)
    return DeclaredMetric(metric, named or filters[0])


def _fault(task: ConfigurableTask, form: Form, metric: str) -> str | None:
    """Why a metric cannot be the one that is reported."""
    if "perplexity" in metric or metric == "bits_per_byte":
        return "has no upper bound, so it cannot be averaged with scores in [0, 1]"
    if metric not in SUPPORTED[form]:
        return f"is not known here for this kind of task ({_listed(SUPPORTED[form])} are)"
    if not task.higher_is_better().get(metric, True):
        return "is better if lower"
    if task.aggregation().get(metric, mean) is not mean:
        return "is no mean over documents"
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
