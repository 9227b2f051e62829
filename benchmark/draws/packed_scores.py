"""Scores by document in few bytes: whole millionths; for a treated model, differences from its base.

A file has the columns that name a row, and the figures as integers. Columns that depend on the document only
(family, metric, target, cluster) are read from the trained draws' samples, which are on the same documents.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.errors import CheckFailed
from benchmark.schema.stored_columns import SAMPLES
from benchmark.system.sorted_tables import sorted_table

UNIT = 1_000_000
FIGURES = tuple(name for name in ("value", "probability") if name in SAMPLES.names)
DOCUMENT = ["task", "split", "doc_id"]
BASE = ["draw", *DOCUMENT]
RUN = ["draw", "arm", "text_id", "seed", "step", *DOCUMENT]
OF_DOCUMENT = tuple(name for name in ("family", "metric", "target", "cluster") if name in SAMPLES.names)


def pack_base(samples: pa.Table) -> pd.DataFrame:
    """Rows of unmodified draws: `BASE` and the figures in millionths, null if there is none."""
    return _millionths(samples, BASE)


def pack_runs(samples: pa.Table, base: pd.DataFrame) -> pd.DataFrame:
    """The rows of runs: `RUN` and the differences of the figures from those of the run's base."""
    return _moved(_millionths(samples, RUN), base, -1)


def unpack_base(rows: pd.DataFrame, documents: pd.DataFrame, names: dict[str, str]) -> pa.Table:
    """The columns of `schema.SAMPLES` of unmodified draws.

    Args:
        documents: `DOCUMENT` and `OF_DOCUMENT` of every document, once.
        names: the columns that are the same in all rows.
    """
    return _samples(rows.assign(seed=0, step=0), documents, names)


def unpack_runs(
    rows: pd.DataFrame, base: pd.DataFrame, documents: pd.DataFrame, names: dict[str, str]
) -> pa.Table:
    """The columns of `schema.SAMPLES` of runs; `base` are the rows of `pack_base`."""
    return _samples(_moved(rows, base, 1), documents, names)


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Write packed rows; equal rows give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {name: SAMPLES.field(name).type for name in rows.columns} | {name: pa.int32() for name in FIGURES}
    table = pa.table({name: pa.array(rows[name], kind, from_pandas=True) for name, kind in kinds.items()})
    named = [name for name in table.schema.names if name not in FIGURES]
    pq.write_table(
        table, path, compression="zstd", compression_level=19, version="2.6", use_dictionary=named,
        column_encoding=dict.fromkeys(FIGURES, "BYTE_STREAM_SPLIT"), row_group_size=1 << 20,
        write_statistics=False, store_schema=False,
    )  # fmt: skip


def read_rows(path: Path) -> pd.DataFrame:
    """Packed rows of a file."""
    rows: pd.DataFrame = pq.read_table(path).to_pandas().astype(dict.fromkeys(FIGURES, "Int64"))
    return rows


def _millionths(samples: pa.Table, names: list[str]) -> pd.DataFrame:
    ordered = sorted_table(samples.select([*names, *FIGURES]), names)
    rows: pd.DataFrame = ordered.to_pandas()
    for name in FIGURES:
        rows[name] = (rows[name] * UNIT).round().astype("Int64")
    return rows


def _moved(rows: pd.DataFrame, base: pd.DataFrame, sign: int) -> pd.DataFrame:
    joined = rows[BASE].merge(base, on=BASE, how="left", validate="many_to_one", indicator=True)
    if (joined["_merge"] != "both").any():
        raise CheckFailed("kept scores: a run has a document that its base has not: make them again")
    moved = rows.reset_index(drop=True)
    return moved.assign(**{name: moved[name] + sign * joined[name] for name in FIGURES})


def _samples(rows: pd.DataFrame, documents: pd.DataFrame, names: dict[str, str]) -> pa.Table:
    joined = rows.merge(documents, on=DOCUMENT, how="left", validate="many_to_one", indicator=True)
    if (joined["_merge"] != "both").any():
        raise CheckFailed("kept scores: a document is not among those of this track: make them again")
    columns = []
    for field in SAMPLES:
        if field.name in names:
            columns.append(pa.repeat(pa.scalar(names[field.name], field.type), len(joined)))
        elif field.name in FIGURES:
            columns.append(
                pa.array((joined[field.name] / UNIT).astype("Float64"), field.type, from_pandas=True)
            )
        elif field.name in joined:
            columns.append(pa.array(joined[field.name], field.type, from_pandas=True))
        else:
            columns.append(pa.nulls(len(joined), field.type))
    return pa.table(columns, schema=SAMPLES)
