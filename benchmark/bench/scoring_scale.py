"""Scale benchmark: make the samples of 900 runs (55 million rows), score them, report seconds and memory."""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.results.score_track import run_score
from benchmark.schema.stored_columns import NO_ARM, NO_TEXT, SAMPLES, SAMPLES_OPTIONAL
from benchmark.settings.scoring_settings import ScoringSettings

SECONDS, GIBIBYTES = 120.0, 4.0
"""Bounds for scoring the full size on 2 cores."""

MODELS = {
    "model-s": {"parameters": 300, "ladder": "scale", "role": "both"},
    "model-m": {"parameters": 1200, "ladder": "scale", "role": "both"},
    "model-l": {"parameters": 2600, "ladder": "scale", "role": "both"},
    "model-xl": {"parameters": 6600, "ladder": "scale", "role": "baseline"},
}
CORPORA = ("code", "web", "memorised")
ROW_GROUP = 131_072
SCHEMA = pa.schema([field for field in SAMPLES if field.name not in SAMPLES_OPTIONAL])
Checkpoint = tuple[dict[str, str], int, np.random.Generator]


@dataclass(frozen=True)
class Size:
    """Runs (spread over 3 models x 3 corpora), steps, tasks and documents per task, both splits together."""

    runs: int = 900
    steps: int = 16
    tasks: int = 12
    documents: int = 320


def make_samples(folder: Path, size: Size) -> int:
    """Write one parquet file per model and corpus, and one for the base models; the number of rows."""
    rng = np.random.default_rng(0)
    documents = _documents(size)
    bare = {"arm": NO_ARM, "corpus": NO_ARM, "text_id": NO_TEXT}
    rows = _write(
        folder / "base.parquet", documents, (({"model": model, **bare}, 0, rng) for model in MODELS)
    )
    texts = size.runs // 9
    for model in list(MODELS)[:3]:
        for corpus in CORPORA:
            names = {"model": model, "arm": "gap", "corpus": corpus}
            checkpoints = (
                ({**names, "text_id": f"{corpus}-{text:04d}"}, step, rng)
                for text in range(texts)
                for step in range(1, size.steps + 1)
            )
            rows += _write(folder / f"{model}-{corpus}.parquet", documents, checkpoints)
    return rows


def _documents(size: Size) -> pa.Table:
    """The columns that all checkpoints share, one row per document."""
    task = np.repeat(np.arange(size.tasks), size.documents)
    doc_id = np.tile(np.arange(size.documents), size.tasks)
    written = task >= size.tasks * 2 // 3
    columns = {
        "task": [f"task-{number:02d}" for number in task],
        "family": np.where(written, "texts", "choices"),
        "split": np.where(doc_id % 2 == 0, "select", "test"),
        "metric": np.where(written, "f1", "acc"),
    }
    table = {name: pa.array(values).dictionary_encode() for name, values in columns.items()}
    return pa.table({**table, "doc_id": pa.array(doc_id, pa.int64())})


def _write(path: Path, documents: pa.Table, checkpoints: Iterator[Checkpoint]) -> int:
    """One file in row groups of the pipeline's size; the number of rows."""
    together = ROW_GROUP // documents.num_rows + 1
    rows = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while tables := [_table(documents, *one) for one in islice(checkpoints, together)]:
            writer.write_table(pa.concat_tables(tables), row_group_size=ROW_GROUP)
            rows += len(tables) * documents.num_rows
    return rows


def _table(documents: pa.Table, key: dict[str, str], step: int, rng: np.random.Generator) -> pa.Table:
    count = documents.num_rows
    strings = {"track": "scale", **key}
    columns = {name: pa.repeat(pa.scalar(value), count) for name, value in strings.items()}
    columns |= {name: documents.column(name).cast(SCHEMA.field(name).type) for name in documents.column_names}
    columns["seed"] = pa.repeat(pa.scalar(0, pa.int64()), count)
    columns["step"] = pa.repeat(pa.scalar(step, pa.int32()), count)
    columns["value"] = pa.array((rng.random(count) < 0.5).astype(np.float64))
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def _score(folder: Path) -> tuple[float, float, float]:
    start = time.perf_counter()
    samples, settings = sorted(folder.glob("*.parquet")), ScoringSettings(suite_version="1")
    run_score(samples, MODELS, folder / "out", settings=settings)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def measure(size: Size, folder: Path) -> dict[str, float]:
    """Rows, seconds, processor seconds and peak GiB of scoring made-up samples in a fresh process."""
    rows = make_samples(folder, size)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured = pool.apply(_score, (folder,))
    names = ("seconds", "processor_seconds", "peak_gib")
    return {"rows": rows, **dict(zip(names, measured, strict=True))}


def run_scoring_scale(runs: int = 900) -> int:
    """Measure and print; 0: within the bounds, 1: not."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Size(runs=runs), Path(folder))
    print(json.dumps(found))
    if found["seconds"] <= SECONDS and found["peak_gib"] <= GIBIBYTES:
        return 0
    print(f"missed: more than {SECONDS:.0f} s or {GIBIBYTES:.0f} GiB", file=sys.stderr)
    return 1
