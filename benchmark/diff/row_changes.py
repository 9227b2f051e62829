"""The rows, columns and claims of a track that can be compared between both sides."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from benchmark.diff.comparable import Scope
from benchmark.diff.compared_tables import (
    KEYS,
    TABULAR,
    alike,
    differing_rows,
    dropped_columns,
    missing_rows,
    read,
)
from benchmark.diff.two_sides import Sides
from benchmark.diff.verdict_changes import CLAIMS, comparable_claims
from benchmark.schema.result_columns import TABLES


@dataclass(frozen=True)
class Pair:
    """A table on both sides, without the rows that depend on differing inputs."""

    name: str
    before: pd.DataFrame
    after: pd.DataFrame

    @property
    def missing_columns(self) -> list[str]:
        """Columns of the current schema that the working tree's table lacks."""
        dropped = dropped_columns(self.name, list(self.before.columns), list(self.after.columns))
        return [
            str(column)
            for column in self.before.columns
            if column not in self.after.columns and column not in dropped
        ]

    @property
    def shared_columns(self) -> list[str]:
        """Columns that both sides have."""
        return [str(column) for column in self.before.columns if column in self.after.columns]


def pairs(sides: Sides, scope: Scope) -> Iterator[Pair]:
    """The tables whose content differs, one at a time."""
    for name in sides.both if scope.tables else []:
        tables = [read(name, files[name]) for files in (sides.before, sides.after)]
        kept = [table[~scope.depends(name, table)] for table in tables if table is not None]
        if len(kept) == 2:
            yield Pair(name, *(alike(*kept) if name.endswith(".csv") else kept))


def another_schema(sides: Sides, scope: Scope) -> str:
    """One line if tables of the commit have columns that the current schema no longer has; otherwise empty."""
    changed = []
    for name in sides.both:
        if name in TABLES:
            old, new = (_head(files[name]) for files in (sides.before, sides.after))
            if gone := dropped_columns(name, old, new):
                changed.append(f"{name} (without {', '.join(gone)}; {len(set(new) - set(old))} columns new)")
    if not changed:
        return ""
    how = "; the columns that both have are compared" if scope.tables else ""
    return f"tables of another version stand at {sides.repository.short}: {', '.join(changed)}{how}"


def _head(content: bytes) -> list[str]:
    return content.split(b"\n", 1)[0].decode(errors="replace").strip().split(",")


def missing(pair: Pair) -> list[str]:
    """Columns and rows that the working tree lacks, in words."""
    if pair.missing_columns:
        return [f"{pair.name}: column {column} is missing" for column in pair.missing_columns]
    rows = missing_rows(pair.name, pair.before, pair.after)
    return [f"{pair.name}: {counted(rows, 'missing')}"] if rows else []


def differing(sides: Sides, scope: Scope) -> dict[str, str]:
    """By file, in words, the first row, column or claim that differs although its inputs do not.

    Files that are not tables must be equal byte for byte if the code and the rules of scoring are the same.
    """
    found: dict[str, str] = {}
    for pair in pairs(sides, scope):
        gone = missing(pair)
        columns = scope.compared_columns(pair.name, pair.shared_columns)
        rows = [] if gone else differing_rows(pair.name, pair.before, pair.after, columns)
        if gone or rows:
            found[pair.name] = gone[0] if gone else f"{pair.name}: {counted(rows, 'differ')}"
    if CLAIMS in sides.both:
        claims = comparable_claims(sides.before[CLAIMS], sides.after[CLAIMS], scope)
        changed = [name for name, (old, new) in claims.items() if old != new]
        if changed:
            found[CLAIMS] = f"{CLAIMS}: {', '.join(changed)} not the same"
    for name in sides.both if scope.tables else []:
        if name != CLAIMS and name not in KEYS and not name.endswith(TABULAR):
            found[name] = f"{name} differs"
    return found


def counted(rows: list[str], how: str) -> str:
    """The number of rows, and the first one, in words."""
    number = f"{len(rows)} rows" if len(rows) > 1 else "1 row"
    return f"{number} {how}{'s' if how == 'differ' and len(rows) == 1 else ''}, first {rows[0]}"
