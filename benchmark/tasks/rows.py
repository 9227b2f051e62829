"""The rows of one split, in the shape that lm-eval and the suites both take."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]

NOT_CONTENT = ("doc_id", "cluster")
"""Columns that identify a document and are not part of it."""

SELECT_NUMBERS_FROM = 10_000_000
"""Added to the row number of a document that comes from another source split than the first ``test`` document."""


class Rows(list[Row]):
    """A list of rows that also names its columns, which is all that lm-eval asks of a data set.

    Every row has ``doc_id``, its number in the source split before any filter. Rows with one ``cluster`` ask
    the same; a row without is a cluster of its own (docs/CLUSTERS.md).
    """

    @property
    def features(self) -> dict[str, None]:
        """Column names, as keys; empty where there is no row."""
        return dict.fromkeys(self[0]) if self else {}


def numbered(rows: Iterable[Mapping[str, Any]], *, start: int = 0) -> Rows:
    """The rows with ``doc_id`` counted from ``start`` in their order."""
    return Rows({"doc_id": start + number, **row} for number, row in enumerate(rows))


def content(row: Mapping[str, Any]) -> Row:
    """A row without the columns of ``NOT_CONTENT``."""
    return {key: value for key, value in row.items() if key not in NOT_CONTENT}


def content_hash(row: Mapping[str, Any]) -> str:
    """sha256 of what a row says, whatever its number and cluster, so that equal documents have equal hashes."""
    return _text_hash(json.dumps(content(row), sort_keys=True, ensure_ascii=False))


def halves(rows: Iterable[Row]) -> tuple[Rows, Rows]:
    """Two halves by the parity of a hash: (select, test), each in source order.

    The hash is of the row's cluster, or of its content where it has none: documents that ask the same, and a
    document that occurs twice, are in one half only.
    """
    select, test = Rows(), Rows()
    for row in rows:
        hashed = _text_hash(row["cluster"]) if "cluster" in row else content_hash(row)
        (select if int(hashed[:2], 16) % 2 else test).append(row)
    return select, test


def drawn_by_hash(task: str, numbers: Sequence[int], count: int) -> frozenset[int]:
    """``count`` of a task's document ``numbers``, the first in the order of a hash of task and number.

    Fewer documents are always among those that more take, and the order of the source says nothing of them.
    """
    return frozenset(sorted(numbers, key=lambda number: (_text_hash(f"{task} {number}"), number))[:count])


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
