"""The scores of an entry or a track, one checkpoint at a time, from `documents.parquet` and the run groups."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmark.errors import InputError
from benchmark.schema.read_tables import typed_rows
from benchmark.schema.sample_defaults import with_defaults
from benchmark.schema.stored_columns import ALL, NO_ARM, SAMPLES
from benchmark.settings.track_settings import Settings
from benchmark.store.entry_lookup import find_entry
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks, params_name

Key = tuple[str, str, str]
"""Model, arm and corpus."""

DOCUMENTS = "documents.parquet"
KEY = ("model", "arm", "corpus")
RUN = ("draw", "text_id", "seed")
COLUMNS = [*KEY, *RUN, "split", "step", "family", "metric", "task", "doc_id", "value", "prediction", "target"]
SCORED = ("arm", *RUN, "step", "task", "doc_id", "value", "prediction")


@dataclass(frozen=True)
class Wanted:
    """What is exported: a track, and (model, arm, corpus) of what is taken from it, base models included.

    `name` is the entry with its track, or the track; `elsewhere` says which other tracks have the entry.
    """

    settings: Settings
    paths: TrackPaths
    keys: tuple[Key, ...]
    name: str
    elsewhere: str = ""

    @property
    def remake(self) -> str:
        """The command that makes the track's results."""
        track = self.paths.track
        return "`make repro`" if params_name(track) == "params.yaml" else f"`make repro TRACK={track}`"


class StoredTask(NamedTuple):
    """A task's family and metric, and the step that was scored (0: the unmodified model)."""

    family: str
    metric: str
    step: int


class ScoredDocument(NamedTuple):
    """Score of one document in [0, 1], and what is stored of the answer, of the right one and of the choices."""

    value: float
    prediction: str | None
    target: str | None
    choice_logprobs: list[float] | None


@dataclass(frozen=True)
class StoredCheckpoint:
    """One set of weights: an unmodified model (arm and corpus `none`) or a run at the step that it is judged by.

    `tasks` by name; `scores` by task and `doc_id`.
    """

    model: str
    arm: str
    corpus: str
    draw: int
    text_id: str
    seed: int
    parameters: int
    tasks: dict[str, StoredTask]
    scores: dict[str, dict[int, ScoredDocument]]

    @property
    def is_base(self) -> bool:
        """Whether it is an unmodified model."""
        return self.arm == NO_ARM

    @property
    def steps(self) -> list[int]:
        """The steps that its tasks are scored at."""
        return sorted({task.step for task in self.tasks.values()})

    @property
    def group(self) -> str:
        """What its runs have in common: `model`, or `model.arm.corpus` (names have no dots)."""
        return self.model if self.is_base else f"{self.model}.{self.arm}.{self.corpus}"

    @property
    def run(self) -> str:
        """The run within its group; sorted by it, runs of an entry and of its base are in the order of draws."""
        return f"draw-{self.draw:03}" if self.is_base else f"draw-{self.draw:03}.{self.text_id}.{self.seed}"


def wanted(name: str, root: Path) -> Wanted:
    """The entry `[track/]model/arm/corpus` with its base model, or a track: its entries and base models.

    Raises:
        InputError: there is no such entry or track.
    """
    if "/" in name:
        entry = find_entry(name, root)
        base = (entry.model, NO_ARM, NO_ARM)
        others = [
            other.track.name
            for other in all_tracks(root).values()
            if other.track.name != entry.paths.track and name.count("/") == 2
            if entry.model in other.models and entry.arm in other.arms and entry.corpus in other.corpora
        ]
        elsewhere = "".join(f"; track {other} has the entry too: {other}/{name}" for other in others)
        return Wanted(entry.settings, entry.paths, (entry.key, base), str(entry), elsewhere)
    tracks = {settings.track.name: (path, settings) for path, settings in all_tracks(root).items()}
    if name not in tracks:
        near = difflib.get_close_matches(name, tracks, n=1, cutoff=0.0)
        hint = f"; the nearest track is {near[0]}" if near else ""
        raise InputError(f"{name!r:.120} is neither model/arm/corpus nor a track{hint}")
    path, settings = tracks[name]
    made = Wanted(settings, TrackPaths.of(path, settings), (), name)
    rows = typed_rows(_results_file(made, "entries.csv"), ("row_kind", "model", "arm", "corpus"))
    keys = [(row["model"], row["arm"], row["corpus"]) for row in rows if row["row_kind"] in ("entry", "rung")]
    return replace(made, keys=tuple(keys))


class StoredCheckpoints:
    """The checkpoints of what is wanted, each with its scores on `test`; `len` counts them before they are read.

    Answers (`prediction`) are there where the results have them, `choice_logprobs` where the run groups are there.

    Raises:
        InputError: there are no results, or they do not have the entry.
    """

    def __init__(self, asked: Wanted) -> None:
        self.asked = asked
        path = _results_file(asked, DOCUMENTS)
        self.steps = _steps(asked)
        entries = _results_file(asked, "entries.csv")
        rows = typed_rows(entries, ("model", "parameters"))
        self.parameters = {row["model"]: int(row["parameters"]) for row in rows if row["parameters"]}
        self.tables = _rows_by_key(path, asked.keys)
        for key in asked.keys:
            if key[0] not in self.parameters:
                raise InputError(
                    f"{entries}: no parameters of {key[0]}: make the track's results by {asked.remake}"
                )
            if key not in self.tables:
                raise InputError(
                    f"{'/'.join(key)}: {path} has no documents of it: make its results by {asked.remake}"
                )
        self.runs = [(key, run) for key in asked.keys for run in _runs(self.tables[key])]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[StoredCheckpoint]:
        for key in self.asked.keys:
            base = (key[0], NO_ARM, NO_ARM)
            table = _decoded(self.tables[key])
            logprobs = _logprobs(self.asked, key)
            for run in (run for owner, run in self.runs if owner == key):
                by_family = {ALL: 0} if key == base else self.steps.get((*key, *run), {})
                rows = _of_run(table, run)
                if key != base and 0 in by_family.values():  # it is its base model, which is stored once
                    start = _decoded(self.tables[base]).filter(pc.field("draw") == run[0])
                    rows = pa.concat_tables([rows, start])
                yield _checkpoint(self.asked, key, run, rows, logprobs, by_family, self.parameters[key[0]])


