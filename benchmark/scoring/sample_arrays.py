"""Coded rows gathered into dense arrays, in an order that rows and files have no part in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.schema.stored_columns import NO_ARM, NO_TEXT
from benchmark.scoring.sample_batches import Chunk, Codes
from benchmark.statistics.design import FAMILIES, Floats, Ints, Layout, Task, numbered
from benchmark.tasks.metrics import TEXT_METRICS

SPLITS = ("select", "test")
METRICS = ("acc", *TEXT_METRICS)

Document = tuple[str, str, int]
Checkpoint = tuple[str, str, str, str, int, int]
"""A run: model, arm, corpus, text_id, seed, draw."""
RUN = ("model", "draw", "arm", "corpus", "text_id")
"""The strings that, with the seed, name a run or a base model."""
UNKNOWN = -1


class RepeatedRows(InputError):
    """Rows with the key of another row; `count` is how many."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"{count} rows repeat another row's key")


class _Part(NamedTuple):
    """Rows of one chunk by the numbers of their run or base model and of their document."""

    run: NDArray[np.int32]
    step: NDArray[np.int32]
    document: NDArray[np.int32]
    value: Floats
    probability: Floats | None


class Dense(NamedTuple):
    """Values by split: runs [runs, steps, held documents], base models [models, documents]; nan where none.

    `held[split]` are the positions in the split's layout of the documents that any run has. `models` are base models
    with their draws. `probabilities` and `base_probabilities` have the shapes of `values` and `bases`, and are empty
    where no row has one.
    """

    layouts: dict[str, Layout]
    runs: list[Checkpoint]
    steps: Ints
    held: dict[str, Ints]
    values: dict[str, Floats]
    models: list[tuple[str, int]]
    bases: dict[str, Floats]
    probabilities: dict[str, Floats]
    base_probabilities: dict[str, Floats]


