"""Which documents a score stands on, and how documents, tasks and families weigh in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.schema.stored_columns import ALL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHOICE_METRICS = ("acc", "acc_norm")
"""Metrics of an answer that is chosen among several; other metrics grade a text that is written."""


@dataclass(frozen=True)
class Task:
    """One task: its family, its metric (such as `acc` or `f1`) and the score that chance gives, in [0, 1]."""

    name: str
    family: str
    metric: str
    chance: float = 0.0

    @property
    def written(self) -> bool:
        """Whether its metric grades a text that is written: chance is then 0, and the reference has a loss."""
        return self.metric not in CHOICE_METRICS


@dataclass(frozen=True)
class Layout:
    """Documents of one split, sorted by task and then `doc_id`; every task has at least one.

    Families stand in the order of their first task.

    `task_of` [documents] indexes `tasks`; `doc_id` [documents] is the row number in the source split. `cluster`
    [documents] numbers the clusters of documents that ask alike (one fact, one template), each inside one task;
    left out, each document is a cluster of its own.
    """

    tasks: tuple[Task, ...]
    task_of: Ints
    doc_id: Ints
    cluster: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if len(self.cluster) != len(self.task_of):
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
    def chance(self) -> Floats:
        """Chance score of each document [documents]."""
        return np.array([task.chance for task in self.tasks], dtype=np.float64)[self.task_of]

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The families that have tasks."""
        return tuple(dict.fromkeys(task.family for task in self.tasks))

    @cached_property
    def family_scopes(self) -> tuple[str, ...]:
        """The scopes of single families; `all` where there is one family, so that no scope stands there twice."""
        return self.families if len(self.families) > 1 else (ALL,)

    @cached_property
    def summary_scopes(self) -> tuple[str, ...]:
        """`all`, then the families where there are several."""
        return tuple(dict.fromkeys((ALL, *self.family_scopes)))

    @cached_property
    def finer_scopes(self) -> tuple[str, ...]:
        """The scopes of the finer measure, which is averaged inside a family only: families, then tasks."""
        return (*self.family_scopes, *(task.name for task in self.tasks))

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The summary scopes, then the tasks by name."""
        return (*self.summary_scopes, *(task.name for task in self.tasks))

    @cached_property
    def scope_weights(self) -> Floats:
        """Weights [scopes, tasks] whose rows sum to 1: a scope is the plain mean over its tasks."""
        member = np.array(
            [[scope in (ALL, task.family, task.name) for task in self.tasks] for scope in self.scopes],
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

    def is_in(self, scope: str) -> NDArray[np.bool_]:
        """Whether each document belongs to a scope [documents]."""
        return np.asarray(self.scope_weights[self.scopes.index(scope)] > 0)[self.task_of]

    def scope_documents(self) -> Ints:
        """Documents behind each scope [scopes]."""
        return np.asarray((self.scope_weights > 0) @ self.counts, dtype=np.int64)

    @cached_property
    def clusters(self) -> "Clusters | None":
        """The clusters; None where every document is its own."""
        joined = self.task_of * (self.cluster.max(initial=0) + 1) + self.cluster
        _, numbers = np.unique(joined, return_inverse=True)
        sizes = np.bincount(numbers)
        if len(sizes) == self.size:
            return None
        order = np.argsort(numbers, kind="stable").astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        return Clusters(order, starts, self.task_of[order][starts])

    def cluster_sums(self, values: NDArray[Any]) -> Floats:
        """Sum over each cluster's documents: [..., documents] -> [..., clusters], clusters sorted by task."""
        if self.clusters is None:
            return np.asarray(values, dtype=np.float64)
        return np.asarray(
            np.add.reduceat(values[..., self.clusters.order], self.clusters.starts, axis=-1), dtype=np.float64
        )

    @cached_property
    def cluster_task(self) -> Ints:
        """The task of each cluster [clusters]."""
        return self.task_of if self.clusters is None else self.clusters.task_of

    @cached_property
    def cluster_starts(self) -> Ints:
        """First cluster of each task [tasks]."""
        return np.searchsorted(self.cluster_task, np.arange(len(self.tasks))).astype(np.int64)

    @cached_property
    def effective_clusters(self) -> Floats:
        """Clusters of equal size that tell as much as those of each task [tasks]: n^2 / sum of squared sizes.

        It is the number of documents where each is its own cluster (Carter, Schnepel & Steigerwald 2017).
        """
        sizes = self.cluster_sums(np.ones(self.size))
        squares = np.add.reduceat(sizes**2, self.cluster_starts)
        return np.asarray(self.counts**2 / squares, dtype=np.float64)

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
class Clusters:
    """Documents by cluster: their `order` [documents], where each cluster begins in it, and its task [clusters]."""

    order: Ints
    starts: Ints
    task_of: Ints


