"""Read CSV files of `results/<track>/`, as text or with the types of their columns."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmark.errors import InputError
from benchmark.schema.result_columns import schema_of


def text_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file as the text of its cells. Raises OSError, ValueError and csv.Error."""
    return _read(path)[1]


def typed_rows(path: Path, needed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows with the types of the table that the file is named after; None for an empty cell.

    Columns that the table does not have today stay text.

    Raises:
        InputError: the file cannot be read, has a cell of another type, or lacks a `needed` column.
    """
    try:
        names, rows = _read(path)
        types = {field.name: field.type for field in schema_of(path.name, names) or ()}
        typed = [{name: _typed(cell, types.get(name)) for name, cell in row.items()} for row in rows]
    except (ValueError, OSError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read ({str(error).splitlines()[0]}); generate it again"
        ) from error
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(f"{path} lacks columns {', '.join(missing)}; generate it again")
    return typed


def _read(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [{key or "": str(value) for key, value in row.items()} for row in reader]
        return reader.fieldnames or (), rows


def _typed(cell: str, kind: pa.DataType | None) -> Any:
    if not cell:
        return None
    if kind is None or pa.types.is_string(kind):
        return cell
    return int(float(cell)) if pa.types.is_integer(kind) else float(cell)
