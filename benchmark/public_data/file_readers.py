"""Rows of public data files: JSON lines, JSON, Arrow, CSV; what is malformed is refused with its place."""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.public_data.delimited import parse_table

Row = dict[str, Any]


_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte order marks; the longer first, as one of UTF-16 begins one of UTF-32."""


def read_text(path: Path) -> str:
    """A UTF-8 file as text, line ends untouched."""
    content = path.read_bytes()
    for mark, name in _WIDE_MARKS.items():
        if content.startswith(mark):
            raise InputError(
                f"{path} is {name}, not UTF-8 (Excel's 'Unicode Text' is UTF-16): save it as UTF-8"
            )
    # Without a mark, plain letters of UTF-16 are letters of UTF-8 with a NUL before or behind each.
    if b"\0" in content[:2] and content[:2] != b"\0\0" and len(content) % 2 == 0:
        raise InputError(f"{path} holds a NUL in its first character, as UTF-16 does: save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from error


def read_whole(path: Path) -> str:
    """A UTF-8 file as one text: without its byte order mark, line ends untouched."""
    return read_text(path).removeprefix("\ufeff")


def read_by_line(path: Path) -> str:
    """A UTF-8 file of lines as one text; refused where lines end at bare carriage returns alone.

    Otherwise a file of an older Macintosh program would be read as one line.
    """
    content = read_whole(path)
    if "\n" not in content and "\r" in content.rstrip("\r"):
        raise InputError(f"{path} ends its lines at bare carriage returns: save it with LF or CRLF line ends")
    return content


def read_lines(path: Path) -> list[str]:
    """Lines that end at ``\\n`` or ``\\r\\n``; the empty one behind the last line end does not count."""
    lines = read_text(path).split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def read_json(path: Path) -> Any:
    """The one JSON value of a file."""
    return _parsed(read_text(path), path, 1)


def read_rows(path: Path) -> list[Row]:
    """Rows of a file by its ending: ``.jsonl``, ``.json`` (an array), ``.arrow``, ``.parquet``; any other is CSV."""
    if path.suffix == ".jsonl":
        rows = [
            _parsed(line, path, number) for number, line in enumerate(read_lines(path), 1) if line.strip()
        ]
    elif path.suffix == ".json":
        rows = read_json(path)
    elif path.suffix == ".arrow":
        rows = _arrow_rows(path)
    elif path.suffix == ".parquet":
        rows = _parquet_rows(path)
    else:
        rows = _csv_rows(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} is not a list of objects: give one object per row")
    return rows


def with_columns(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> Iterator[Row]:
    """The rows with these columns only, in this order."""
    for number, row in enumerate(rows, 1):
        for column in columns:
            if row.get(column) is None:
                raise InputError(
                    f"{path} row {number} has no {column!r}: its columns must be {', '.join(columns)}"
                )
        yield {column: row[column] for column in columns}


def _parsed(text: str, path: Path, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} line {line + error.lineno - 1} is not JSON: {error.msg}") from error


def _csv_rows(path: Path) -> list[Row]:
    columns, rows = parse_table(read_by_line(path), path)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _arrow_rows(path: Path) -> list[Row]:
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
            rows: list[Row] = reader.read_all().to_pylist()
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not an Arrow stream: {error}") from error
    return rows


def _parquet_rows(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error
    return rows
