"""Finished runs, stored under their content key outside the stages' outputs, so that an interrupted stage continues."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.posttrain.record import StoredRecord
from benchmark.system.files import write_json, write_parquet

Record = TypeVar("Record", bound=StoredRecord)


class RunCache:
    """A folder of finished runs; an entry appears in one step or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str, kind: type[Record]) -> tuple[Record, pa.Table] | None:
        """Record and samples stored under `key`; None if there are none."""
        entry = self._entry(key)
        if not entry.is_dir():
            return None
        record = kind.model_validate(json.loads((entry / "run.json").read_text(encoding="utf-8")))
        return record, pq.read_table(entry / "samples.parquet")

    def store(self, key: str, record: StoredRecord, samples: pa.Table) -> None:
        """Store record and samples under `key`; a second writer of the same key changes nothing."""
        entry = self._entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=entry.parent))
        try:
            write_json(folder / "run.json", record.stored())
            write_parquet(folder / "samples.parquet", samples)
            os.rename(folder, entry)  # noqa: PTH104 - fails where the entry exists, which Path.rename hides
        except OSError:
            if not entry.is_dir():
                raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _entry(self, key: str) -> Path:
        return self.folder / key[:2] / key
