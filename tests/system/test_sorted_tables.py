"""Tables with more text than one array of strings can hold are sorted, written and read; the limit is forced."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.store import entry_lookup
from benchmark.store.entry_lookup import samples_digest
from benchmark.system.files import write_parquet
from benchmark.system.sorted_tables import sorted_table

LIMIT = 40


def made(rows: int = 60) -> pa.Table:
    """Rows out of order, in three chunks, with texts of 0 to 18 bytes, None now and then, and one of 50 bytes."""
    numbers = [(number * 37) % rows for number in range(rows)]
    texts = [None if n % 11 == 0 else "x" * 50 if n == 30 else f"{n}" + "é" * (n % 9) for n in numbers]
    parts = [
        pa.table(
            [numbers[start : start + 25], pa.array(texts[start : start + 25], pa.string())],
            names=["n", "text"],
        )
        for start in range(0, rows, 25)
    ]
    return pa.concat_tables(parts)


def test_a_column_beyond_the_limit_is_sorted_in_pieces_that_keep_to_it() -> None:
    table = made()
    found = sorted_table(table, ["n"], limit=LIMIT)
    assert found.schema == table.schema
    assert found.to_pydict() == table.sort_by("n").to_pydict()
    pieces = [sum(len(text.encode()) for text in chunk.to_pylist() if text) for chunk in found["text"].chunks]
    assert len(pieces) > 5
    assert sorted(pieces)[-2] <= LIMIT
    assert max(pieces) == 50


def test_a_column_within_the_limit_is_sorted_as_arrow_does() -> None:
    table = made()
    found = sorted_table(table, ["n"])
    assert found.equals(table.sort_by("n"))
    assert found["text"].num_chunks == table.sort_by("n")["text"].num_chunks


def test_a_table_in_pieces_gives_the_same_file_values_as_one_that_is_whole(tmp_path: Path) -> None:
    table = made()
    write_parquet(tmp_path / "pieces.parquet", sorted_table(table, ["n"], limit=LIMIT))
    read = pq.read_table(tmp_path / "pieces.parquet")
    assert read.schema == table.schema
    assert read.equals(table.sort_by("n"))


def test_equal_rows_keep_their_order_and_a_table_may_be_empty() -> None:
    table = pa.table({"key": [1, 0, 1, 0], "text": ["aaaa", "bbbb", "cccc", "dddd"]})
    assert sorted_table(table, ["key"], limit=5)["text"].to_pylist() == ["bbbb", "dddd", "aaaa", "cccc"]
    assert sorted_table(table.slice(0, 0), ["key"], limit=0).num_rows == 0


def test_the_digest_of_samples_does_not_depend_on_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = made()["text"]
    whole = hashlib.sha256(b"text\n" + repr(text.to_pylist()).encode()).hexdigest()
    monkeypatch.setattr(entry_lookup, "PIECE", 7)
    assert samples_digest(pa.table({"text": text})) == whole
