"""The results folder: its tracks and their tables. Tables are read once per change; broken ones give a message.

Tables are cached as Arrow tables by `st.cache_resource`: they are never changed, so all readers share one copy
(`st.cache_data` would copy each on each access). The key is the file's path, time of change and size.
"""

import csv
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import streamlit as st

from benchmark.schema import result_columns

ROOT = Path(__file__).resolve().parents[2]
KEY = ["model", "arm", "corpus"]
TRACK_ORDER = ("micro", "paper", "published")
SHOWN_FILES = ("entries.csv", "runs.csv", "claims.json", "comparisons.csv", "curves.csv")

WITH_MEASURE = ("comparisons.csv", "scores.csv")
"""Tables whose rows name a measure."""
NEEDED = {name: [*KEY] for name in ("entries.csv", "comparisons.csv", "curves.csv", "runs.csv", "scores.csv")}
"""Columns that a table must have; its other columns may be missing and are then empty."""
FORMER = {
    "n_runs": "n_texts",
    "familiarity": "corpus_loss",
    "p_improve_base": "prob_improve_base",
    "p_improve_control": "prob_improve_control",
    "n_paired_texts": "n_paired",
}
"""Names of columns in results of an older version."""
SCORE, PROBABILITY = "score", "probability"
"""What a row of `comparisons.csv` or `scores.csv` measures: the study's metric, or the finer one."""

Stamp = tuple[str, int, int]


@dataclass(frozen=True)
class ResultTable:
    """A table, or the reason why there is none; `note` says what is missing from an incomplete one."""

    data: pa.Table = field(default_factory=lambda: pa.table({}))
    problem: str = ""
    note: str = ""
    absent: bool = False

    def __bool__(self) -> bool:
        return self.data.num_rows > 0

    @property
    def frame(self) -> pd.DataFrame:
        """All rows, as a new frame."""
        return self.data.to_pandas()

    def where(self, **equal: Any) -> pd.DataFrame:
        """Rows whose columns equal (or, for a list, are among) the given values; a missing column excludes none."""
        kept = self.data
        for name, value in equal.items():
            if name not in kept.column_names:
                continue
            column = kept.column(name)
            if isinstance(value, (list, tuple, set)):
                kept = kept.filter(pc.is_in(column, value_set=pa.array(list(value), type=column.type)))
            else:
                kept = kept.filter(pc.equal(column, pa.scalar(value, type=column.type)))
        return kept.to_pandas()

    def of(self, key: tuple[str, str, str], **equal: Any) -> pd.DataFrame:
        """Rows of one entry (model, arm, corpus)."""
        return self.where(**dict(zip(KEY, key, strict=True)), **equal)

    def has(self, *columns: str) -> bool:
        """Whether the table has rows and all of these columns."""
        return bool(self) and all(name in self.data.column_names for name in columns)


def results_folder() -> Path:
    """`GAPBENCH_RESULTS`, or `results` beside the code."""
    return Path(os.environ.get("GAPBENCH_RESULTS") or ROOT / "results")


def tracks() -> list[str]:
    """Tracks that hold something to show, the default track first."""
    folder = results_folder()
    if not folder.is_dir():
        return []
    found = [
        p.name for p in folder.iterdir() if p.is_dir() and any((p / name).is_file() for name in SHOWN_FILES)
    ]
    return sorted(found, key=lambda name: (TRACK_ORDER.index(name) if name in TRACK_ORDER else 9, name))


def tracks_without_results() -> list[str]:
    """Tracks of this repository that have settings but no results; none if other results are shown than its own."""
    if results_folder().resolve() != (ROOT / "results").resolve():
        return []
    made = tracks()
    folders = sorted(path.parent.name for path in ROOT.glob("tracks/*/params.yaml"))
    return [name for name in folders if name not in made and not name.endswith("-from-nothing")]


def stamp(path: Path) -> Stamp | None:
    """A key that changes with the file; None if there is no file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return (str(path), state.st_mtime_ns, state.st_size)


def table(track: str, name: str, measure: str = SCORE) -> ResultTable:
    """A CSV or Parquet file of a track; if its rows have a measure, those of `measure`."""
    mark = stamp(results_folder() / track / name)
    if mark is None:
        return _lost(name, f"{name} is not in results/{track}/.", families(track), absent=True)
    of_tasks = families(track)
    return _measured(mark, name, measure, of_tasks) if name in WITH_MEASURE else _read(mark, name, of_tasks)


Families = tuple[result_columns.Family, ...]


def families(track: str) -> Families:
    """The families of tasks that have columns of their own in the track's tables, in their order."""
    marks = (stamp(results_folder() / track / name) for name in ("entries.csv", "runs.csv"))
    return next((found for mark in marks if mark is not None and (found := _families(mark))), ())


def schemas(track: str) -> dict[str, pa.Schema]:
    """The columns of a track's CSV files."""
    return _schemas(families(track))


def _schemas(of_tasks: Families) -> dict[str, pa.Schema]:
    return result_columns.tables(of_tasks) | {"draws.csv": result_columns.DRAWS}


@st.cache_resource(max_entries=64, show_spinner=False)
def _families(mark: Stamp) -> Families:
    try:
        with Path(mark[0]).open(encoding="utf-8", newline="") as file:
            return result_columns.families_of(next(csv.reader(file), []))
    except (OSError, ValueError, csv.Error):
        return ()