class Gatherer:
    """Takes chunks in, checks what one row can show, and gives the dense arrays."""

    def __init__(self) -> None:
        self.track: str | None = None
        self._runs = Codes()
        self._is_base: list[bool] = []
        self._documents = Codes()
        self._tasks: dict[str, tuple[str, str]] = {}
        self._parts: list[_Part] = []
        self._clusters: dict[tuple[str, ...], int] = {}
        self._cluster_of = np.zeros(0, dtype=np.int64)

    def add(self, chunk: Chunk) -> None:
        """Code a chunk's rows. InputError for levels, values and steps that the schema does not have."""
        self._check_levels(chunk)
        self._check_values(chunk)
        run = self._code_runs(chunk)
        groups, names = chunk.grouped("split", "task")
        document = self._documents.add(groups, names, chunk.integers["doc_id"])
        self._code_clusters(chunk, document)
        step = chunk.integers["step"]
        wrong = np.flatnonzero(np.array(self._is_base)[run] != (step == 0))
        if len(wrong):
            row = int(wrong[0])
            what = f"step {step[row]} of model {chunk.text('model', row)}, arm {chunk.text('arm', row)}"
            raise InputError(
                f"{chunk.name}: {what}: a base model (arm {NO_ARM}) has step 0 only, a run steps 1 and up"
            )
        self._parts.append(
            _Part(
                run.astype(np.int32),
                step.astype(np.int32),
                document.astype(np.int32),
                chunk.values,
                chunk.probabilities,
            )
        )

    def _code_clusters(self, chunk: Chunk, document: Ints) -> None:
        """Note the cluster of each document (codes), and refuse a document with two."""
        grown = len(self._documents) - len(self._cluster_of)
        self._cluster_of = np.pad(self._cluster_of, (0, grown), constant_values=UNKNOWN)
        if chunk.clusters is None:
            return
        codes, levels = chunk.clusters
        named = replace(chunk, strings={**chunk.strings, "cluster": (codes + 1, ["", *levels])})
        groups, names = named.grouped("task", "cluster")
        code = np.array([self._clusters.setdefault(name, len(self._clusters)) for name in names])[groups]
        told = codes >= 0
        code, at = code[told], document[told]
        new = self._cluster_of[at] == UNKNOWN
        self._cluster_of[at[new]] = code[new]
        differs = self._cluster_of[at] != code
        if differs.any():
            row = int(np.flatnonzero(told)[np.flatnonzero(differs)[0]])
            other = list(self._clusters)[self._cluster_of[document[row]]][1]
            raise InputError(
                f"{chunk.name}: document {chunk.integers['doc_id'][row]} of task {chunk.text('task', row)} has "
                f"the clusters '{other}' and '{levels[int(codes[row])]}'; a document has one cluster"
            )

    def _check_levels(self, chunk: Chunk) -> None:
        for track in chunk.levels("track"):
            if self.track not in (None, track):
                raise InputError(
                    f"{chunk.name}: rows of tracks {self.track} and {track}; score one at a time"
                )
            self.track = track
        for column, allowed in (("split", SPLITS), ("family", FAMILIES), ("metric", METRICS)):
            for level in sorted(set(chunk.levels(column)) - set(allowed)):
                raise InputError(f"{chunk.name}: {column} '{level}' is unknown; use {' or '.join(allowed)}")
        for name, family, metric in chunk.grouped("task", "family", "metric")[1]:
            if self._tasks.setdefault(name, (family, metric)) != (family, metric):
                raise InputError(
                    f"{chunk.name}: task {name} is both {'/'.join(self._tasks[name])} and {family}/{metric}; "
                    "a task has one family and one metric"
                )

    @staticmethod
    def _check_values(chunk: Chunk) -> None:
        columns = {"value": chunk.values}
        if chunk.probabilities is not None:
            # No number means no probability: it is the one column that may have empty cells.
            columns["probability"] = np.nan_to_num(
                chunk.probabilities, nan=0.0, posinf=np.inf, neginf=-np.inf
            )
        for name, values in columns.items():
            bad = np.flatnonzero(~((values >= 0) & (values <= 1)))
            if len(bad):
                row = int(bad[0])
                where = f"task {chunk.text('task', row)}, doc_id {chunk.integers['doc_id'][row]}"
                raise InputError(f"{chunk.name}: {name} {values[row]} at {where} is not in [0, 1]")

    def _code_runs(self, chunk: Chunk) -> Ints:
        groups, names = chunk.grouped(*RUN)
        known = len(self._runs)
        codes = self._runs.add(groups, names, chunk.integers["seed"])
        for model, _draw, *rest in self._runs.keys()[known:] if len(self._runs) > known else ():
            is_base = NO_ARM in rest[:2]
            if is_base and tuple(rest) != (NO_ARM, NO_ARM, NO_TEXT, 0):
                raise InputError(
                    f"{chunk.name}: base model {model} must have arm and corpus '{NO_ARM}', text_id "
                    f"'{NO_TEXT}' and seed 0, not {', '.join(map(str, rest))}"
                )
            self._is_base.append(is_base)
        return codes

    def dense(self, tasks: Mapping[str, Mapping[str, Any]], recorded: Sequence[Checkpoint]) -> Dense:
        """The arrays of all rows taken in, which are given up. `recorded` runs are held without rows too."""
        declared = declared_tasks(self._tasks, tasks)
        coded = self._runs.keys()
        keys: list[Checkpoint] = [(model, *rest, int(draw)) for model, draw, *rest in coded]
        runs = sorted(
            {key for key, base in zip(keys, self._is_base, strict=True) if not base} | set(recorded)
        )
        models = sorted((key[0], key[-1]) for key, base in zip(keys, self._is_base, strict=True) if base)
        number = {key: place for place, key in enumerate(runs)}
        number |= {
            (model, NO_ARM, NO_ARM, NO_TEXT, 0, draw): place for place, (model, draw) in enumerate(models)
        }
        run_at = np.array([number[key] for key in keys], dtype=np.int64)
        is_base = np.array(self._is_base, dtype=bool)
        documents = _sorted_documents(self._documents.keys(), declared)
        document_at = _places(self._documents.keys(), documents)
        held, steps = self._held(is_base, document_at, len(documents))
        column_at = np.cumsum(held) - 1
        values = np.full((len(runs), len(steps), int(held.sum())), np.nan)
        bases = np.full((len(models), len(documents)), np.nan)
        finer = any(part.probability is not None for part in self._parts)
        probabilities = np.full_like(values, np.nan) if finer else None
        base_probabilities = np.full_like(bases, np.nan) if finer else None
        rows = 0
        for part in _drained(self._parts):
            document, run, base = document_at[part.document], run_at[part.run], is_base[part.run]
            treated = ~base
            of_base = run[base], document[base]
            of_run = run[treated], np.searchsorted(steps, part.step[treated]), column_at[document[treated]]
            bases[of_base], values[of_run] = part.value[base], part.value[treated]
            if part.probability is not None and base_probabilities is not None and probabilities is not None:
                base_probabilities[of_base] = part.probability[base]
                probabilities[of_run] = part.probability[treated]
            rows += len(base)
        found = sum(np.count_nonzero(~np.isnan(block)) for block in (*values, bases))
        if found != rows:
            raise RepeatedRows(int(rows - found))
        whole = Dense(
            {},
            runs,
            steps,
            {},
            {"": values},
            models,
            {"": bases},
            {} if probabilities is None else {"": probabilities},
            {} if base_probabilities is None else {"": base_probabilities},
        )
        clusters = np.empty(len(documents), dtype=np.int64)
        own = len(self._clusters) + np.arange(len(documents))
        clusters[document_at] = np.where(self._cluster_of == UNKNOWN, own, self._cluster_of)
        return _split(whole, documents, declared, held, clusters)

    def _held(
        self, is_base: NDArray[np.bool_], document_at: Ints, size: int
    ) -> tuple[NDArray[np.bool_], Ints]:
        """Which documents any run has [documents], and the steps of runs."""
        held = np.zeros(size, dtype=bool)
        steps: set[int] = set()
        for part in self._parts:
            of_run = ~is_base[part.run]
            held[document_at[part.document[of_run]]] = True
            steps.update(np.flatnonzero(np.bincount(part.step[of_run])).tolist())
        return held, np.array(sorted(steps) or [1], dtype=np.int64)


