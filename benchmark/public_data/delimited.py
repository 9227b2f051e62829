"""CSV tables read strictly: what a lenient reader would shift, fill, join or cut is refused with its row.

A record ends at LF or CRLF, and fields between double quotes may hold commas, line breaks and doubled quotes
(RFC 4180). A file whose first line ends at CRLF ends all its lines so: every CRLF in it, also between quotes,
is read as LF, as in a text file of the same lines. In a file of LF lines, a CRLF between quotes is content
and stays. Bare carriage returns are content everywhere. Blank lines are not records.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmark.errors import InputError

_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_END = re.compile(r"[,\n]")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class DelimitedTable(NamedTuple):
    """The names of the columns, and rows of as many fields, all of them text."""

    columns: list[str]
    rows: list[list[str]]


def parse_table(content: str, path: Path) -> DelimitedTable:
    """The table of a comma-separated file with a header, from its content; `path` is for messages.

    Raises ``InputError``, with the row (from 1, below the header) and the line of the file (from 1), where a
    row has another number of fields than the header, a quote does not close or text follows it, columns are
    not separated by commas, two columns have one name, or the file is empty or holds NUL characters.
    """
    if "\0" in content:
        raise InputError(f"{path} holds a NUL character: give plain text")
    first = content.partition("\n")[0]
    if first.endswith("\r"):
        content = content.replace("\r\n", "\n")
    records = _records(content, path)
    _check_separator(content.lstrip("\n").partition("\n")[0], path)
    try:
        _, columns = next(records)
    except StopIteration:
        raise InputError(
            f"{path} is not a CSV table (it is empty): give a header and one row per text"
        ) from None
    for name, count in Counter(columns).items():
        if name and count > 1:
            raise InputError(f"{path} has {count} columns {name!r}: give every column its own name")
    rows: list[list[str]] = []
    for line, fields in records:
        if len(fields) != len(columns):
            raise InputError(
                f"{path} is not a CSV table (row {len(rows) + 1}, line {line}, has {_counted(len(fields))}, the "
                f"header has {len(columns)}): quote fields that hold commas, and give every row one field "
                "per column"
            )
        rows.append(fields)
    return DelimitedTable(columns, rows)


def _records(content: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its fields."""
    start, line, row = 0, 1, 0
    while start < len(content):
        fields, end = _record(content, start, f"{path} is not a CSV table ({_place(row)}, line {line}")
        if len(fields) > 1 or content[start:end].strip():
            yield line, fields
            row += 1
        line += content.count("\n", start, end) + 1
        start = end + 1


def _record(content: str, start: int, place: str) -> tuple[list[str], int]:
    """The fields of the record at `start`, and where it ends: at its line feed or the end of the content."""
    fields: list[str] = []
    while True:
        if content.startswith('"', start):
            quoted = _QUOTED.match(content, start)
            if quoted is None:
                raise InputError(
                    f"{place}, has a quote that does not close): close it, and double quotes inside"
                )
            field, end = quoted[1].replace('""', '"'), quoted.end()
            if content.startswith("\r", end) and content[end + 1 : end + 2] in ("", "\n"):
                end += 1
            if content[end : end + 1] not in ("", "\n", ","):
                raise InputError(
                    f"{place}, has text behind a closing quote): double the quotes inside a field"
                )
        else:
            separator = _END.search(content, start)
            end = separator.start() if separator else len(content)
            field = content[start:end]
            if field.lstrip().startswith('"'):
                raise InputError(f"{place}, has a blank before a quote): begin the field with its quote")
            if content[end : end + 1] != ",":
                field = field.removesuffix("\r")
        fields.append(field)
        if content[end : end + 1] != ",":
            return fields, end
        start = end + 1


def _check_separator(header: str, path: Path) -> None:
    outside = re.sub(r'"[^"]*"', "", header)
    for separator, name in _SEPARATORS.items():
        if separator in outside and "," not in outside:
            raise InputError(
                f"{path} separates its columns by {name} ({separator!r}): separate them by commas "
                "(in Excel: CSV UTF-8, with the comma as list separator)"
            )


def _place(row: int) -> str:
    return f"row {row}" if row else "the header"


def _counted(fields: int) -> str:
    return f"{fields} field" if fields == 1 else f"{fields} fields"
