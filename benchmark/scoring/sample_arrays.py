"""Build score arrays from coded rows. The result does not depend on the order of rows or files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.schema.result_columns import family_fault
from benchmark.schema.stored_columns import NO_ARM, NO_TEXT
from benchmark.scoring.samples import RunKey, Samples
from benchmark.statistics.design import CHOICE_METRICS, Floats, Ints, Layout, Task, numbered
from benchmark.tasks.metrics import TEXT_METRICS

SPLITS = ("select", "test")
METRICS = tuple(dict.fromkeys((*CHOICE_METRICS, *TEXT_METRICS, "exact_match")))

Document = tuple[str, str, int]
LARGEST = 1 << 40
RUN = ("model", "draw", "arm", "corpus", "text_id")
"""The strings that, with the seed, name a run or a base model."""
UNKNOWN = -1


@dataclass(frozen=True)
class Chunk:
    """Some rows of the file `name`: strings as (codes [rows], levels), integers and `values` as [rows].

    The draw is among the strings, "0" where none is named. `clusters`: codes are -1 where none is named, None where
    the file has no such column. `probabilities` [rows]: nan where there is none, None likewise.
    """

    name: str
    strings: dict[str, tuple[Ints, list[str]]]
    integers: dict[str, Ints]
    values: Floats
    clusters: tuple[Ints, list[str]] | None = None
    probabilities: Floats | None = None

    def levels(self, column: str) -> list[str]:
        """The distinct strings of a column that occur."""
        codes, levels = self.strings[column]
        return [levels[code] for code in np.flatnonzero(np.bincount(codes, minlength=len(levels)))]

    def text(self, column: str, row: int) -> str:
        """The string at one row."""
        codes, levels = self.strings[column]
        return levels[int(codes[row])]

    def grouped(self, *columns: str) -> tuple[Ints, list[tuple[str, ...]]]:
        """Group number of each row [rows] by string columns, and each group's strings."""
        joined = np.zeros(len(self.values), dtype=np.int64)
        for column in columns:
            codes, levels = self.strings[column]
            if len(levels) > 1:
                joined = joined * len(levels) + codes
        groups, unique = pd.factorize(joined)
        return groups, [self._strings(code, columns) for code in unique.tolist()]

    def _strings(self, code: int, columns: Sequence[str]) -> tuple[str, ...]:
        parts = []
        for column in reversed(columns):
            levels = self.strings[column][1]
            code, place = divmod(code, len(levels))
            parts.append(levels[place])
        return tuple(reversed(parts))


