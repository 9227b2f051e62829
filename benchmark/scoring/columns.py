"""Parquet files streamed in batches of coded columns, so that tens of millions of rows fit in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.errors import InputError
from benchmark.schema import SAMPLES, SAMPLES_OPTIONAL
from benchmark.scoring.layout import Floats, Ints

BATCH_ROWS = 1 << 20

STRINGS = tuple(f.name for f in SAMPLES if pa.types.is_string(f.type) and f.name not in SAMPLES_OPTIONAL)
INTEGERS = tuple(f.name for f in SAMPLES if pa.types.is_integer(f.type))
REQUIRED = (*STRINGS, *INTEGERS, "value")


@dataclass(frozen=True)
class Chunk:
    """Some rows of the file `name`: strings as (codes [rows], levels), integers and `values` as [rows]."""

    name: str
    strings: dict[str, tuple[Ints, list[str]]]
    integers: dict[str, Ints]
    values: Floats

    def levels(self, column: str) -> list[str]:
        """The distinct strings of a column that occur."""
        codes, levels = self.strings[column]
        return [levels[code] for code in np.flatnonzero(np.bincount(codes, minlength=len(levels)))]

    def text(self, column: str, row: int) -> str:
        """The string at one row."""
        codes, levels = self.strings[column]
        return levels[int(codes[row])]

    def grouped(
        self, columns: Sequence[str], integer: str | None = None
    ) -> tuple[Ints, list[tuple[Any, ...]]]:
        """Group number of each row [rows] by string columns and one integer column, and each group's key."""
        joined = np.zeros(len(self.values), dtype=np.int64)
        for column in columns:
            codes, levels = self.strings[column]
            if len(levels) > 1:
                joined = joined * len(levels) + codes
        if integer is not None:
            place, distinct = _numbered(self.integers[integer])
            joined = joined * len(distinct) + place
        groups, unique = pd.factorize(joined)
        keys = []
        for code in unique.tolist():
            key: list[Any] = []
            if integer is not None:
                code, place_of = divmod(code, len(distinct))
                key.append(int(distinct[place_of]))
            for column in reversed(columns):
                levels = self.strings[column][1]
                code, place_of = divmod(code, len(levels))
                key.append(levels[place_of])
            keys.append(tuple(reversed(key)))
        return groups, keys


def _numbered(numbers: Ints) -> tuple[Ints, Ints]:
    """Places of numbers in a list of candidates that holds them all; the range itself where it is short."""
    low, high = int(numbers.min()), int(numbers.max())
    if high - low < BATCH_ROWS:
        return numbers - low, np.arange(low, high + 1)
    places, distinct = pd.factorize(numbers)
    return places, distinct


def sample_files(paths: Sequence[Path]) -> list[Path]:
    """The parquet files that `paths` name, folders searched to their depth, each once, sorted by name."""
    files: set[Path] = set()
    for path in map(Path, paths):
        if path.is_dir():
            files.update(path.rglob("*.parquet"))
        elif path.is_file():
            files.add(path)
        else:
            raise InputError(f"{path}: no such file or folder; give parquet files of the samples schema")
    return sorted(files)


def read_chunks(paths: Sequence[Path]) -> Iterator[Chunk]:
    """The rows of all files in batches. InputError for missing columns, wrong types and empty cells."""
    for path in sample_files(paths):
        try:
            file = pq.ParquetFile(path, read_dictionary=list(STRINGS))
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a parquet file ({str(error).splitlines()[0]})") from error
        with file:
            _check_schema(path, file.schema_arrow)
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(REQUIRED)):
                if batch.num_rows:
                    yield _chunk(path, batch)


def _check_schema(path: Path, schema: pa.Schema) -> None:
    missing = [name for name in REQUIRED if name not in schema.names]
    if missing:
        raise InputError(f"{path}: columns missing: {', '.join(missing)}; write the samples schema")
    for name in REQUIRED:
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if name in STRINGS:
            right = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        else:
            right = pa.types.is_integer(kind) if name in INTEGERS else pa.types.is_floating(kind)
        if not right:
            raise InputError(
                f"{path}: column {name} is {kind}, not {SAMPLES.field(name).type}; write the samples schema"
            )


def _chunk(path: Path, batch: pa.RecordBatch) -> Chunk:
    for name in REQUIRED:
        if batch.column(name).null_count:
            raise InputError(f"{path}: column {name} has empty cells; every row needs a value")
    strings = {}
    for name in STRINGS:
        column = batch.column(name)
        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        strings[name] = (column.indices.to_numpy().astype(np.int64), column.dictionary.to_pylist())
    return Chunk(
        name=str(path),
        strings=strings,
        integers={name: batch.column(name).to_numpy().astype(np.int64) for name in INTEGERS},
        values=batch.column("value").to_numpy().astype(np.float64),
    )
