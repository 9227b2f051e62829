"""Result files as tables of rows with keys: what is missing, what differs and by how much."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.diff.changed_inputs import NAMED
from benchmark.diff.comparable import COLUMNS
from benchmark.errors import CheckFailed
from benchmark.schema.result_columns import families_of, schema_of
from benchmark.schema.stored_columns import ALL, NO_ARM

ENTRY = ["model", "arm", "corpus"]
RUN = [*ENTRY, "draw", "text_id", "seed"]
KEYS: Mapping[str, list[str]] = {
    "corpora.json": ["corpus"],
    "texts.parquet": ["corpus", "index"],
    "documents.parquet": ["model", "draw", *RUN[1:], "task", "doc_id"],
    "draws.csv": ["model", "draw"],
    "runs.csv": RUN,
    "run_curves.csv": [*RUN, "step", "split", "scope"],
    "curves.csv": [*ENTRY, "step", "scope"],
    "scores.csv": [*ENTRY, "measure", "scope"],
    "entries.csv": ENTRY,
    "comparisons.csv": [*ENTRY, "baseline", "baseline_kind", "baseline_arm", "measure", "scope"],
    "pairs.csv": [*ENTRY, "other_model", "other_arm", "other_corpus", "scope"],
    "sensitivity.csv": [*ENTRY, "scope", "step"],
    "familiarity.csv": ["model", "arm", "level"],
    "profile.csv": [*ENTRY, "scope"],
    "selection_simulation.csv": ["model", "family", "pattern", "changed"],
}
"""Columns that name a row of a file; rows with equal names are numbered in their order.

The step of a document's row is not part of the name: it is the step that the run chose, so it is a result.
"""
ONE: Mapping[str, str] = {"draw": "0", "measure": "score"}
"""Values for columns that results of an older version lack: one pretraining draw, one measure."""
SAMPLES = "documents.parquet"
TABULAR = (".csv", ".parquet")


def read(name: str, content: bytes) -> pd.DataFrame | None:
    """A file's rows, with the cells of a CSV as text; None for a file that is not a table.

    Raises:
        CheckFailed: the file does not have the format that its name says.
    """
    try:
        if name.endswith(".csv"):
            return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        if name.endswith(".parquet"):
            table: pd.DataFrame = pq.read_table(pa.BufferReader(content)).to_pandas()
            # Older results, from before a model could have several pretraining draws, have one draw.
            return table.assign(draw=0) if name == SAMPLES and "draw" not in table else table
        return pd.DataFrame(json.loads(content)) if name == "corpora.json" else None
    except (ValueError, KeyError, pa.ArrowException) as error:
        raise CheckFailed(f"{name}: cannot be read as a table ({error}): make it again") from None


def alike(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of a CSV, each with the columns of `ONE` that at least one of them has."""
    names = {column: value for column, value in ONE.items() if column in before or column in after}
    return before.assign(**_absent(before, names)), after.assign(**_absent(after, names))


