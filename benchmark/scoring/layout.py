"""Which documents a score stands on, and how documents, tasks and families weigh in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FAMILIES = ("classification", "dialogue")
SUMMARY_SCOPES = ("all", *FAMILIES)


@dataclass(frozen=True)
class Task:
    """One task: its family, its metric (`acc` or `f1`) and the score that chance gives, in [0, 1]."""

    name: str
    family: str
    metric: str
    chance: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Documents of one split, sorted by task and then `doc_id`; every task has at least one.

    `task_of` [documents] indexes `tasks`; `doc_id` [documents] is the row number in the source split. `cluster`
    [documents] numbers the clusters of documents that ask the same, of one task each, from 0 in the order of their
    first documents; left out, each document is a cluster of its own.
    """

    tasks: tuple[Task, ...]
    task_of: Ints
    doc_id: Ints
    cluster: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.cluster):
            object.__setattr__(self, "cluster", np.arange(len(self.task_of), dtype=np.int64))

    @cached_property
    def starts(self) -> Ints:
        """First document of each task [tasks]."""
        return np.searchsorted(self.task_of, np.arange(len(self.tasks))).astype(np.int64)

    @cached_property
    def counts(self) -> Ints:
        """Documents of each task [tasks]."""
        return np.bincount(self.task_of, minlength=len(self.tasks)).astype(np.int64)

    @property
    def size(self) -> int:
        """Number of documents."""
        return len(self.task_of)

    @cached_property
    def task_of_cluster(self) -> Ints:
        """The task of each cluster [clusters]."""
        found = np.zeros(int(self.cluster.max(initial=-1)) + 1, dtype=np.int64)
        found[self.cluster] = self.task_of
        return found

    @cached_property
    def cluster_counts(self) -> Ints:
        """Clusters of each task [tasks]."""
        return np.bincount(self.task_of_cluster, minlength=len(self.tasks)).astype(np.int64)

    @cached_property
    def chance(self) -> Floats:
        """Chance score of each document [documents]."""
        return np.array([task.chance for task in self.tasks], dtype=np.float64)[self.task_of]

    @cached_property
    def summary_scopes(self) -> tuple[str, ...]:
        """`all`, then the families that have tasks."""
        present = {task.family for task in self.tasks}
        return ("all", *(family for family in FAMILIES if family in present))

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The summary scopes, then the tasks by name."""
        return (*self.summary_scopes, *(task.name for task in self.tasks))

    @cached_property
    def scope_weights(self) -> Floats:
        """Weights [scopes, tasks] whose rows sum to 1: a scope is the plain mean over its tasks."""
        member = np.array(
            [[scope in ("all", task.family, task.name) for task in self.tasks] for scope in self.scopes],
            dtype=np.float64,
        )
        return np.asarray(member / member.sum(axis=1, keepdims=True), dtype=np.float64)

    def task_means(self, values: NDArray[Any]) -> Floats:
        """Mean over each task's documents: [..., documents] -> [..., tasks]."""
        sums = np.add.reduceat(values, self.starts, axis=-1)
        return np.asarray(sums / self.counts, dtype=np.float64)

    def scope_means(self, values: NDArray[Any]) -> Floats:
        """Score by scope: [..., documents] -> [..., scopes]."""
        return np.asarray(self.task_means(values) @ self.scope_weights.T, dtype=np.float64)

    def scope_documents(self) -> Ints:
        """Documents behind each scope [scopes]."""
        return np.asarray((self.scope_weights > 0) @ self.counts, dtype=np.int64)

    def subset(self, columns: Ints, what: str) -> "Layout":
        """The layout of some of its documents (sorted positions); `what` names them in a refusal.

        Raises InputError where a task would be left without a document.
        """
        if len(columns) == self.size:
            return self
        task_of = self.task_of[columns]
        empty = np.flatnonzero(np.bincount(task_of, minlength=len(self.tasks)) == 0)
        if len(empty):
            raise InputError(
                f"{what}: no shared test document of task {self.tasks[int(empty[0])].name}; "
                "score both on the same documents"
            )
        return Layout(self.tasks, task_of, self.doc_id[columns], numbered(self.cluster[columns]))


def numbered(codes: Ints) -> Ints:
    """The same codes as numbers from 0 in the order of appearance [documents]."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


@dataclass(frozen=True)
class DocumentScores:
    """Test scores by text and document of one entry, or of one base model.

    `values` is [texts, documents], seeds averaged, at the selected step; a base model has one row and no
    `texts`. `columns` [documents] are sorted positions in the track's test layout. `probability` is the finer
    measure in the shape of `values`; None where the samples have none.
    """

    model: str
    arm: str
    corpus: str
    texts: tuple[str, ...]
    columns: Ints
    values: Floats
    probability: Floats | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """(model, arm, corpus)."""
        return self.model, self.arm, self.corpus

    @property
    def name(self) -> str:
        """How a message names it."""
        return "/".join(self.key) if self.texts else self.model

    def at(self, columns: Ints) -> Floats:
        """Values at positions of the test layout that it holds: [texts, len(columns)]."""
        return self._taken(self.values, columns)

    def probability_at(self, columns: Ints) -> Floats | None:
        """Probabilities at the same positions, in the same shape; None where there are none."""
        return None if self.probability is None else self._taken(self.probability, columns)

    def on(self, columns: Ints) -> "DocumentScores":
        """The same scores on some of its documents."""
        return replace(
            self, columns=columns, values=self.at(columns), probability=self.probability_at(columns)
        )

    def _taken(self, values: Floats, columns: Ints) -> Floats:
        if len(columns) == len(self.columns):
            return values
        return values[:, np.searchsorted(self.columns, columns)]

    def rows(self, texts: Sequence[str]) -> Ints:
        """Row numbers of `texts`."""
        place = {text: row for row, text in enumerate(self.texts)}
        return np.array([place[text] for text in texts], dtype=np.int64)


def shared_columns(*scores: DocumentScores) -> Ints:
    """Positions of the test layout that all `scores` hold, sorted."""
    columns = scores[0].columns
    for other in scores[1:]:
        if len(columns) != len(other.columns) or not np.array_equal(columns, other.columns):
            columns = np.intersect1d(columns, other.columns, assume_unique=True)
    return columns
