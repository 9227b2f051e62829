"""Sample tables read into dense arrays: runs x steps x documents, a vector a base model; bad ones refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.schema import NO_ARM, NO_TEXT
from benchmark.scoring.columns import Chunk, read_chunks
from benchmark.scoring.layout import FAMILIES, Floats, Ints, Layout, Task

SPLITS = ("select", "test")
METRICS = ("acc", "f1")


class RunKey(NamedTuple):
    """What identifies a run inside a track."""

    model: str
    arm: str
    corpus: str
    text_id: str
    seed: int

    @property
    def entry(self) -> tuple[str, str, str]:
        """(model, arm, corpus)."""
        return self[:3]

    def __str__(self) -> str:
        return "/".join(map(str, self))


@dataclass(frozen=True)
class Samples:
    """All scored documents of one track.

    Documents are sorted by split, task and `doc_id`; `layouts` holds those of each split that occurs. `runs`
    are sorted. `values[split]` is [runs, steps, documents of the split], nan where a run has no row;
    `bases[split]` maps a base model to its [documents] vector, nan where it has none. `steps` are the step
    numbers, 1 and up.
    """

    track: str
    layouts: Mapping[str, Layout]
    runs: tuple[RunKey, ...]
    steps: Ints
    values: Mapping[str, Floats]
    bases: Mapping[str, Mapping[str, Floats]]

    @cached_property
    def entries(self) -> dict[tuple[str, str, str], list[int]]:
        """Row numbers of the runs of each entry."""
        rows: dict[tuple[str, str, str], list[int]] = {}
        for number, run in enumerate(self.runs):
            rows.setdefault(run.entry, []).append(number)
        return rows


def read_samples(
    paths: Sequence[Path],
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    recorded: Iterable[RunKey] = (),
) -> Samples:
    """Read parquet files and folders of the schema `SAMPLES`; the order of rows and files plays no part.

    `tasks` is the content of tasks.json: `{task: {family, metric, chance}}`; chance is 0 without it.
    `recorded` runs are held even where they have no rows (diverged at once, or no step asked for). Raises
    InputError for tables that are not of the schema, hold values outside [0, 1], repeat a key, share a
    document between splits, mix tracks, or pair an entry's runs with documents that its base model has not.
    """
    index = _Index()
    parts = [index.add(chunk) for chunk in read_chunks(paths)]
    if not parts:
        raise InputError(
            f"no sample rows in {', '.join(map(str, paths))}; give parquet files of the samples schema"
        )
    for run in recorded:
        index.runs.setdefault(run, len(index.runs))
    samples = index.samples(parts, tasks or {})
    _check_pairing(samples)
    return samples


class _Part(NamedTuple):
    """Rows of one chunk by code; `step` 0 with run code -1 - b is base model b."""

    run: NDArray[np.int32]
    step: NDArray[np.int32]
    document: NDArray[np.int32]
    value: Floats


class _Index:
    """Gives each run, base model and document a number in order of appearance."""

    def __init__(self) -> None:
        self.tracks: set[str] = set()
        self.runs: dict[RunKey, int] = {}
        self.bases: dict[str, int] = {}
        self.documents: dict[tuple[str, str, int], int] = {}
        self.tasks: dict[str, tuple[str, str]] = {}

    def add(self, chunk: Chunk) -> _Part:
        self._check(chunk)
        run = self._run_codes(chunk)
        step = chunk.integers["step"]
        wrong = np.flatnonzero((run >= 0) != (step >= 1))
        if len(wrong):
            row = int(wrong[0])
            what = f"step {step[row]} of model {chunk.text('model', row)}, arm {chunk.text('arm', row)}"
            raise InputError(
                f"{chunk.name}: {what}: a base model (arm {NO_ARM}) has step 0 only and a run steps 1 and up"
            )
        return _Part(run.astype(np.int32), step.astype(np.int32), self._document_codes(chunk), chunk.values)

    def _check(self, chunk: Chunk) -> None:
        self.tracks.update(chunk.levels("track"))
        if len(self.tracks) > 1:
            names = ", ".join(sorted(self.tracks))
            raise InputError(f"{chunk.name}: rows of several tracks ({names}); score one track at a time")
        for column, allowed in (("split", SPLITS), ("family", FAMILIES), ("metric", METRICS)):
            for level in sorted(set(chunk.levels(column)) - set(allowed)):
                raise InputError(
                    f"{chunk.name}: {column} '{level}' is unknown; use one of {', '.join(allowed)}"
                )
        bad = np.flatnonzero(~((chunk.values >= 0) & (chunk.values <= 1)))
        if len(bad):
            row = int(bad[0])
            where = f"task {chunk.text('task', row)}, doc_id {chunk.integers['doc_id'][row]}"
            raise InputError(f"{chunk.name}: value {chunk.values[row]} at {where} is not in [0, 1]")
        for name, family, metric in chunk.grouped(("task", "family", "metric"))[1]:
            if self.tasks.setdefault(name, (family, metric)) != (family, metric):
                raise InputError(
                    f"{chunk.name}: task {name} has two families or metrics, {self.tasks[name]} and "
                    f"{(family, metric)}; a task has one of each"
                )

    def _run_codes(self, chunk: Chunk) -> Ints:
        codes, keys = chunk.grouped(("model", "arm", "corpus", "text_id"), "seed")
        numbers = np.empty(len(keys), dtype=np.int64)
        for place, (model, arm, corpus, text_id, seed) in enumerate(keys):
            if arm == NO_ARM or corpus == NO_ARM:
                if (arm, corpus, text_id, seed) != (NO_ARM, NO_ARM, NO_TEXT, 0):
                    raise InputError(
                        f"{chunk.name}: base model {model} must have arm and corpus '{NO_ARM}', text_id "
                        f"'{NO_TEXT}' and seed 0, not {(arm, corpus, text_id, seed)}"
                    )
                numbers[place] = -1 - self.bases.setdefault(model, len(self.bases))
            else:
                numbers[place] = self.runs.setdefault(
                    RunKey(model, arm, corpus, text_id, seed), len(self.runs)
                )
        return numbers[codes]

    def _document_codes(self, chunk: Chunk) -> NDArray[np.int32]:
        codes, keys = chunk.grouped(("split", "task"), "doc_id")
        numbers = [self.documents.setdefault(key, len(self.documents)) for key in keys]
        return np.array(numbers, dtype=np.int32)[codes]

    def samples(self, parts: list[_Part], tasks: Mapping[str, Mapping[str, Any]]) -> Samples:
        declared = _tasks(self.tasks, tasks)
        task_number = {task.name: number for number, task in enumerate(declared)}
        documents = sorted(self.documents, key=lambda key: (key[0], task_number[key[1]], key[2]))
        self._check_disjoint(documents)
        layouts, spans = {}, {}
        for split in SPLITS:
            places = [n for n, key in enumerate(documents) if key[0] == split]
            if places:
                spans[split] = slice(places[0], places[-1] + 1)
                layouts[split] = _layout(declared, [documents[n] for n in places], split)
        document_at = _places(self.documents, documents)
        runs = tuple(sorted(self.runs))
        run_at = _places(self.runs, runs)
        steps = np.unique(np.concatenate([np.unique(part.step[part.run >= 0]) for part in parts]))
        steps = steps if len(steps) else np.ones(1, dtype=np.int32)
        base_names = sorted(self.bases)
        base_at = _places(self.bases, base_names)
        values = np.full((len(runs), len(steps), len(documents)), np.nan)
        bases = np.full((len(base_names), len(documents)), np.nan)
        rows = 0
        for part in _drained(parts):
            document = document_at[part.document]
            base = part.run < 0
            if base.any():
                bases[base_at[-1 - part.run[base]], document[base]] = part.value[base]
            kept = slice(None) if not base.any() else ~base
            step = np.searchsorted(steps, part.step[kept])
            values[run_at[part.run[kept]], step, document[kept]] = part.value[kept]
            rows += len(part.run)
        held = sum(np.count_nonzero(~np.isnan(block)) for block in (*values, bases))
        if held != rows:
            raise InputError(
                f"{rows - held} rows repeat the key of another row; a document of a checkpoint has one row"
            )
        return Samples(
            track=next(iter(self.tracks)),
            layouts=layouts,
            runs=runs,
            steps=steps.astype(np.int64),
            values={split: values[:, :, span] for split, span in spans.items()},
            bases={
                split: {name: bases[number, span] for number, name in enumerate(base_names)}
                for split, span in spans.items()
            },
        )

    @staticmethod
    def _check_disjoint(documents: list[tuple[str, str, int]]) -> None:
        chosen = {key[1:] for key in documents if key[0] == "select"}
        for split, task, doc_id in documents:
            if split == "test" and (task, doc_id) in chosen:
                raise InputError(
                    f"task {task}: document {doc_id} is in both select and test; splits must be disjoint"
                )


def _drained(parts: list[_Part]) -> Iterator[_Part]:
    parts.reverse()
    while parts:
        yield parts.pop()


def _places(codes: Mapping[Any, int], ordered: Sequence[Any]) -> Ints:
    places = np.empty(len(ordered), dtype=np.int64)
    for place, key in enumerate(ordered):
        places[codes[key]] = place
    return places


def _tasks(
    found: Mapping[str, tuple[str, str]], declared: Mapping[str, Mapping[str, Any]]
) -> tuple[Task, ...]:
    tasks = []
    for name in sorted(found):
        family, metric = found[name]
        given = declared.get(name, {})
        for field, value in (("family", family), ("metric", metric)):
            if given.get(field, value) != value:
                raise InputError(
                    f"tasks file: {name} has {field} {given[field]}, the samples say {value}; make them agree"
                )
        chance = given.get("chance", 0.0)
        if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance < 1:
            raise InputError(f"tasks file: chance of {name} is {chance!r}; give a number in [0, 1)")
        tasks.append(Task(name, family, metric, float(chance)))
    return tuple(sorted(tasks, key=lambda task: (task.family, task.name)))


def _layout(tasks: tuple[Task, ...], documents: list[tuple[str, str, int]], split: str) -> Layout:
    number = {task.name: place for place, task in enumerate(tasks)}
    task_of = np.array([number[task] for _, task, _ in documents], dtype=np.int64)
    for place in np.setdiff1d(np.arange(len(tasks)), task_of):
        raise InputError(
            f"task {tasks[int(place)].name} has no document in split {split}; give every task both splits"
        )
    return Layout(tasks, task_of, np.array([doc_id for _, _, doc_id in documents], dtype=np.int64))


def _check_pairing(samples: Samples) -> None:
    """Every checkpoint of an entry has the same documents, all tasks, and its base model has them too."""
    for entry, rows in samples.entries.items():
        model, name = entry[0], "/".join(entry)
        for split, layout in samples.layouts.items():
            if model not in samples.bases[split] or np.isnan(samples.bases[split][model]).all():
                raise InputError(
                    f"{name}: base model {model} has no {split} rows; add them with arm '{NO_ARM}', step 0"
                )
            held = ~np.isnan(samples.values[split][rows])
            counts = held.sum(axis=-1)
            scored = held.any(axis=(0, 1))
            wrong = np.argwhere((counts != 0) & (counts != scored.sum()))
            if len(wrong):
                run, step = (int(number) for number in wrong[0])
                raise InputError(
                    f"run {samples.runs[rows[run]]}, step {samples.steps[step]}: {counts[run, step]} of its "
                    f"entry's {int(scored.sum())} {split} documents; score every checkpoint on the same ones"
                )
            if np.isnan(samples.bases[split][model][scored]).any():
                place = int(np.flatnonzero(scored & np.isnan(samples.bases[split][model]))[0])
                task = layout.tasks[layout.task_of[place]].name
                raise InputError(
                    f"{name}: {split} document {layout.doc_id[place]} of task {task} has no row of base "
                    f"model {model}; score the base model on all documents of its runs"
                )
            if scored.any():
                layout.subset(np.flatnonzero(scored), name)
        _check_splits_together(samples, rows)


def _check_splits_together(samples: Samples, rows: list[int]) -> None:
    present = [~np.isnan(samples.values[split][rows]).all(axis=-1) for split in samples.layouts]
    for other in present[1:]:
        wrong = np.argwhere(present[0] != other)
        if len(wrong):
            run, step = (int(number) for number in wrong[0])
            raise InputError(
                f"run {samples.runs[rows[run]]}, step {samples.steps[step]}: rows of one split only; "
                "score both"
            )
