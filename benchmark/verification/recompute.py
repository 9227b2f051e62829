"""Part one of `verify`: the tables of an entry, computed again from its stored samples."""

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.errors import CheckFailed, InputError
from benchmark.schema.read_tables import text_rows
from benchmark.store.entry_lookup import Entry
from benchmark.system.files import read_json

TOLERANCE = 1e-12
PRINTED_DIGITS = 10
"""Significant digits of the stored tables; on another machine a figure may differ by one unit of the last."""

NAMES = frozenset(
    {
        *("track", "suite_version", "row_kind", "model", "arm", "corpus", "text_id", "seed", "index", "step"),
        *("split", "scope", "measure", "draw", "level", "id", "baseline", "baseline_kind", "baseline_arm"),
        *("other_model", "other_arm", "other_corpus"),
    }
)
"""Columns that say what a row is about."""
NOT_COMPARED = frozenset({"verification"})
FROM_OTHERS = {
    "entries.csv": frozenset(
        {"rank", "rank_low", "rank_high", "prob_improve_control", "prob_improve_control_arm"}
    ),
    "comparisons.csv": frozenset(
        {
            *("p_adjusted", "q_value", "p_noninferior_adjusted", "p_negligible_adjusted", "verdict"),
            *("mde", "mde_adjusted"),
        }
    ),
}
"""Columns of an entry's rows that depend on the samples of other entries, including controls."""

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FigureDifference:
    """A stored figure that does not follow from the stored samples.

    Attributes:
        entry: (model, arm, corpus) of its row; empty names if the table has none.
        shared: whether it also depends on other entries' samples.
    """

    table: str
    entry: tuple[str, str, str]
    where: str
    stored: str
    computed: str
    shared: bool

    def __str__(self) -> str:
        stored, computed = self.stored or "nothing", self.computed or "nothing"
        return f"{self.table} {self.where}: stored {stored}, computed {computed}"


def check_tables(entry: Entry) -> list[FigureDifference]:
    """Differences that concern the entry; none if its tables follow from the stored samples.

    A figure that also depends on other entries counts only if no other entry is itself inconsistent.

    Raises:
        CheckFailed: the tables cannot be computed again for a reason outside the entry.
    """
    from benchmark.pipeline.score_stage import stored_scores, write_tables

    stored = entry.paths.results
    if not (stored / "entries.csv").is_file():
        raise InputError(f"{entry}: no {stored / 'entries.csv'}: run `dvc repro` first")
    with tempfile.TemporaryDirectory() as folder:
        computed = Path(folder)
        try:
            write_tables(stored_scores(entry.settings, entry.paths), computed)
        except (InputError, OSError) as error:
            raise CheckFailed(f"{entry}: the tables cannot be computed again: {error}") from None
        found = [*table_differences(stored, computed), *document_differences(stored, computed, entry)]
    elsewhere = any(not difference.shared and difference.entry != entry.key for difference in found)
    own = [difference for difference in found if difference.entry == entry.key]
    return [difference for difference in own if not (difference.shared and elsewhere)]


def table_differences(stored: Path, computed: Path) -> list[FigureDifference]:
    """Differences between the CSV files of two results folders, and between the parts of their claims."""
    found: list[FigureDifference] = []
    for path in sorted(computed.glob("*.csv")):
        found += compare_rows(path.name, _rows(stored / path.name), _rows(path))
    found += compare_rows("claims.json", _claim_parts(stored), _claim_parts(computed))
    return found


def compare_rows(
    table: str, stored: Sequence[Mapping[str, str]], computed: Sequence[Mapping[str, str]]
) -> Iterator[FigureDifference]:
    """Differences between two tables of text cells; rows are matched by the columns that name them."""
    left, right = _keyed(stored), _keyed(computed)
    for key in [*left, *(key for key in right if key not in left)]:
        names = dict(key)
        entry = (names.get("model", ""), names.get("arm", ""), names.get("corpus", ""))
        shared_row = table in {"pairs.csv", "claims.json"} or names.get("baseline_kind") == "control"
        where = " ".join(value for _, value in key)
        if key not in left or key not in right:
            rows = ["a row" if key in side else "" for side in (left, right)]
            yield FigureDifference(table, entry, where, rows[0], rows[1], shared_row)
            continue
        for column in left[key].keys() | right[key].keys():
            old, new = left[key].get(column, ""), right[key].get(column, "")
            if column not in NOT_COMPARED and not same(old, new):
                shared = shared_row or column in FROM_OTHERS.get(table, ())
                yield FigureDifference(table, entry, f"{where} {column}", old, new, shared)


def same(stored: str, computed: str) -> bool:
    """Whether two cells are equal as text, or as numbers to 1e-12 and to the digits that tables print."""
    if stored == computed:
        return True
    try:
        left, right = float(stored), float(computed)
    except ValueError:
        return False
    if not (math.isfinite(left) and math.isfinite(right)):
        return False
    size = max(abs(left), abs(right))
    printed = 10.0 ** (math.floor(math.log10(size)) - PRINTED_DIGITS + 1) if size else 0.0
    return abs(left - right) <= TOLERANCE + 1.001 * printed


def document_differences(stored: Path, computed: Path, entry: Entry) -> list[FigureDifference]:
    """Differences between the results folders in the entry's documents and in the texts of its corpus."""
    found = []
    model, arm, corpus = entry.key
    conditions = {
        "documents.parquet": (pc.field("model") == model)
        & (pc.field("arm") == arm)
        & (pc.field("corpus") == corpus),
        "texts.parquet": pc.field("corpus") == corpus,
    }
    for name, condition in conditions.items():
        old, new = _parquet(stored / name, condition), _parquet(computed / name, condition)
        if old is None or new is None or not old.equals(new):
            rows = ["unreadable" if table is None else f"{table.num_rows} rows" for table in (old, new)]
            found.append(
                FigureDifference(name, entry.key, "rows of the entry", rows[0], rows[1], shared=False)
            )
    return found


def _parquet(path: Path, condition: Any) -> pa.Table | None:
    try:
        return pq.read_table(path).filter(condition).combine_chunks()
    except (pa.ArrowException, OSError):
        return None


def _rows(path: Path) -> list[dict[str, str]]:
    return text_rows(path) if path.is_file() else []


def _claim_parts(folder: Path) -> list[dict[str, str]]:
    """The parts of every claim as rows of text."""
    try:
        claims = read_json(folder / "claims.json")["claims"]
        parts = [{"id": claim["id"], **part} for claim in claims for part in claim.get("parts", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [{key: "" if value is None else str(value) for key, value in part.items()} for part in parts]


def _keyed(rows: Sequence[Mapping[str, str]]) -> dict[Key, dict[str, str]]:
    seen: Counter[Key] = Counter()
    keyed: dict[Key, dict[str, str]] = {}
    for row in rows:
        key = tuple((name, value) for name, value in row.items() if name in NAMES)
        seen[key] += 1
        number = (("", f"#{seen[key]}"),) if seen[key] > 1 else ()
        keyed[key + number] = {name: value for name, value in row.items() if name not in NAMES}
    return keyed
