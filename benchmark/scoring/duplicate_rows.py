"""Which rows of sample tables have the same key, and the files that hold them: for a refusal that names both."""

from collections.abc import Iterable

import pandas as pd

from benchmark.scoring.sample_arrays import RUN
from benchmark.scoring.sample_batches import Chunk, Codes

KEY = ["run", "step", "document"]


def repeated_row(chunks: Iterable[Chunk]) -> str:
    """The key of the first row that another one repeats, and the files that hold it, as part of a sentence.

    A second reading of the files: the first, which nearly always finds no repeat, need not keep for each row
    where it came from. Raises IndexError where no row is repeated.
    """
    runs, documents = Codes(), Codes()
    names: list[str] = []
    parts = []
    for chunk in chunks:
        if chunk.name not in names:
            names.append(chunk.name)
        run = runs.add(*chunk.grouped(*RUN), chunk.integers["seed"])
        document = documents.add(*chunk.grouped("split", "task"), chunk.integers["doc_id"])
        part = pd.DataFrame({"run": run, "step": chunk.integers["step"], "document": document})
        parts.append(part.astype("int32").assign(file=len(names) - 1))
    rows = pd.concat(parts, ignore_index=True)
    repeated = rows[rows.duplicated(KEY, keep=False)]
    run, step, document = repeated[KEY].to_numpy().tolist()[0]
    same = repeated[(repeated[KEY] == [run, step, document]).all(axis=1)]
    files = [names[number] for number in same["file"].unique()]
    where = f"{' and '.join(files)} hold" if len(files) > 1 else f"{files[0]} holds twice"
    model, draw, *rest = runs.keys()[run]
    key = "/".join(map(str, (model, *rest))) + (f", draw {draw}" if draw != "0" else "")
    split, task, doc_id = documents.keys()[document]
    return f"{where} {key}, step {step}, {split} document {doc_id} of task {task}"