@dataclass(frozen=True)
class DocumentScores:
    """Test scores by unit and document of one entry, or of one base model.

    A unit is what chance repeats: a pretraining draw (`by` is "draw") or, where an entry's base model has one
    draw, a text (`by` is "text"). `values` is [units, documents] at the selected step, seeds averaged, and for
    draws the texts of each draw as well. `start` [units, documents] are the scores of the base model that each
    unit starts from; a base model has none, and its units are its draws. `columns` [documents] are sorted
    positions in the track's test layout. `finer` are `values` and `start` in the probability of the right
    answer, None where it was not stored.
    """

    model: str
    arm: str
    corpus: str
    units: tuple[str, ...]
    columns: Ints
    values: Floats
    start: Floats | None = None
    by: Literal["draw", "text"] = "text"
    n_texts: int = 0
    finer: "tuple[Floats, Floats | None] | None" = None

    @property
    def key(self) -> tuple[str, str, str]:
        """(model, arm, corpus)."""
        return self.model, self.arm, self.corpus

    @property
    def is_base(self) -> bool:
        """Whether it is an unmodified model's."""
        return self.start is None

    @property
    def name(self) -> str:
        """How a message names it."""
        return self.model if self.is_base else "/".join(self.key)

    @property
    def n_draws(self) -> int:
        """Pretraining draws behind it."""
        return len(self.units) if self.by == "draw" else 1

    def on(self, measure: str) -> "DocumentScores | None":
        """The same in another measure, `score` or `probability`; None where that was not stored."""
        if measure == "score":
            return self
        if self.finer is None:
            return None
        values, start = self.finer
        return replace(self, values=values, start=start, finer=None)

    def on_columns(self, columns: Ints) -> "DocumentScores":
        """The same scores on some of its documents."""
        finer = None
        if self.finer is not None:
            values, start = self.finer
            finer = self._at(values, columns), None if start is None else self._at(start, columns)
        return replace(
            self,
            columns=columns,
            values=self.at(columns),
            start=None if self.start is None else self._at(self.start, columns),
            finer=finer,
        )

    def at(self, columns: Ints) -> Floats:
        """Values at positions of the test layout that it holds: [units, len(columns)]."""
        return self._at(self.values, columns)

    def gains_at(self, columns: Ints, units: Sequence[str] | None = None) -> Floats:
        """Values minus those of the own base model, like `at`; of `units` in their order, all by default."""
        if self.start is None:
            raise ValueError(f"{self.name}: a base model has no gain")
        gains = self._at(self.values - self.start, columns)
        return gains if units is None else gains[[self.units.index(unit) for unit in units]]

    def _at(self, values: Floats, columns: Ints) -> Floats:
        if len(columns) == len(self.columns):
            return values
        return values[:, np.searchsorted(self.columns, columns)]


def shared_columns(*scores: DocumentScores) -> Ints:
    """Positions of the test layout that all `scores` hold, sorted."""
    columns = scores[0].columns
    for other in scores[1:]:
        if len(columns) != len(other.columns) or not np.array_equal(columns, other.columns):
            columns = np.intersect1d(columns, other.columns, assume_unique=True)
    return columns