def _split(
    whole: Dense,
    documents: list[Document],
    tasks: tuple[Task, ...],
    held: NDArray[np.bool_],
    clusters: Ints,
) -> Dense:
    """The arrays by split: documents are sorted by split first, so each split is a slice."""
    before = np.concatenate([[0], np.cumsum(held)])
    for split in SPLITS:
        places = [place for place, key in enumerate(documents) if key[0] == split]
        if places:
            first, end = places[0], places[-1] + 1
            whole.layouts[split] = _layout(tasks, documents[first:end], split, clusters[first:end])
            whole.held[split] = np.flatnonzero(held[first:end])
            for of_runs in (whole.values, whole.probabilities):
                if of_runs:
                    of_runs[split] = of_runs[""][:, :, before[first] : before[end]]
            for of_bases in (whole.bases, whole.base_probabilities):
                if of_bases:
                    of_bases[split] = of_bases[""][:, first:end]
    for arrays in (whole.values, whole.bases, whole.probabilities, whole.base_probabilities):
        arrays.pop("", None)
    return whole


def _drained(parts: list[_Part]) -> Iterator[_Part]:
    while parts:
        yield parts.pop()


def _places(keys: Sequence[Document], ordered: Sequence[Document]) -> Ints:
    place = {key: number for number, key in enumerate(ordered)}
    return np.array([place[key] for key in keys], dtype=np.int64)


def _sorted_documents(keys: Sequence[Document], tasks: tuple[Task, ...]) -> list[Document]:
    number = {task.name: place for place, task in enumerate(tasks)}
    ordered = sorted(keys, key=lambda key: (key[0], number[key[1]], key[2]))
    chosen = {key[1:] for key in ordered if key[0] == "select"}
    for split, task, doc_id in ordered:
        if split == "test" and (task, doc_id) in chosen:
            raise InputError(
                f"task {task}: document {doc_id} is in both select and test; splits are disjoint"
            )
    return ordered


def _layout(tasks: tuple[Task, ...], documents: list[Document], split: str, clusters: Ints) -> Layout:
    number = {task.name: place for place, task in enumerate(tasks)}
    task_of = np.array([number[task] for _, task, _ in documents], dtype=np.int64)
    for place in np.setdiff1d(np.arange(len(tasks)), task_of):
        name = tasks[int(place)].name
        raise InputError(f"task {name} has no document in split {split}; give every task both splits")
    doc_id = np.array([doc_id for _, _, doc_id in documents], dtype=np.int64)
    return Layout(tasks, task_of, doc_id, numbered(clusters))


def declared_tasks(
    found: Mapping[str, tuple[str, str]], declared: Mapping[str, Mapping[str, Any]]
) -> tuple[Task, ...]:
    """The tasks that occur, by family and name, with their chance from tasks.json (0 without it)."""
    tasks = []
    for name in sorted(found):
        family, metric = found[name]
        given = declared.get(name, {})
        for field, value in (("family", family), ("metric", metric)):
            if given.get(field, value) != value:
                raise InputError(
                    f"tasks file: {field} of {name} is {given[field]} but {value} in the samples; change one"
                )
        chance = given.get("chance", 0.0)
        if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance < 1:
            raise InputError(f"tasks file: chance of {name} is {chance!r}; give a number in [0, 1)")
        tasks.append(Task(name, family, metric, float(chance)))
    return tuple(sorted(tasks, key=lambda task: (task.family, task.name)))
