"""A small track that the pipeline makes, for tests that alter what it stored."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.schema.stored_columns import SAMPLES
from benchmark.store.track_paths import TrackPaths
from benchmark.system.files import read_json, write_json, write_parquet
from tests.pipeline.small import run_stages
from tests.tiny_model import write_model

PARAMS = """\
track: {name: micro, root: ., params: params.yaml}
models:
  small: {kind: folder, role: treated, path: made/small}
  large: {kind: folder, role: baseline, path: made/large}
corpora:
  code: {kind: file, path: made/code.txt}
  seen: {kind: file, path: made/seen.txt}
arms:
  gap: {kind: ascent}
  random: {kind: random}
  soup: {kind: soup, of: gap, group: 2, corpora: [code]}
posttrain: {learning_rate: 1.0e-3, max_steps: 3}
evaluation:
  {suite: micro12, tasks: [micro_cause, micro_persona], documents: 4, select_documents: 4, base_documents: 6,
   max_length: 128, steps: [1, 3]}
execution: {workers: 1}
scoring: {resamples: 100}
"""
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory, one_suite: None) -> Path:
    """A track of one treated model and four texts in each corpus; its results are those of the machine `there`."""
    root = tmp_path_factory.mktemp("verified")
    for number, (name, hidden) in enumerate((("small", 8), ("large", 24))):
        write_model(root / "made" / name, hidden=hidden, positions=256, scale=0.3, seed=number)
    for corpus in ("code", "seen"):
        lines = "".join(f"{corpus} {number}: {'so ' * number}it goes\n" for number in range(4))
        (root / "made" / f"{corpus}.txt").write_text(lines, encoding="utf-8")
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    run_stages(root / "params.yaml")
    provenance = root / "results" / "micro" / "provenance.json"
    write_json(provenance, read_json(provenance) | {"hardware": {"host": "there"}})
    return root


@pytest.fixture
def paths(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackPaths:
    """A copy without the run cache, so that a repeated run cannot be found there; we stand in it."""
    root = tmp_path / "track"
    shutil.copytree(pristine, root, ignore=shutil.ignore_patterns(".gapbench"))
    monkeypatch.chdir(root)
    return TrackPaths(root, "micro")


def alter_samples(paths: TrackPaths, corpus: str, change: Change, where: dict[str, Any]) -> None:
    """Apply `change` to the first row of a run group's samples that has the values of `where`."""
    path = paths.run_group("small", corpus) / "samples.parquet"
    rows = pq.read_table(path).to_pylist()
    change(next(row for row in rows if where.items() <= row.items()))
    write_parquet(path, pa.Table.from_pylist(rows, schema=SAMPLES))