def _absent(table: pd.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    return {column: value for column, value in names.items() if column not in table}


def dropped_columns(name: str, before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Columns of `before` that `after` lacks because the current schema has no such column (`schema.TABLES`)."""
    before = list(before)
    schema = schema_of(name, before)
    known = {*after, *(before if schema is None else schema.names)}
    return [column for column in before if column not in known]


def keyed(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table, indexed by its key and by the number of the row among the rows with that key."""
    key = [column for column in KEYS.get(name, []) if column in table.columns]
    rows = table.groupby(key, sort=False).cumcount() if key else pd.Series(range(len(table)), dtype="int64")
    return table.assign(row=rows.to_numpy()).set_index([*key, "row"])


def numbered_soups(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an entry's soups numbered, because their names depend on the steps that their members chose."""
    if "text_id" not in table.columns:
        return table
    soups = table["text_id"].astype(str).str.startswith("soup-")
    if not soups.any():
        return table
    number = table[soups].groupby(ENTRY)["text_id"].rank(method="dense").astype(int)
    names = table["text_id"].astype(object)
    names[soups] = [f"soup {place}" for place in number]
    return table.assign(text_id=names)


def missing_rows(name: str, before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """The keys of rows of `before` that `after` does not have, in words.

    The number of document rows depends on how many steps a run chose: a row is missing only if no step has it.
    """
    if name == SAMPLES:
        key = [column for column in KEYS[name] if column in before.columns and column in after.columns]
        left, right = (side.set_index(key).index.unique() for side in (before, after))
    else:
        left, right = keyed(name, before).index, keyed(name, after).index
    return [words(key) for key in left.difference(right, sort=False)]


def differing_rows(name: str, before: pd.DataFrame, after: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """The keys of rows that differ in `columns` or exist on one side only, in words."""
    wanted = list(dict.fromkeys([*[k for k in KEYS.get(name, []) if k in before.columns], *columns]))
    left, right = (side[wanted].reset_index(drop=True) for side in (before, after))
    if left.equals(right):
        return []
    old, new, alone = _on_shared_rows(name, left, right)
    differs = pd.Series(False, index=old.index)
    for column in old.columns:
        differs |= (old[column] != new[column]) & ~(old[column].isna() & new[column].isna())
    return [words(key) for key in [*alone, *old.index[differs.to_numpy()]]]


def _on_shared_rows(
    name: str, before: pd.DataFrame, after: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Index]:
    """Both tables on the rows that both have, indexed alike by their keys, and the keys that only one has."""
    left, right = keyed(name, before), keyed(name, after)
    if left.index.equals(right.index):
        return left, right, left.index[:0]
    shared = left.index.intersection(right.index, sort=False)
    return left.loc[shared], right.loc[shared], left.index.symmetric_difference(right.index, sort=False)


def largest_differences(name: str, before: pd.DataFrame, after: pd.DataFrame) -> dict[str, float]:
    """The largest absolute difference by column of figures that differ, on rows that both sides have."""
    left, right, _ = _on_shared_rows(name, before, after)
    found = {}
    for column in left.columns.intersection(right.columns):
        old, new = left[[column]], right[[column]]
        if all(isinstance(side[column].dtype, pd.StringDtype) for side in (old, new)):
            # Numbers are read from the cells whose text differs only: most columns of a large table are names.
            moved = (old[column] != new[column]).to_numpy()
            old, new = old[moved], new[moved]
        gap = (figures(old, column) - figures(new, column)).abs().max()
        if gap > 0:
            found[str(column)] = float(gap)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def figures(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    """A column as numbers, nan for cells that are not numbers; all nan if the table has no such column."""
    if column not in table.columns:
        return pd.Series(float("nan"), index=table.index)
    return pd.to_numeric(table[column], errors="coerce").astype(float)


def summary_scopes(files: Mapping[str, bytes]) -> list[str]:
    """`all` and the families that the columns of `entries.csv` and `runs.csv` name."""
    headers = [read(name, files[name]) for name in ("entries.csv", "runs.csv") if name in files]
    families = [
        family.name for table in headers if table is not None for family in families_of(table.columns)
    ]
    return list(dict.fromkeys([ALL, *families]))


def entry_names(files: Mapping[str, bytes]) -> dict[str, frozenset[str]]:
    """The names of models, corpora and arms in a track's small tables, by section of the settings."""
    found: dict[str, set[str]] = {section: set() for section in NAMED}
    for name in KEYS:
        table = read(name, files[name]) if name in files and not name.endswith(".parquet") else None
        for section, columns in COLUMNS.items():
            for column in columns:
                if table is not None and column in table.columns:
                    found[section] |= set(table[column].unique())
    return {section: frozenset(names - {NO_ARM}) for section, names in found.items()}


def words(key: object) -> str:
    """A row's key as words, without the number among rows with the same key if it is 0."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if parts and parts[-1] == 0 and len(parts) > 1:
        parts = parts[:-1]
    return " ".join(str(part) for part in parts)
