"""A suite from the names of lm-eval's tasks and groups."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from lm_eval.api.group import Group
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry

from benchmark.errors import InputError
from benchmark.settings.names import nearest
from benchmark.settings.task_suite import TaskSuite
from benchmark.system.content_hash import digest
from benchmark.tasks.lm_eval_tasks.declared_metric import declared, form_of
from benchmark.tasks.lm_eval_tasks.listed_task import ListedDocument, ListedTask
from benchmark.tasks.lm_eval_tasks.name_index import folder_index, lm_eval_index
from benchmark.tasks.lm_eval_tasks.own_folder import folder_digest
from benchmark.tasks.lm_eval_tasks.source_rows import SourceRows, rows_of
from benchmark.tasks.lm_eval_tasks.split_rule import Shots, split_task
from benchmark.tasks.suite import Cap, Suite, SuiteGroup, check_task_names, quiet, suite_names

Value = TypeVar("Value")
NOT_RECIPE = (
    "dataset_path",
    "dataset_name",
    "dataset_kwargs",
    "training_split",
    "validation_split",
    "test_split",
)
"""Keys of a task's YAML that say where documents come from; the documents themselves are in a suite's digest."""


def load_task_suite(
    spec: TaskSuite,
    root: Path,
    *,
    tasks: Sequence[str] | None = None,
    documents: int | None = None,
    select_documents: int | None = None,
    documents_by_task: Mapping[str, int] | None = None,
    limit: int | None = None,
) -> Suite:
    """The suite that `spec` lists, with at most so many documents per task and split, as `load_suite` caps them.

    Args:
        root: paths in the settings are relative to it.
        tasks: names among those of the suite, to keep these only.

    Raises:
        InputError: an unknown name, data that cannot be had, or a task that is not scored here.
    """
    if spec.name in suite_names():
        raise InputError(
            f"evaluation.suite.name: {spec.name} is a suite of this repository: choose another name"
        )
    folder = None if spec.folder is None else (root / spec.folder).resolve()
    own_code = "" if folder is None else folder_digest(folder)
    index = lm_eval_index() | ({} if folder is None else folder_index(folder))
    for name in spec.tasks:
        if name not in index:
            raise InputError(f"evaluation.suite.tasks: lm-eval has no task '{name}'{_nearest(name, index)}")
    with quiet():
        loader = _Loader(spec, root, index)
        found = loader.load(tasks)
    caps = {
        "select": Cap(select_documents, limit, documents_by_task or {}),
        "test": Cap(documents, limit, documents_by_task or {}),
    }
    built = tuple(_listed_task(spec, caps, own_code, *one) for one in found)
    check_task_names(documents_by_task or {}, [task.name for task in built], "documents_by_task")
    metrics = {task.name: task.metric for task in built}
    return Suite(
        name=spec.name,
        version=f"lm-eval-{version('lm_eval')}",
        tasks=built,
        families=tuple(dict.fromkeys(task.family for task in built)),
        groups=tuple(_groups(loader.groups, metrics)),
        tokenisation="joint",
    )


class DataTask(ConfigurableTask):  # type: ignore[misc] # lm-eval is not typed
    """An lm-eval task whose rows are read by `rows_of`.

    A split that the data lack counts as one that the YAML does not name.
    """

    def __init__(self, config: Mapping[str, Any], read: Callable[[Any], SourceRows]) -> None:
        self._read: Callable[[Any], SourceRows] | None = read
        self.origin = "code of its YAML"
        self.missing_examples: str | None = None
        super().__init__(config=config)

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None, **_ignored: Any) -> None:
        config = self.config
        if callable(config.custom_dataset):
            super().download(dataset_kwargs)
        else:
            assert self._read is not None
            found = self._read(config)
            self.dataset, self.origin = found.splits, found.origin
        self._read = None  # what reads is not part of a task that is sent to a worker
        if self.fewshot_cfg.split is not None and self.fewshot_cfg.split not in self.dataset:
            self.missing_examples, self.fewshot_cfg.split = self.fewshot_cfg.split, None
        for key in ("training_split", "validation_split", "test_split", "fewshot_split"):
            if getattr(config, key) not in self.dataset:
                if key == "training_split" and self.fewshot_cfg.split is None:
                    self.missing_examples = self.missing_examples or getattr(config, key)
                self.set_config(key, None)
        if config.validation_split is None and config.test_split is None:
            raise InputError(
                f"task {config.task}: its data have the splits {', '.join(self.dataset)}, none to be scored on: name "
                "them as its YAML does"
            )


class _Loader(TaskFactory):  # type: ignore[misc] # lm-eval is not typed
    """lm-eval's own factory of tasks and groups; only the source of rows differs."""

    def __init__(self, spec: TaskSuite, root: Path, index: dict[str, Entry]) -> None:
        super().__init__()
        self.spec, self.root, self.index = spec, root, index
        self.listed = ""
        self.groups: dict[str, Group] = {}

    def load(self, wanted: Collection[str] | None) -> list[tuple[tuple[str, ...], DataTask]]:
        """The tasks in the suite's order, each with its name and the listed name that it belongs to."""
        if wanted is not None and not wanted:
            raise InputError("evaluation.tasks: no task is asked for: name some of the suite")
        found: dict[str, tuple[tuple[str, ...], DataTask]] = {}
        used: set[str] = set()
        for listed in self.spec.tasks:
            self.listed = listed
            is_task = self.index[listed].kind.name in ("TASK", "PY_TASK")
            if wanted is not None and listed not in wanted and is_task:
                continue
            for task in self._leaves(self.build(self.index[listed], registry=self.index)):
                name = task.config.task
                if wanted is not None and not {name, listed} & set(wanted):
                    continue
                used |= {name, listed}
                if name in found:
                    raise InputError(
                        f"evaluation.suite.tasks: {found[name][0][1]} and {listed} both hold {name}: name it once"
                    )
                found[name] = ((name, listed), task)
        for name in wanted or ():
            if name not in used:
                words = _nearest(name, [*self.spec.tasks, *found])
                raise InputError(f"evaluation.tasks: suite {self.spec.name} has no task '{name}'{words}")
        return list(found.values())

    def _leaves(self, built: Any) -> Iterator[DataTask]:
        if isinstance(built, Group):
            self.groups[built.name] = built
            for child in built:
                yield from self._leaves(child)
        elif isinstance(built, list):
            for child in built:
                yield from self._leaves(child)
        elif isinstance(built, DataTask):
            yield built
        else:
            raise InputError(
                f"task {self.listed}: a part of it is defined inside its group: not supported here"
            )

    def _build_task(self, entry: Entry, overrides: dict[str, Any] | None) -> DataTask:
        config: dict[str, Any] = _explained(entry.name, lambda: self._load_full_config(entry, overrides))
        for key in ("tag", "group", "task_list"):
            config.pop(key, None)
        name = str(config["task"])
        _check_kind(name, config)
        data = chosen(self.spec.data, (name, self.listed))

        def read(kept: Any) -> SourceRows:
            keys = {key: getattr(kept, key) for key in ("dataset_path", "dataset_name", "dataset_kwargs")}
            if keys["dataset_path"] is None and (data is None or data.dataset_path is data.files_of is None):
                raise InputError(
                    f"task {name}: its YAML names no data set: name one under evaluation.suite.data"
                )
            return rows_of(name, keys, data, self.root, (kept.validation_split, kept.training_split))

        return _explained(name, lambda: DataTask(config, read))