@dataclass
class Codes:
    """Numbers for pairs of a group and an integer, 0 up in order of appearance."""

    _groups: dict[tuple[str, ...], int] = field(default_factory=dict)
    _known: pd.Index = field(default_factory=lambda: pd.Index([], dtype=np.int64))

    def __len__(self) -> int:
        return len(self._known)

    def add(self, groups: Ints, names: Sequence[tuple[str, ...]], numbers: Ints) -> Ints:
        """The number of each row's pair [rows]; `groups` [rows] index `names`, `numbers` lie below 2**40."""
        place = [self._groups.setdefault(name, len(self._groups)) for name in names]
        pairs = pd.Index(np.array(place, dtype=np.int64)[groups] * LARGEST + numbers)
        codes = self._known.get_indexer(pairs)
        if (codes < 0).any():
            self._known = self._known.append(pairs[codes < 0].unique())
            codes = self._known.get_indexer(pairs)
        return codes.astype(np.int64)

    def keys(self) -> list[tuple[Any, ...]]:
        """(*group, integer) of each number, in order."""
        names = list(self._groups)
        return [(*names[pair // LARGEST], pair % LARGEST) for pair in self._known.tolist()]


class _Part(NamedTuple):
    """Rows of one chunk by the numbers of their run or base model and of their document."""

    run: NDArray[np.int32]
    step: NDArray[np.int32]
    document: NDArray[np.int32]
    value: Floats
    probability: Floats | None


@dataclass
class Gatherer:
    """Takes chunks in, checks what one row can show, and gives the samples."""

    track: str | None = None
    _runs: Codes = field(default_factory=Codes)
    _is_base: list[bool] = field(default_factory=list)
    _documents: Codes = field(default_factory=Codes)
    _tasks: dict[str, tuple[str, str]] = field(default_factory=dict)
    _parts: list[_Part] = field(default_factory=list)
    _clusters: dict[tuple[str, ...], int] = field(default_factory=dict)
    _cluster_of: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

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
        short = run.astype(np.int32), step.astype(np.int32), document.astype(np.int32)
        self._parts.append(_Part(*short, chunk.values, chunk.probabilities))

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
        named_rows = codes >= 0
        code, at = code[named_rows], document[named_rows]
        new = self._cluster_of[at] == UNKNOWN
        self._cluster_of[at[new]] = code[new]
        differs = self._cluster_of[at] != code
        if differs.any():
            row = int(np.flatnonzero(named_rows)[np.flatnonzero(differs)[0]])
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
        for column, allowed in (("split", SPLITS), ("metric", METRICS)):
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

    def samples(
        self,
        tasks: Mapping[str, Mapping[str, Any]],
        families: Iterable[str],
        recorded: Iterable[RunKey],
        again: Iterable[Chunk],
    ) -> Samples:
        """The samples of all rows taken in, which are given up. `recorded` runs need no rows.

        `families` gives their order; those that it does not name follow by name.
        `again` are the same chunks, read a second time only to name a row that another one repeats.
        """
        declared = declared_tasks(self._tasks, tasks, families)
        coded = self._runs.keys()
        keys = [
            RunKey(model, arm, corpus, text, seed, int(draw))
            for model, draw, arm, corpus, text, seed in coded
        ]
        is_base = np.array(self._is_base, dtype=bool)
        runs = sorted({key for key, base in zip(keys, is_base, strict=True) if not base} | set(recorded))
        models = sorted(key.base for key, base in zip(keys, is_base, strict=True) if base)
        number = {key: place for place, key in enumerate(runs)} | {
            RunKey(model, NO_ARM, NO_ARM, NO_TEXT, 0, draw): place
            for place, (model, draw) in enumerate(models)
        }
        run_at = np.array([number[key] for key in keys], dtype=np.int64)
        documents = _sorted_documents(self._documents.keys(), declared)
        document_at = _places(self._documents.keys(), documents)
        held, steps = self._held(is_base, document_at, len(documents))
        before = np.concatenate([[0], np.cumsum(held)])
        has_probability = any(part.probability is not None for part in self._parts)
        arrays = {
            name: (
                np.full((len(runs), len(steps), before[-1]), np.nan),
                np.full((len(models), len(documents)), np.nan),
            )
            for name in ("value", "probability")[: 1 + has_probability]
        }
        rows = 0
        for part in _drained(self._parts):
            document, run, base = document_at[part.document], run_at[part.run], is_base[part.run]
            treated = ~base
            at_run = run[treated], np.searchsorted(steps, part.step[treated]), before[document[treated]]
            for name, column in (("value", part.value), ("probability", part.probability)):
                if column is not None:
                    for_runs, for_bases = arrays[name]
                    for_runs[at_run], for_bases[run[base], document[base]] = column[treated], column[base]
            rows += len(base)
        found = sum(np.count_nonzero(~np.isnan(block)) for block in (*arrays["value"][0], arrays["value"][1]))
        if found != rows:
            raise InputError(
                f"{rows - found} rows repeat another row's key: {repeated_row(again)}; a checkpoint has one row per "
                "document, so give each file once and fix what wrote the rows"
            )
        clusters = np.empty(len(documents), dtype=np.int64)
        own = len(self._clusters) + np.arange(len(documents))
        clusters[document_at] = np.where(self._cluster_of == UNKNOWN, own, self._cluster_of)
        # Documents are sorted by split first, so that each split is a slice.
        ends = np.searchsorted([split for split, _, _ in documents], [*SPLITS, "~"])
        places = {
            split: slice(first, end)
            for split, first, end in zip(SPLITS, ends, ends[1:], strict=False)
            if first < end
        }

        of_runs = {
            name: {split: block[:, :, before[at.start] : before[at.stop]] for split, at in places.items()}
            for name, (block, _) in arrays.items()
        }
        of_bases = {
            name: {split: dict(zip(models, block[:, at], strict=True)) for split, at in places.items()}
            for name, (_, block) in arrays.items()
        }
        assert self.track is not None
        return Samples(
            track=self.track,
            layouts={
                split: _layout(declared, documents[place], split, clusters[place])
                for split, place in places.items()
            },
            runs=tuple(runs),
            steps=steps,
            held={split: np.flatnonzero(held[place]) for split, place in places.items()},
            values=of_runs["value"],
            bases=of_bases["value"],
            probabilities=of_runs.get("probability", {}),
            base_probabilities=of_bases.get("probability", {}),
        )

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
    for task in tasks:
        if fault := family_fault(task.family):
            raise InputError(f"task {task.name}: no family can be called '{task.family}': {fault}")
    number = {task.name: place for place, task in enumerate(tasks)}
    task_of = np.array([number[task] for _, task, _ in documents], dtype=np.int64)
    for place in np.setdiff1d(np.arange(len(tasks)), task_of):
        name = tasks[int(place)].name
        raise InputError(f"task {name} has no document in split {split}; give every task both splits")
    doc_id = np.array([doc_id for _, _, doc_id in documents], dtype=np.int64)
    return Layout(tasks, task_of, doc_id, numbered(clusters))


def declared_tasks(
    found: Mapping[str, tuple[str, str]],
    declared: Mapping[str, Mapping[str, Any]],
    families: Iterable[str] = (),
) -> tuple[Task, ...]:
    """The tasks that occur, by family and name, with their chance from tasks.json (0 without it).

    Families stand in the order of `families`, then by name.
    """
    present = {family for family, _ in found.values()}
    for name in sorted(present & set(found)):
        raise InputError(f"family {name} has the name of a task: give one of the two another name")
    order = list(dict.fromkeys([*families, *sorted(present)]))
    tasks = []
    for name in sorted(found):
        family, metric = found[name]
        given = declared.get(name, {})
        for key, value in (("family", family), ("metric", metric)):
            if given.get(key, value) != value:
                raise InputError(
                    f"tasks file: {key} of {name} is {given[key]} but {value} in the samples; change one"
                )
        chance = given.get("chance", 0.0)
        if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance < 1:
            raise InputError(f"tasks file: chance of {name} is {chance!r}; give a number in [0, 1)")
        tasks.append(Task(name, family, metric, float(chance)))
    return tuple(sorted(tasks, key=lambda task: (order.index(task.family), task.name)))


KEY = ["run", "step", "document"]


def repeated_row(chunks: Iterable[Chunk]) -> str:
    """The key of the first row that another one repeats, and the files that hold it, as part of a sentence.

    A second reading of the files: the first, which nearly always finds no repeat, need not keep for each row
    where it came from. Raises IndexError where no row is repeated.
    """
    runs, documents = Codes(), Codes()
    names: list[str] = []
    parts = []
    for chunk in chunks:
        if chunk.name not in names:
            names.append(chunk.name)
        run = runs.add(*chunk.grouped(*RUN), chunk.integers["seed"])
        document = documents.add(*chunk.grouped("split", "task"), chunk.integers["doc_id"])
        part = pd.DataFrame({"run": run, "step": chunk.integers["step"], "document": document})
        parts.append(part.astype("int32").assign(file=len(names) - 1))
    rows = pd.concat(parts, ignore_index=True)
    repeated = rows[rows.duplicated(KEY, keep=False)]
    run, step, document = repeated[KEY].to_numpy().tolist()[0]
    same = repeated[(repeated[KEY] == [run, step, document]).all(axis=1)]
    files = [names[number] for number in same["file"].unique()]
    where = f"{' and '.join(files)} hold" if len(files) > 1 else f"{files[0]} holds twice"
    model, draw, *rest = runs.keys()[run]
    key = "/".join(map(str, (model, *rest))) + (f", draw {draw}" if draw != "0" else "")
    split, task, doc_id = documents.keys()[document]
    return f"{where} {key}, step {step}, {split} document {doc_id} of task {task}"
