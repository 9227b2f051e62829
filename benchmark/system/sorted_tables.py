"""Sort tables whose columns of strings may hold more than the 2 GiB that one Arrow array of strings can."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

LIMIT = 2**31 - 1
"""Bytes that an array of strings can hold: its offsets are 32-bit."""


def sorted_table(table: pa.Table, names: Sequence[str], *, limit: int = LIMIT) -> pa.Table:
    """The rows of `table` in ascending order of the columns `names`, equal rows in their order before.

    The types of columns stay. A column of strings with more than `limit` bytes is returned in several chunks, none
    with more than `limit` bytes unless a single string is longer.

    Raises:
        pyarrow.ArrowInvalid: a single string has more than 2 GiB.
    """
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names])
    large = {
        place
        for place, column in enumerate(table.columns)
        if pa.types.is_string(column.type) and _text_bytes(column) > limit
    }
    columns = [
        _taken(column, order, limit) if place in large else column.take(order)
        for place, column in enumerate(table.columns)
    ]
    return pa.table(columns, schema=table.schema)


def _text_bytes(column: pa.ChunkedArray) -> int:
    return sum(pc.sum(pc.binary_length(chunk)).as_py() or 0 for chunk in column.chunks)


def _taken(column: pa.ChunkedArray, order: pa.Array, limit: int) -> pa.ChunkedArray:
    """`column.take(order)`, which joins all chunks to one array: here one with 64-bit offsets, taken in pieces."""
    joined = column.cast(pa.large_string()).combine_chunks()
    lengths = pc.fill_null(pc.binary_length(joined), 0).take(order).to_numpy()
    pieces = [
        joined.take(order.slice(start, stop - start)).cast(column.type)
        for start, stop in _cuts(lengths, limit)
    ]
    return pa.chunked_array(pieces, column.type)


def _cuts(lengths: npt.NDArray[np.int64], limit: int) -> Iterator[tuple[int, int]]:
    """Row ranges, as long as they can be, with at most `limit` bytes each; a longer row is alone."""
    ends = np.cumsum(lengths, dtype=np.int64)
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + limit, side="right")))
        yield start, stop
        start = stop
