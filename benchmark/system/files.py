"""Atomic writes: a file or folder is replaced whole or not at all, and the same content gives the same bytes."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 131_072


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside `path`; it replaces `path` when the block ends, and is removed when the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8, line ends untouched, in one step."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file that `write_json` wrote."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def write_json_lines(path: Path, values: list[Any]) -> None:
    """Replace `path` by one JSON value per line."""
    lines = (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False) for value in values)
    write_text(path, "".join(line + "\n" for line in lines))


def read_json_lines(path: Path) -> list[Any]:
    """The values of a file that `write_json_lines` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_parquet(path: Path, table: pa.Table) -> None:
    """Replace `path` by `table`: fixed row groups, zstd, the columns' names and types and no other metadata."""
    # A table that was read from Parquet carries field numbers, which would be written again.
    plain = table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))
    with replacing(path) as temporary:
        pq.write_table(plain, temporary, row_group_size=ROW_GROUP, compression="zstd", version="2.6")


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.list_(_plain(kind.value_type)) if pa.types.is_list(kind) else kind


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`; it replaces `target` when the block ends, and is removed when the block fails.

    DVC removes an output before its stage runs. What a killed stage left is replaced.
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
