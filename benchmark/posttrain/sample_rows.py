"""The samples table of a checkpoint, and the chance scores of a model that broke down."""

from collections.abc import Mapping

import pyarrow as pa

from benchmark.schema.stored_columns import NO_ARM, NO_TEXT, SAMPLES
from benchmark.tasks.suite import Suite


def label_samples(samples: pa.Table, names: Mapping[str, str | int]) -> pa.Table:
    """The columns of `schema.SAMPLES`: the `names` of the checkpoint, then an evaluation's columns."""
    columns = [
        pa.repeat(pa.scalar(names[field.name], field.type), samples.num_rows)
        if field.name in names
        else samples.column(field.name).cast(field.type)
        for field in SAMPLES
    ]
    return pa.table(columns, schema=SAMPLES)


def base_samples(samples: pa.Table, *, track: str, model: str, draw: int = 0) -> pa.Table:
    """The samples of an unmodified model."""
    names = {"track": track, "model": model, "arm": NO_ARM, "corpus": NO_ARM, "text_id": NO_TEXT}
    return label_samples(samples, {**names, "draw": draw, "seed": 0, "step": 0})


def chance_samples(samples: pa.Table, suite: Suite) -> pa.Table:
    """The rows of `samples` of a run without one finite step: values and probabilities of chance, no prediction."""
    chance = {task.name: task.chance for task in suite.tasks}
    values = pa.array([chance[name] for name in samples.column("task").to_pylist()], pa.float64())
    table = samples
    for name in ("value", "probability"):
        table = table.set_column(table.schema.get_field_index(name), name, values)
    for name in ("prediction", "choice_logprobs"):
        field = SAMPLES.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.nulls(len(values), field.type))
    return table
