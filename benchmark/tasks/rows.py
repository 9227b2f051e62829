"""The rows of one split, in the shape that lm-eval and the suites both take."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

Row = dict[str, Any]


class Rows(list[Row]):
    """A list of rows that also names its columns, which is all that lm-eval asks of a data set.

    Every row has ``doc_id``, its number in the source split before any filter.
    """

    @property
    def features(self) -> dict[str, None]:
        """Column names, as keys; empty where there is no row."""
        return dict.fromkeys(self[0]) if self else {}


def numbered(rows: Iterable[Mapping[str, Any]], *, start: int = 0) -> Rows:
    """The rows with ``doc_id`` counted from ``start`` in their order."""
    return Rows({"doc_id": start + number, **row} for number, row in enumerate(rows))


def content_hash(row: Mapping[str, Any]) -> str:
    """sha256 of a row's content, ``doc_id`` apart, so that equal documents have equal hashes."""
    content = {key: value for key, value in row.items() if key != "doc_id"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def halves(rows: Iterable[Row]) -> tuple[Rows, Rows]:
    """Two halves by the parity of each document's hash: (select, test), each in source order.

    A document's half depends on its content alone, so a document that occurs twice is in one half only.
    """
    select, test = Rows(), Rows()
    for row in rows:
        (select if int(content_hash(row)[:2], 16) % 2 else test).append(row)
    return select, test