def _check_kind(name: str, config: Mapping[str, Any]) -> None:
    if "class" in config:
        raise InputError(f"task {name} is a Python class, not YAML alone: not supported here, leave it out")
    if config.get("unsafe_code"):
        raise InputError(f"task {name} runs the code that a model writes: not supported here, leave it out")
    if config.get("doc_to_image") or config.get("doc_to_audio"):
        raise InputError(f"task {name} needs images or sounds: leave it out")


def _explained(name: str, make: Callable[[], Value]) -> Value:
    """What `make` gives; what lm-eval, templates or the task's own code raise becomes one line."""
    from jinja2 import UndefinedError

    try:
        return make()
    except InputError:
        raise
    except (KeyError, UndefinedError) as error:
        column = str(error).strip("'\"") if isinstance(error, KeyError) else str(error.message)
        raise InputError(
            f"task {name}: its prompt or answer needs what its rows lack ({column}): give rows with the columns of "
            "the data set that its YAML names"
        ) from None
    # The code of a task may raise anything.
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:160]
        raise InputError(f"task {name} cannot be made: {type(error).__name__}: {reason}") from None


def chosen(settings: Mapping[str, Value], names: Sequence[str]) -> Value | None:
    """The setting of a task: its own, or that of the group it is listed by."""
    return next((settings[name] for name in names if name in settings), None)


