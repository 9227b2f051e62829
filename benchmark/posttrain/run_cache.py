"""Finished runs, kept outside the outs under their content key, so that an interrupted stage continues."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmark.posttrain.run_loop import RunResult
from benchmark.system.files import write_json, write_parquet


class Journal:
    """A folder of finished runs; an entry appears in one step or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str) -> RunResult | None:
        """The run stored under `key`; null where there is none."""
        entry = self._entry(key)
        if not entry.is_dir():
            return None
        record = json.loads((entry / "run.json").read_text(encoding="utf-8"))
        return RunResult(record, pq.read_table(entry / "samples.parquet"))

    def store(self, key: str, result: RunResult) -> None:
        """Keep `result` under `key`; a second writer of the same key changes nothing."""
        entry = self._entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=entry.parent))
        try:
            write_json(folder / "run.json", result.record)
            write_parquet(folder / "samples.parquet", result.samples)
            os.rename(folder, entry)  # noqa: PTH104 - fails where the entry exists, which Path.rename hides
        except OSError:
            if not entry.is_dir():
                raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _entry(self, key: str) -> Path:
        return self.folder / key[:2] / key
