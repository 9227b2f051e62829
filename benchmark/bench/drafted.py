"""Share of a track's generated texts that equal the unmodified model's, and so need no decoding of their own."""

from pathlib import Path

import pandas as pd

from benchmark.errors import InputError
from benchmark.tasks.metrics import TEXT_METRICS

DOCUMENT = ["task", "split", "doc_id"]


def shares(data: Path) -> pd.DataFrame:
    """Share of generated texts that equal the base model's, by arm and step (rows) and model (columns)."""
    bases = {
        path.parent.parent.name: _texts(path) for path in sorted(data.glob("runs/*/none/samples.parquet"))
    }
    if not bases:
        raise InputError(f"{data}: no runs/*/none/samples.parquet: run `make repro` first")
    parts = [
        _texts(path).join(base.set_index(DOCUMENT)["prediction"].rename("base"), on=DOCUMENT)
        for model, base in bases.items()
        for path in sorted(data.glob(f"runs/{model}/*/samples.parquet"))
        if path.parent.name != "none"
    ]
    texts = pd.concat(parts)
    texts["equal"] = texts.prediction == texts.base
    table: pd.DataFrame = texts.pivot_table("equal", index=["arm", "step"], columns="model")
    return table


def _texts(path: Path) -> pd.DataFrame:
    columns = ["model", "arm", "step", *DOCUMENT, "prediction"]
    return pd.read_parquet(path, columns=columns, filters=[("metric", "in", list(TEXT_METRICS))])
