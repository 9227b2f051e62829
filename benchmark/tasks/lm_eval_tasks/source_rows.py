"""The rows of an lm-eval task: from the Hub at a commit, or from local files, read by `datasets`."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.tasks._yaml_loader import load_yaml

from benchmark.errors import InputError
from benchmark.public_data.file_readers import read_lines, read_rows
from benchmark.public_data.public_files import cache_folder, locate
from benchmark.public_data.public_sources import SOURCES, PublicSource
from benchmark.settings.names import nearest
from benchmark.settings.task_suite import TaskData
from benchmark.system.content_hash import sha256_of
from benchmark.tasks.suite import TASKS_FOLDER, suite_names

CLUSTER = "gapbench_cluster"
"""A column that is added where a suite's own task of this name says which documents ask the same."""
BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".arrow": "arrow", ".csv": "csv"}

Files = Mapping[str, Any]


@dataclass(frozen=True)
class SourceRows:
    """Rows by split, and where they came from: a repository and its commit, or files and their sha256."""

    splits: Mapping[str, Any]
    origin: str


def rows_of(
    task: str, config: Mapping[str, Any], data: TaskData | None, root: Path, splits: Sequence[str]
) -> SourceRows:
    """The rows that a task's YAML or its `data` setting names.

    Args:
        config: the keys `dataset_path`, `dataset_name` and `dataset_kwargs` of the YAML.
        splits: names of the task's validation, training and test split in the YAML; None where it has none.

    Raises:
        InputError: the data cannot be had, or cannot be read.
    """
    data = data or TaskData()
    if data.files_of is not None:
        return _pinned_files(task, data.files_of, splits)
    path = data.dataset_path or config["dataset_path"]
    name = data.dataset_name if data.dataset_path else data.dataset_name or config.get("dataset_name")
    own = {} if data.dataset_path else dict(config.get("dataset_kwargs") or {})
    kwargs = {**own, **data.dataset_kwargs}
    kwargs.pop("trust_remote_code", None)
    if kwargs.get("data_files") is not None:
        return _local_files(task, path, name, kwargs, data.labels, root)
    if data.labels:
        raise InputError(f"suite.data.{task}.labels: only local data_files have labels apart")
    commit = data.revision or kwargs.pop("revision", None)
    if commit is None or not re.fullmatch("[0-9a-f]{40}", commit):
        commit = dataset_commit(path, commit)
    loaded = _load(task, f"{path}@{commit}", path=path, name=name, revision=commit, **kwargs)
    return SourceRows(loaded, f"{path}@{commit}" + (f" ({name})" if name else ""))