def document(track: str, name: str) -> tuple[Any, str]:
    """A JSON file of a track, and the reason where it cannot be read (then None)."""
    mark = stamp(results_folder() / track / name)
    return (None, f"{name} is not in results/{track}/.") if mark is None else _read_json(mark, name)


def other_tables(track: str, known: tuple[str, ...]) -> list[str]:
    """CSV files of a track that are not among `known`, by name."""
    folder = results_folder() / track
    return sorted(p.name for p in folder.glob("*.csv") if p.name not in known) if folder.is_dir() else []


def _lost(name: str, problem: str, of_tasks: Families, *, absent: bool = False) -> ResultTable:
    """No rows, but the columns that are known for this table."""
    schema = _schemas(of_tasks).get(name)
    return ResultTable(pa.table({}) if schema is None else schema.empty_table(), problem, absent=absent)


@st.cache_resource(max_entries=64, show_spinner=False)
def _measured(mark: Stamp, name: str, measure: str, of_tasks: Families) -> ResultTable:
    """The rows of one measure; rows of older results, which name none, are of `SCORE`."""
    whole = _read(mark, name, of_tasks)
    if "measure" not in whole.data.column_names:
        return whole
    named = pc.fill_null(whole.data.column("measure"), SCORE)
    return replace(whole, data=whole.data.filter(pc.equal(named, measure)))


@st.cache_resource(max_entries=64, show_spinner=False)
def _read(mark: Stamp, name: str, of_tasks: Families) -> ResultTable:
    path, schema = Path(mark[0]), _schemas(of_tasks).get(name)
    if mark[2] == 0:
        return _lost(
            name,
            f"{name} is empty: the run that wrote it may have been stopped. Run `dvc repro` again.",
            of_tasks,
        )
    try:
        data = pq.read_table(path) if path.suffix == ".parquet" else _read_csv(path, schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        return _lost(
            name,
            f"{name} cannot be read ({first_line(error)}). Restore it with `git checkout` or `dvc repro`.",
            of_tasks,
        )
    lost = [column for column in NEEDED.get(name, []) if column not in data.column_names]
    if lost:
        return _lost(
            name,
            f"{name} lacks the columns {', '.join(lost)}, so its rows have no name. Run `dvc repro` again.",
            of_tasks,
        )
    return _completed(data, name, schema)


def _read_csv(path: Path, expected: pa.Schema | None) -> pa.Table:
    """Typed by the schema; if a cell does not fit, as text, of which `_completed` keeps the numbers."""
    types = {f.name: f.type for f in expected} if expected else {}
    strings = {name: pa.string() for name in (*KEY, "text_id", "scope", "task", "baseline", "baseline_arm")}
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    try:
        return pa_csv.read_csv(
            path, parse_options=parse, convert_options=pa_csv.ConvertOptions(column_types=strings | types)
        )
    except pa.ArrowInvalid:
        if not types:
            raise
    return pa_csv.read_csv(
        path, parse_options=parse, convert_options=pa_csv.ConvertOptions(column_types=strings)
    )


def _completed(data: pa.Table, name: str, expected: pa.Schema | None) -> ResultTable:
    """The table with every column of its schema: what is absent is empty, what is no number too, and both are named."""
    former = {old: new for old, new in FORMER.items() if old in data.column_names}
    if name.endswith(".csv") and not set(former.values()) & set(data.column_names):
        data = data.rename_columns([former.get(column, column) for column in data.column_names])
    if expected is None:
        return ResultTable(data)
    if "measure" in expected.names and "measure" not in data.column_names:
        data = data.append_column("measure", pa.array([SCORE] * data.num_rows, pa.string()))
    absent = [f.name for f in expected if f.name not in data.column_names]
    spoiled = []
    for column in expected:
        if column.name in absent:
            data = data.append_column(column, pa.nulls(data.num_rows, column.type))
        elif data.schema.field(column.name).type != column.type:
            fixed, whole = _as_type(data.column(column.name), column.type)
            data = data.set_column(data.column_names.index(column.name), column, fixed)
            spoiled += [] if whole else [column.name]
    notes = [f"lacks {', '.join(absent)}"] if absent else []
    notes += [f"has cells in {', '.join(spoiled)} that are not numbers"] if spoiled else []
    return ResultTable(
        data, note=f"{name} {' and '.join(notes)}; these cells are shown empty." if notes else ""
    )


def _as_type(column: pa.ChunkedArray, kind: pa.DataType) -> tuple[pa.ChunkedArray, bool]:
    try:
        return column.cast(kind), True
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if pa.types.is_string(kind):
            return pa.chunked_array([pa.nulls(len(column), kind)]), False
        numbers = pd.to_numeric(column.to_pandas(), errors="coerce")
        if pa.types.is_integer(kind):
            numbers = numbers.round().astype("Int64")
        return pa.chunked_array([pa.Array.from_pandas(numbers, type=kind)]), False


@st.cache_resource(max_entries=64, show_spinner=False)
def _read_json(mark: Stamp, name: str) -> tuple[Any, str]:
    try:
        return json.loads(Path(mark[0]).read_text(encoding="utf-8")), ""
    except (OSError, ValueError) as error:
        return (
            None,
            f"{name} cannot be read ({first_line(error)}). Restore it with `git checkout` or `dvc repro`.",
        )


def first_line(error: Exception) -> str:
    """The first line of an error, with files below the results folder named relative to the project."""
    lines = str(error).replace(f"{results_folder()}{os.sep}", "results/").splitlines()
    return (lines[0] if lines else type(error).__name__)[:160].replace("`", "'")
