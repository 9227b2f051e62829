"""Read sample files in batches of coded columns, so that tens of millions of rows fit in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.errors import InputError
from benchmark.schema.stored_columns import SAMPLES, SAMPLES_OPTIONAL
from benchmark.scoring.sample_arrays import LARGEST, Chunk, Gatherer
from benchmark.scoring.samples import RunKey, Samples, check_pairing
from benchmark.statistics.design import Floats, Ints

BATCH_ROWS = 1 << 20

STRINGS = tuple(f.name for f in SAMPLES if pa.types.is_string(f.type) and f.name not in SAMPLES_OPTIONAL)
INTEGERS = tuple(f.name for f in SAMPLES if pa.types.is_integer(f.type) and f.name not in SAMPLES_OPTIONAL)
REQUIRED = (*STRINGS, *INTEGERS, "value")
TAKEN = ("draw", "cluster", "probability")
"""Columns that may be absent or empty and are read where they are there."""


def read_samples(
    paths: Sequence[Path],
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    recorded: Iterable[RunKey] = (),
    families: Iterable[str] = (),
) -> Samples:
    """Read parquet files and folders of the schema `SAMPLES`; the order of rows and files plays no part.

    `tasks` is the content of tasks.json: `{task: {family, metric, chance}}`; chance is 0 without it.
    `recorded` runs are part of the result even if they have no rows (diverged at once, or no step asked for).
    `families` gives the order of the families; those that it does not name follow by name.

    Raises:
        InputError: the tables are not of the schema, hold values outside [0, 1], repeat a key, share a document
            between splits, mix tracks, or have runs whose documents their base model lacks.
    """
    gatherer = Gatherer()
    for chunk in read_chunks(paths):
        gatherer.add(chunk)
    if gatherer.track is None:
        raise InputError(f"no sample rows in {', '.join(map(str, paths))}; give parquet files of samples")
    samples = gatherer.samples(tasks or {}, families, recorded, again=read_chunks(paths))
    check_pairing(samples)
    return samples


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
            names = pq.read_schema(path).names
            coded = [name for name in (*STRINGS, "cluster") if name in names]
            file = pq.ParquetFile(path, read_dictionary=coded)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a parquet file ({str(error).splitlines()[0]})") from error
        with file:
            _check_schema(path, file.schema_arrow)
            taken = [name for name in TAKEN if name in file.schema_arrow.names]
            for table in _merged(file.iter_batches(batch_size=BATCH_ROWS, columns=[*REQUIRED, *taken])):
                yield _chunk(path, table)


def _check_schema(path: Path, schema: pa.Schema) -> None:
    missing = [name for name in REQUIRED if name not in schema.names]
    if missing:
        raise InputError(f"{path}: columns missing: {', '.join(missing)}; write the samples schema")
    for name in [*REQUIRED, *(name for name in TAKEN if name in schema.names)]:
        kind, wanted = schema.field(name).type, SAMPLES.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_string(wanted):
            right = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        else:
            right = pa.types.is_integer(kind) if pa.types.is_integer(wanted) else pa.types.is_floating(kind)
        if not right and not (name in TAKEN and pa.types.is_null(kind)):
            raise InputError(
                f"{path}: column {name} is {kind}, not {SAMPLES.field(name).type}; write the samples schema"
            )


def _merged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of about `BATCH_ROWS` rows, however small the file's row groups are."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= BATCH_ROWS // 2:
            yield _joined(held)
            held, rows = [], 0
    if rows:
        yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def _chunk(path: Path, batch: pa.RecordBatch) -> Chunk:
    for name in REQUIRED:
        if batch.column(name).null_count:
            raise InputError(f"{path}: column {name} has empty cells; every row needs a value")
    strings = {name: _coded(batch.column(name)) for name in STRINGS}
    integers = {name: batch.column(name).to_numpy().astype(np.int64) for name in INTEGERS}
    draws = np.zeros(batch.num_rows, np.int64)
    if "draw" in batch.schema.names:
        filled = pc.fill_null(batch.column("draw").cast(pa.int64()), 0)
        integers["draw"] = draws = filled.to_numpy().astype(np.int64)
    for name, numbers in integers.items():
        if numbers.min() < 0 or numbers.max() >= LARGEST:
            raise InputError(
                f"{path}: column {name} has {numbers.min()} to {numbers.max()}; use 0 to 2**40 - 1"
            )
    integers.pop("draw", None)
    codes, numbers = pd.factorize(draws)
    strings["draw"] = codes.astype(np.int64), [str(number) for number in numbers.tolist()]
    values = batch.column("value").to_numpy().astype(np.float64)
    return Chunk(str(path), strings, integers, values, _clusters(batch), _probabilities(batch))


def _coded(column: pa.Array) -> tuple[Ints, list[str]]:
    """Codes [rows], -1 for null, and levels."""
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = pc.fill_null(column.indices, -1) if column.null_count else column.indices
    return codes.to_numpy().astype(np.int64), column.dictionary.to_pylist()


def _clusters(batch: pa.RecordBatch) -> tuple[Ints, list[str]] | None:
    if "cluster" not in batch.schema.names or batch.column("cluster").null_count == batch.num_rows:
        return None
    return _coded(batch.column("cluster"))


def _probabilities(batch: pa.RecordBatch) -> Floats | None:
    if "probability" not in batch.schema.names or batch.column("probability").null_count == batch.num_rows:
        return None
    column = batch.column("probability")
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