def _listed_task(
    spec: TaskSuite, caps: Mapping[str, Cap], own_code: str, names: tuple[str, ...], task: DataTask
) -> ListedTask:
    name = names[0]
    form = form_of(name, task)
    metric = declared(name, task, chosen(spec.metrics, names))
    shots = Shots(_shots(spec, task), spec.fewshot_seed)
    with quiet():
        found = _explained(name, lambda: split_task(name, task, form, chosen(spec.clusters, names), shots))
    families = {member: family for family, members in spec.families.items() for member in members}
    made = ListedTask(
        name=name,
        family=chosen(families, names) or form,
        metric=metric.name,
        chance=_chance(task, found.documents["test"]) if form == "choice" else 0.0,
        version=str((task.config.metadata or {}).get("version", "1")),
        task=task,
        documents={split: cap.of(name, found.documents[split]) for split, cap in caps.items()},
        form=form,
        filter=metric.filter,
        origin=task.origin,
        code=_recipe(task, own_code),
        split_rule=found.rule,
    )
    if form == "generation":
        _explained(name, lambda: made.graded(made.documents["test"][0], "no answer"))
    return made


def _shots(spec: TaskSuite, task: DataTask) -> int:
    """As lm-eval has it: a task whose YAML says 0 keeps it."""
    own: int | None = task.config.num_fewshot
    if spec.num_fewshot is None or own == 0:
        return own or 0
    return spec.num_fewshot


def _chance(task: DataTask, documents: Sequence[ListedDocument]) -> float:
    """The mean over all `test` documents of the share of choices that are right."""
    total = 0.0
    for document in documents:
        gold = task.doc_to_target(document.row) if not task.multiple_input else 0
        right = len(set(gold)) if isinstance(gold, list) else 1
        total += right / len(task.doc_to_choice(document.row))
    return total / len(documents)


def _recipe(task: DataTask, own_code: str) -> str:
    """Digest of a task's settings, of lm-eval's version and of the user's own code."""
    config = {key: value for key, value in task.config.to_dict().items() if key not in NOT_RECIPE}
    config["metadata"] = {
        key: value for key, value in (config.get("metadata") or {}).items() if key != "config_source"
    }
    text = json.dumps(
        config, sort_keys=True, default=lambda one: getattr(one, "__qualname__", type(one).__name__)
    )
    return digest([text, version("lm_eval"), own_code])


def _groups(groups: Mapping[str, Group], metrics: Mapping[str, str]) -> Iterator[SuiteGroup]:
    """lm-eval's groups that average the metric which is reported of each of their tasks."""
    for name, group in groups.items():
        members = tuple(task.task_name for task in group.get_all_tasks())
        for average in group.aggregate_metric_list or ():
            if members and all(metrics.get(member) == average.metric for member in members):
                yield SuiteGroup(name, members, bool(average.weight_by_size))
                break


def _nearest(name: str, known: Collection[str]) -> str:
    """The nearest name; not all of them, which are fourteen thousand."""
    words = nearest(name, list(known))
    return (
        words if words.startswith(",") else ": `lm-eval ls tasks` lists them" if len(known) > 100 else words
    )