def _results_file(asked: Wanted, name: str) -> Path:
    path = asked.paths.results / name
    if not path.is_file():
        raise InputError(f"{asked.paths.track}: no {path}: make the track's results by {asked.remake}")
    return path


def _rows_by_key(path: Path, keys: Sequence[Key]) -> dict[Key, pa.Table]:
    """The rows on `test` of each (model, arm, corpus), read once, a row group at a time."""
    found: dict[Key, list[pa.Table]] = {key: [] for key in keys}
    texts = [name for name in COLUMNS if pa.types.is_string(SAMPLES.field(name).type)]
    try:
        file = pq.ParquetFile(path, read_dictionary=texts)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=COLUMNS)
            columns = [_codes(table.column(name)) for name in (*KEY, "split")]
            for key, parts in found.items():
                member = np.ones(table.num_rows, dtype=bool)
                for (values, codes), wanted_value in zip(columns, (*key, "test"), strict=True):
                    member &= codes == values.get(wanted_value, -1)
                if member.any():
                    parts.append(table.filter(pa.array(member)))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({str(error)[:100]}): generate it again") from None
    return {key: pa.concat_tables(parts).unify_dictionaries() for key, parts in found.items() if parts}


def _decoded(table: pa.Table) -> pa.Table:
    return table.cast(pa.schema([SAMPLES.field(name) for name in COLUMNS]))


def _codes(column: pa.ChunkedArray) -> tuple[dict[str, int], np.ndarray]:
    """The codes of a dictionary-coded column's values, and the code of each row."""
    array = column.unify_dictionaries().combine_chunks()
    values = {value: code for code, value in enumerate(array.dictionary.to_pylist())}
    return values, array.indices.to_numpy(zero_copy_only=False)


def _runs(table: pa.Table) -> list[tuple[int, str, int]]:
    """Draw, text and seed of each run, sorted."""
    found = table.group_by(list(RUN)).aggregate([]).to_pylist()
    return sorted((row["draw"], row["text_id"], row["seed"]) for row in found)


def _of_run(table: pa.Table, run: tuple[int, str, int]) -> pa.Table:
    condition = pc.field("draw") == run[0]
    for name, value in zip(RUN[1:], run[1:], strict=True):
        condition &= pc.field(name) == value
    return table.filter(condition)


def _steps(asked: Wanted) -> dict[tuple[Any, ...], dict[str, int]]:
    """By run: the step that each family is judged by, or `all`."""
    found = {}
    paper = asked.settings.evaluation.protocol == "paper"
    for row in typed_rows(
        _results_file(asked, "runs.csv"), ("model", "arm", "corpus", *RUN, "selected_step")
    ):
        by_family = {
            name.removeprefix("paper_step_"): _step(value)
            for name, value in row.items()
            if name.startswith("paper_step_")
        }
        key = (row["model"], row["arm"], row["corpus"], *(row[name] for name in RUN))
        found[key] = by_family if paper else {ALL: _step(row["selected_step"])}
    return found


def _step(value: object) -> int:
    """A run without one finite step has its chance scores at step 1."""
    return 1 if value is None or value == "" else int(float(str(value)))


def _logprobs(asked: Wanted, key: Key) -> dict[tuple[Any, ...], list[float]]:
    """Log-probabilities of choices by run, step, task and document, where the run group is there."""
    path = asked.paths.run_group(key[0], key[2]) / "samples.parquet"
    if not path.is_file():
        return {}
    condition = (pc.field("split") == "test") & pc.is_valid(pc.field("choice_logprobs"))
    for name, value in zip(KEY, key, strict=True):
        condition &= pc.field(name) == value
    try:
        table = with_defaults(ds.dataset(path, schema=SAMPLES).to_table(filter=condition))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read ({str(error)[:100]}): generate it again") from None
    columns = [table.column(name).to_pylist() for name in (*SCORED, "choice_logprobs")]
    return {row[:-1]: row[-1] for row in zip(*columns, strict=True)}


def _checkpoint(
    asked: Wanted,
    key: Key,
    run: tuple[int, str, int],
    table: pa.Table,
    logprobs: dict[tuple[Any, ...], list[float]],
    by_family: dict[str, int],
    parameters: int,
) -> StoredCheckpoint:
    scores: dict[str, dict[int, ScoredDocument]] = {}
    tasks: dict[str, StoredTask] = {}
    names = ("step", "family", "metric", "arm", "task", "doc_id", "value", "prediction", "target")
    columns = (table.column(name).to_pylist() for name in names)
    for step, family, metric, arm, task, doc_id, value, prediction, target in zip(*columns, strict=True):
        if step == by_family.get(family, by_family.get(ALL)):
            scored = (arm, *run, step, task, doc_id, value, prediction)
            answers = logprobs.get(scored) if logprobs else None
            scores.setdefault(task, {})[doc_id] = ScoredDocument(value, prediction, target, answers)
            tasks[task] = StoredTask(family, metric, step)
    if not scores:
        raise InputError(
            f"{'/'.join(key)}, text {run[1]}: runs.csv and {DOCUMENTS} do not fit: make both by {asked.remake}"
        )
    return StoredCheckpoint(*key, *run, parameters, tasks, scores)
