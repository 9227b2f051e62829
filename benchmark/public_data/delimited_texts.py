"""The texts of a table: one column of a CSV, JSON lines or Parquet file, the same one in every row."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.public_data.delimited import parse_table
from benchmark.public_data.file_readers import read_by_line
from benchmark.system.strict_json import unique_keys

TABLES = (".csv", ".jsonl", ".parquet")
UNREAD = (".tsv", ".tab", ".psv", ".json", ".ndjson", ".xlsx", ".xls", ".ods", ".arrow", ".feather")
"""Endings of tables that are not read: as one text, a table would be a wrong corpus."""
HEADERS = frozenset({
    "text", "texts", "body", "code", "content", "contents", "document", "documents",
    "article", "articles", "passage", "passages", "prompt", "sentence", "sentences", "story",
    "abstract", "answer", "comment", "data", "description", "dialogue", "email", "full_text", "headline", "input",
    "instruction", "line", "lyrics", "message", "note", "notes", "output", "paragraph", "poem", "post", "problem",
    "query", "question", "quote", "raw_text", "response", "review", "sentence1", "string", "summary", "title",
    "transcript", "tweet", "utterance", "0",
})  # fmt: skip
"""Names that tell the header of a CSV of one column from its first text."""
_QUOTED_FIELD = re.compile(r'(?<![^,\n])"[^"]*+(?:""[^"]*+)*+"')
_HIDDEN_SEPARATORS = ";\t|~\x1f"


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
    raise InputError(
        f"{place} has no column {wanted!r:.60} (columns: {_shown(columns):.200}): call the one that holds the texts "
        "'text', or name it (submit: --column)"
    )


def _shown(names: Iterable[str]) -> str:
    """Names with commas between them; quoted where blanks around one, or what cannot be seen, would be missed."""
    plain = (name if name.isprintable() and name == name.strip() else repr(name) for name in names)
    return ", ".join(plain) or "none"


def _csv_column(path: Path, column: str | None) -> Iterator[Any]:
    content = read_by_line(path)
    # The header and the rows without what is between quotes, which is never a separator, a line end or a mark.
    unquoted = [line for line in _QUOTED_FIELD.sub('""', content).split("\n") if line.strip()]
    _check_records(unquoted, column, path)
    columns, rows = parse_table(content, path)
    wanted = text_column(columns, column, str(path))
    header = _plain(columns)
    for number, row in enumerate(rows, 1):
        if _plain(row) == header:
            raise InputError(f"{path} row {number} repeats the header: remove it")
    for number, line in enumerate(unquoted):
        # In more columns, what two lines or files joined would make has too many fields, or the mark in front.
        joined = line if len(columns) == 1 else line[:1]
        check_line(joined, f"{path} row {number}" if number else f"{path}, the header,", "quote")
    if len(columns) == 1:
        _check_only_column(wanted, column, unquoted[1:], path)
    place = columns.index(wanted)
    for row in rows:
        yield row[place]


def check_line(line: str, place: str, remedy: str) -> None:
    """Raise ``InputError`` where a line holds a bare carriage return, or a byte order mark, as joined files do."""
    if "\r" in line.removesuffix("\r"):
        raise InputError(
            f"{place} holds a bare carriage return, which may end a line: save the file with LF or CRLF line ends, "
            f"or {remedy} the texts that hold it"
        )
    if "\ufeff" in line:
        raise InputError(
            f"{place} holds a byte order mark, as a file joined behind another does: remove the mark, "
            f"or {remedy} the texts that hold it"
        )


def _check_records(unquoted: Sequence[str], column: str | None, path: Path) -> None:
    """Raise ``InputError`` where a line above the header, or quotes around a record, would be taken for fields."""
    first = unquoted[0].strip() if unquoted else ""
    names = [name.strip() for name in first.split(",")]
    if first.startswith("#") and (column or "text") not in names and '"' not in first:
        raise InputError(
            f"{path} begins with the comment {first!r:.60}: remove it, so that the header is first"
        )
    if re.fullmatch("sep=.?", first):
        raise InputError(f"{path} begins with {first!r}, a line for Excel alone: remove it")
    for number, line in enumerate(unquoted[1:], 1):
        if line.strip() == '""' and len(names) > 1:
            raise InputError(
                f"{path} row {number} is one field between quotes, the header has {len(names)}: quote each field "
                "by itself"
            )


def _check_only_column(header: str, column: str | None, rows: Sequence[str], path: Path) -> None:
    """Raise ``InputError`` where the only column may have no header, or hold several columns."""
    if column is None and _plain([header])[0] not in HEADERS:
        raise InputError(
            f"{path} begins with {header!r:.60}, which reads like a text, or like columns that no comma separates: if "
            "it is the header, call it 'text' or name it (submit: --column); if it is a text, put the header 'text' "
            "above it; if it is several columns, separate them by commas, quote none together, and call one 'text'"
        )
    for separator in _HIDDEN_SEPARATORS:
        counts = {row.rstrip(f" {separator}").count(separator) for row in rows}
        if len(rows) > 1 and len(counts) == 1 and counts != {0} and '""' not in rows:
            raise InputError(
                f"{path} has {counts.pop()} {separator!r} in every row and one column in its header: separate "
                f"columns by commas and name each, or quote the texts if {separator!r} is a part of them"
            )


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
        check_line(line[:1], f"{path} line {line_number}", "escape it in")
        row = _parsed(line, f"{path} line {line_number}")
        place = f"{path} row {number}"
        if isinstance(row, list):
            raise InputError(f"{place} is a JSON array: write one object, or one string, per line")
        if number > 1 and isinstance(row, dict) != (key is not None):
            raise InputError(f"{place} is {_kind(row)}, unlike the rows before it: write all rows alike")
        if isinstance(row, dict):
            key = _key(row, column, key, place)
            row = row[key]
        # "text" is what a data set of the Hub gets by default.
        elif column not in (None, "text"):
            raise InputError(f"{place} is {_kind(row)}, which has no column {column!r}: leave the column out")
        yield row


def _kind(row: object) -> str:
    return "an object" if isinstance(row, dict) else "no object"


def _key(row: dict[str, Any], column: str | None, before: str | None, place: str) -> str:
    """The key that holds the text of a row; it must be that of the rows before it."""
    if before is None:
        return text_column(list(row), column, place)
    if before not in row:
        raise InputError(
            f"{place} has no {before!r:.60}, where the rows before it have their text (keys: {_shown(row):.200}): "
            "give every row the same key for its text"
        )
    if column is None and before != "text" and len(row) > 1:
        other = next(name for name in row if name != before)
        raise InputError(
            f"{place} has a {other!r:.60} beside {before!r:.60}, the only key of the rows before it: call the key "
            "of the texts 'text', or name it (submit: --column)"
        )
    return before


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=unique_keys)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{place} is not JSON ({error.msg}): write one whole object, or one string, per line"
        ) from error
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
