"""The setting `evaluation.suite` as a list of lm-eval's task names."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from benchmark.settings.names import Commit, check_name, nearest
from benchmark.settings.section import Listed, Section, Seed

BY_NAME, BY_TASKS = "suite by name", "suite by tasks"
"""The two forms of the setting, as pydantic's messages tag them."""


class TaskData(Section):
    """Where the rows of a task come from, in place of the data set that its YAML names.

    Either `files_of`, a suite of this repository whose task of the same name pins the files; or lm-eval's own keys,
    with local files in `dataset_kwargs.data_files`: by split a path, a list of paths, or a mapping of `path`, `url`,
    `sha256` and `member` of a zip archive. A path is below the track's root or `GAPBENCH_DATA`. `labels` names by
    split a file with one label per line, which becomes the column `label`.
    """

    files_of: str | None = None
    dataset_path: str | None = None
    dataset_name: str | None = None
    dataset_kwargs: Mapping[str, Any] = {}
    revision: Commit | None = None
    labels: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.files_of is not None and self.model_fields_set != {"files_of"}:
            raise ValueError("files_of names all files: leave the other keys out")
        return self


class TaskSuite(Section):
    """A suite of lm-eval's tasks and groups, by their names.

    Attributes:
        families: a family's name and its tasks or groups; without them a task's family is its form.
        folder: a folder of lm-eval YAML of one's own, below the track's root; its tasks come before lm-eval's.
        data: by task or group, where rows come from instead of the Hub.
        clusters: by task or group, the column whose equal values mark documents that ask the same.
        metrics: by task or group, the metric that is reported, such as `acc_norm` or `exact_match,flexible-extract`.
        num_fewshot: examples per prompt in place of the YAML's number; a task whose YAML says 0 keeps it.
        fewshot_seed: draws the examples; the default is lm-eval's.
    """

    name: str
    tasks: Listed[str] = Field(min_length=1)
    families: Mapping[str, Listed[str]] = {}
    folder: str | None = None
    data: Mapping[str, TaskData] = {}
    clusters: Mapping[str, str] = {}
    metrics: Mapping[str, str] = {}
    num_fewshot: int | None = Field(default=None, ge=0, le=64)
    fewshot_seed: Seed = 1234

    @model_validator(mode="after")
    def _names(self) -> Self:
        check_name(self.name)
        if re.search(r"-\d+shot$", self.name):
            raise ValueError(f"name {self.name!r} ends like a few-shot variant: choose another")
        for family in self.families:
            check_name(family)
            if family == "all" or family in self.tasks:
                raise ValueError(
                    f"families: {family!r} already names a scope of the results: choose another name"
                )
        return self

    @model_validator(mode="after")
    def _each_in_one_family(self) -> Self:
        members = [task for tasks in self.families.values() for task in tasks]
        for task in members:
            if task not in self.tasks:
                raise ValueError(f"families: no task '{task}' in the suite{nearest(task, self.tasks)}")
            if members.count(task) > 1:
                raise ValueError(f"families: '{task}' is named twice: a task has one family")
        left = [task for task in self.tasks if self.families and task not in members]
        if left:
            raise ValueError(f"families: '{left[0]}' is in none: add it to one")
        return self

    @model_validator(mode="after")
    def _folder_of_the_track(self) -> Self:
        # A submission's files are data, and a folder of tasks is code.
        parts = PurePosixPath(self.folder or ".").parts
        if "submissions" in parts:
            raise ValueError(
                f"folder: {self.folder} holds submissions, whose files are never run: use your own folder"
            )
        return self


def _form(value: Any) -> str:
    return BY_NAME if isinstance(value, str) else BY_TASKS


SuiteChoice = Annotated[
    Annotated[str, Tag(BY_NAME)] | Annotated[TaskSuite, Tag(BY_TASKS)], Discriminator(_form)
]
