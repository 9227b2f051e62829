"""The texts of a table: one column of a CSV, JSON lines or Parquet file, the same one in every row."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.public_data.delimited import parse_table
from benchmark.public_data.file_readers import read_by_line
from benchmark.system.strict_json import unique_keys

TABLES = (".csv", ".jsonl", ".parquet")
UNREAD = (".tsv", ".tab", ".psv", ".json", ".ndjson", ".xlsx", ".xls", ".ods", ".arrow", ".feather")
"""Endings of tables that are not read: as one text, a table would be a wrong corpus."""


def table_texts(path: Path, column: str | None) -> Iterator[tuple[str, str]]:
    """Place and text of every row, in order.

    Raises ``InputError``, with the row (from 1), where the column is missing or ambiguous, a row has no text
    or a value of another kind in it, or the file is not of the kind that its ending says.
    """
    reader = {".csv": _csv_column, ".jsonl": _jsonl_column, ".parquet": _parquet_column}[path.suffix.lower()]
    for number, value in enumerate(reader(path, column), 1):
        place = f"{path} row {number}"
        if not isinstance(value, str):
            kind = "nothing" if value is None else type(value).__name__
            raise InputError(
                f"{place} has {kind} instead of a text: give text in column {column or 'text'!r}"
            )
        yield place, value


def text_column(columns: Sequence[str], column: str | None, place: str) -> str:
    """The column that holds the texts: the one named, or the only one, or ``text``.

    Raises ``InputError`` where there is none, or more than one of that name.
    """
    wanted = column or (columns[0] if len(columns) == 1 else "text")
    count = list(columns).count(wanted)
    if count == 1:
        return wanted
    if count:
        raise InputError(f"{place} has {count} columns {wanted!r:.60}: give every column its own name")
    shown = ", ".join(map(str, columns)) or "none"
    raise InputError(
        f"{place} has no column {wanted!r:.60} (columns: {shown:.200}): call the one that holds the texts "
        "'text', or name it (submit: --column)"
    )


def _csv_column(path: Path, column: str | None) -> Iterator[Any]:
    columns, rows = parse_table(read_by_line(path), path)
    wanted = text_column(columns, column, str(path))
    # A file without a header would lose its first text to it.
    if column is None and wanted != "text" and len(wanted.split()) != 1:
        raise InputError(
            f"{path} begins with {' '.join(wanted.split())!r:.60}, which reads like a text, not like a header: "
            "put the header 'text' above it"
        )
    place = columns.index(wanted)
    header = _plain(columns)
    for number, row in enumerate(rows, 1):
        if _plain(row) == header:
            raise InputError(f"{path} row {number} repeats the header: remove it")
        yield row[place]


def _plain(names: Sequence[str]) -> list[str]:
    """Names without case, outer blanks and the byte order mark that a second joined file begins with."""
    return [name.removeprefix("\ufeff").strip().casefold() for name in names]


def _jsonl_column(path: Path, column: str | None) -> Iterator[Any]:
    key: str | None = None
    number = 0
    for line_number, line in enumerate(read_by_line(path).split("\n"), 1):
        if not line.strip():
            continue
        number += 1
        row = _parsed(line, f"{path} line {line_number}")
        if isinstance(row, dict):
            key = _key(row, column, key, f"{path} row {number}")
            row = row[key]
        yield row


def _key(row: dict[str, Any], column: str | None, before: str | None, place: str) -> str:
    """The key that holds the text of a row; it must be that of the rows before it."""
    if before is None:
        return text_column(list(row), column, place)
    if before not in row:
        shown = ", ".join(row) or "none"
        raise InputError(
            f"{place} has no {before!r:.60}, where the rows before it have their text (keys: {shown:.200}): "
            "give every row the same key for its text"
        )
    if column is None and before != "text" and "text" in row:
        raise InputError(
            f"{place} has a 'text' beside {before!r:.60}, where the rows before it have theirs: give every row "
            "the same key for its text"
        )
    return before


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=unique_keys)
    except json.JSONDecodeError as error:
        raise InputError(f"{place} is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not plain JSON ({str(error)[:100]}): write it again") from error


def _parquet_column(path: Path, column: str | None) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            named = text_column(file.schema_arrow.names, column, str(path))
            kind = file.schema_arrow.field(named).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise InputError(f"{path}: column {named!r:.60} is {kind!s:.60}: give a column of strings")
            # Few rows at a time: a small file may unfold into large texts.
            for batch in file.iter_batches(batch_size=64, columns=[named]):
                yield from batch.column(0).to_pylist()
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path} is not a readable Parquet file ({str(error)[:100]}): write it again"
        ) from error
