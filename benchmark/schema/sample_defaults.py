"""Sample tables as stored, with the columns that older ones lack."""

import pyarrow as pa
import pyarrow.compute as pc

from benchmark.schema.stored_columns import SAMPLES


def with_defaults(table: pa.Table) -> pa.Table:
    """The table with draw 0, a cluster for each document and no probability, where these were not written."""
    for name in ("draw", "cluster", "probability"):
        if name not in table.schema.names:
            field = SAMPLES.field(name)
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    own = table.column("doc_id").cast(pa.string())
    filled = {
        "draw": pc.fill_null(table.column("draw"), 0),
        "cluster": pc.coalesce(table.column("cluster"), own),
    }
    for name, column in filled.items():
        table = table.set_column(table.schema.get_field_index(name), SAMPLES.field(name), column)
    return table.select([name for name in SAMPLES.names if name in table.schema.names])