def dataset_commit(repository: str, revision: str | None = None) -> str:
    """The commit that a branch or tag of a Hub data set stands for now, `main` by default.

    Raises:
        InputError: there is no such data set, or the Hub is out of reach.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HFValidationError, HTTPError

    try:
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("HF_HUB_OFFLINE is set")
        return str(HfApi().dataset_info(repository, revision=revision, timeout=30).sha)
    except (OSError, HTTPError, HFValidationError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(
            f"data set {repository}: its commit cannot be looked up on the Hub ({reason}): connect, name the "
            "`revision` and have it in the cache, or name local files under evaluation.suite.data"
        ) from None


def _load(task: str, shown: str, **arguments: Any) -> Any:
    import datasets

    quiet = datasets.utils.logging
    quiet.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(**arguments)
    # `datasets` raises many kinds of errors, Exception itself among them, on what it cannot read.
    except Exception as error:
        inner = error.__cause__ or error
        reason = (str(inner).splitlines() or [type(inner).__name__])[0][:160]
        raise InputError(
            f"task {task}: {shown} cannot be read ({reason}): check it, or name local files"
        ) from None


def _local_files(
    task: str, builder: str, name: str | None, kwargs: dict[str, Any], labels: Mapping[str, str], root: Path
) -> SourceRows:
    given = kwargs.pop("data_files")
    if not isinstance(given, Mapping):
        raise InputError(
            f"suite.data.{task}: data_files must name a file for each split, such as validation: FILE"
        )
    found = {split: [_file(task, one, root) for one in _listed(files)] for split, files in given.items()}
    for split in labels:
        if split not in found:
            raise InputError(f"suite.data.{task}.labels: no split '{split}'{nearest(split, found)}")
    answers = {split: _file(task, file, root) for split, file in labels.items()}
    return _from_files(task, builder, name, kwargs, found, answers)


def _listed(files: Any) -> list[Any]:
    return list(files) if isinstance(files, list | tuple) else [files]


def _from_files(
    task: str,
    builder: str,
    name: str | None,
    kwargs: Mapping[str, Any],
    found: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Path],
) -> SourceRows:
    shas = {path: sha256_of(path) for paths in [*found.values(), list(labels.values())] for path in paths}
    origin = ", ".join(f"{path.name} sha256 {sha}" for path, sha in shas.items())
    # `datasets` knows a file by its path and time. Its cache is named by the content here, so that it is never stale.
    key = hashlib.sha256(repr(sorted((str(path), sha) for path, sha in shas.items())).encode()).hexdigest()
    loaded = _load(
        task,
        " and ".join(str(path) for paths in found.values() for path in paths),
        path=builder,
        name=name,
        data_files={split: [str(path) for path in paths] for split, paths in found.items()},
        cache_dir=str(cache_folder() / "datasets" / key[:32]),
        **kwargs,
    )
    splits = {split: loaded[split] for split in found}
    for split, path in labels.items():
        splits[split] = _with_labels(splits[split], path)
    return SourceRows(splits, origin)


def _with_labels(rows: Any, path: Path) -> Any:
    lines = read_lines(path)
    if len(lines) != len(rows):
        raise InputError(f"{path} has {len(lines)} labels for {len(rows)} rows: give one per row")
    numbers = all(re.fullmatch(r"\d+", line) for line in lines)
    return rows.add_column("label", [int(line) for line in lines] if numbers else lines)


def _file(task: str, named: Any, root: Path) -> Path:
    """A file below the track's root, or one of `GAPBENCH_DATA`, or its pinned download: the first that is found."""
    if isinstance(named, Mapping):
        unknown = set(named) - {"path", "url", "sha256", "member"}
        if unknown or "path" not in named or ("url" in named) != ("sha256" in named):
            raise InputError(
                f"suite.data.{task}: a file is a path, or path with url and sha256, and member of an archive"
            )
        path = str(named["path"])
        pins = (
            {path: PublicSource(named["url"], named["sha256"], named.get("member"))} if "url" in named else {}
        )
        return (
            (root / path).resolve() if (root / path).is_file() else locate(path, sources={**SOURCES, **pins})
        )
    path = str(named)
    return (root / path).resolve() if (root / path).is_file() else locate(path)


def _pinned_files(task: str, suite: str, wanted: Sequence[str]) -> SourceRows:
    """The files that a suite of this repository pins for its task of the same name, with labels and clusters."""
    if suite not in suite_names():
        raise InputError(f"suite.data.{task}.files_of: no suite '{suite}'{nearest(suite, suite_names())}")
    file = TASKS_FOLDER / suite / f"{task}.yaml"
    if not file.is_file():
        names = [path.stem for path in (TASKS_FOLDER / suite).glob("[a-z]*.yaml")]
        raise InputError(
            f"suite.data.{task}.files_of: suite {suite} has no task '{task}'{nearest(task, names)}"
        )
    source: Files = load_yaml(file).get("dataset_kwargs", {})
    validation, training = wanted
    found: dict[str, list[Path]] = {}
    labels: dict[str, Path] = {}
    for name, split in (("validation", validation), ("train", training)):
        files = source.get(name) or ()
        if split is None or not files:
            continue
        try:
            path, chosen = _first(files)
        except InputError:
            # Without training files a task has no few-shot examples, and needs none.
            if name == "train":
                continue
            raise
        found[split] = [path]
        if "labels" in chosen and not any("label" in row for row in read_rows(path)[:1]):
            labels[split] = _first([chosen["labels"]])[0]
    builder = BUILDERS[found[validation][0].suffix]
    loaded = _from_files(task, builder, None, {}, found, labels)
    cluster = source.get("cluster")
    if cluster is None:
        return loaded
    return SourceRows(
        {split: _with_clusters(rows, cluster) for split, rows in loaded.splits.items()}, loaded.origin
    )


def _first(files: Sequence[Files]) -> tuple[Path, Files]:
    """The first of alternative files that can be had, and its entry."""
    pins = {
        file["path"]: PublicSource(file["url"], file["sha256"], file.get("member"))
        for file in files
        if "url" in file
    }
    path = locate(*(file["path"] for file in files), sources=pins)
    return path, next((file for file in files if path.as_posix().endswith(file["path"])), files[0])


def _with_clusters(rows: Any, form: Any) -> Any:
    values = [form(row) if callable(form) else row.get(form) for row in rows]
    if not any(isinstance(value, str) and value for value in values):
        return rows
    return rows.add_column(CLUSTER, [value if isinstance(value, str) and value else None for value in values])
