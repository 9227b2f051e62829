"""How many texts of a track's checkpoints are those of the unmodified model, and so cost no decoding of their own.

Run as ``python -m benchmark.bench.drafted data/micro`` after ``make repro``.
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from benchmark.errors import InputError

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
    table = pq.read_table(path, columns=columns, filters=[("family", "=", "dialogue")])
    frame: pd.DataFrame = table.to_pandas()
    return frame


def main() -> None:
    """Print the shares."""
    try:
        print(
            shares(Path(sys.argv[1] if len(sys.argv) > 1 else "data/micro")).to_string(
                float_format="{:.2f}".format
            )
        )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
