"""Result tables as CSV files and JSON: fixed columns and order, ten digits, replaced whole or not at all."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmark.system.files import write_text
from benchmark.system.finite_values import finite


def csv_text(rows: Iterable[Mapping[Any, Any]], columns: Iterable[str]) -> str:
    """CSV with `\\n` line ends; None and nan are empty, floats have ten digits, -0 is 0."""
    names = list(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write `rows` with the columns of `schema`, missing ones empty."""
    write_text(path, csv_text(rows, schema.names))


def json_text(content: Any) -> str:
    """JSON with its keys in their order; numbers that are not finite are null."""
    return json.dumps(finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        number = float(value)
        return "" if number != number else f"{number + 0.0:.10g}"
    return str(int(value)) if isinstance(value, np.integer) else str(value)
