"""Files that are written whole or not at all, and the same bytes for the same content."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 131_072


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file that `write_json` wrote."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def write_json_lines(path: Path, values: list[Any]) -> None:
    """Replace `path` by one JSON value a line."""
    lines = (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False) for value in values)
    write_text(path, "".join(line + "\n" for line in lines))


def read_json_lines(path: Path) -> list[Any]:
    """The values of a file that `write_json_lines` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_parquet(path: Path, table: pa.Table) -> None:
    """Replace `path` by `table`: fixed row groups, zstd, the columns' names and types and no other metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # A table that was read from Parquet carries field numbers, which would be written again.
    plain = table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))
    pq.write_table(plain, temporary, row_group_size=ROW_GROUP, compression="zstd", version="2.6")
    temporary.replace(path)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.list_(_plain(kind.value_type)) if pa.types.is_list(kind) else kind


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that takes its place when the block ends, or vanishes when it fails.

    DVC has removed an out before its stage runs; what a killed stage left is replaced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    folder.chmod(0o755)
    try:
        yield folder
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
