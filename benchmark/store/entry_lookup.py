"""An entry of the leaderboard by name, and what the pipeline has stored of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.errors import InputError
from benchmark.schema.sample_defaults import with_defaults
from benchmark.settings.names import nearest
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks
from benchmark.system.sorted_tables import sorted_table

ORDER = ("text_id", "seed", "step", "task", "split", "doc_id")
PIECE = 1 << 16
"""Rows whose text is in memory at once for a digest."""


@dataclass(frozen=True)
class Entry:
    """(track, model, arm, corpus) with the settings and folders of its track."""

    settings: Settings
    paths: TrackPaths
    model: str
    arm: str
    corpus: str

    @property
    def key(self) -> tuple[str, str, str]:
        """(model, arm, corpus)."""
        return self.model, self.arm, self.corpus

    def __str__(self) -> str:
        return "/".join((self.paths.track, *self.key))

    def samples(self) -> pa.Table:
        """The entry's stored samples, sorted.

        Raises:
            InputError: the pipeline has not stored any.
        """
        path = self.stored / "samples.parquet"
        table = _read(path).filter(pc.field("arm") == self.arm) if path.is_file() else None
        if table is None or table.num_rows == 0:
            raise InputError(f"{self}: no stored runs: run `dvc repro` (or `dvc pull`) first")
        return sorted_table(table, ORDER)

    @property
    def stored(self) -> Path:
        """The folder of its run group."""
        return self.paths.run_group(self.model, self.corpus)


def _read(path: Path) -> pa.Table:
    try:
        return with_defaults(pq.read_table(path))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: no readable sample table ({str(error)[:100]}): run `dvc repro`") from None


def find_entry(name: str, root: Path) -> Entry:
    """The entry `model/arm/corpus`, or `track/model/arm/corpus`; without a track, the first that has it.

    Raises:
        InputError: no track names such an entry.
    """
    parts = name.split("/")
    if len(parts) not in {3, 4}:
        raise InputError(f"entry {name!r:.120}: expected model/arm/corpus, such as micro-1/gap/code")
    known = all_tracks(root)
    if len(parts) == 4:
        named = {path: settings for path, settings in known.items() if settings.track.name == parts[0]}
        if not named:
            tracks_known = [settings.track.name for settings in known.values()]
            raise InputError(f"entry {name!r:.120}: no track '{parts[0]}'{nearest(parts[0], tracks_known)}")
        known = named
    faults = []
    for path, settings in known.items():
        fault = _missing(parts[-3:], settings)
        if not fault:
            return Entry(settings, TrackPaths.of(path, settings), *parts[-3:])
        faults.append(fault)
    raise InputError(f"entry {name!r:.120}: {faults[0] if faults else f'no params.yaml in {root}'}")


def _missing(parts: list[str], settings: Settings) -> str:
    sections = (("model", settings.models), ("arm", settings.arms), ("corpus", settings.corpora))
    for part, (what, names) in zip(parts, sections, strict=True):
        if part not in names:
            return f"no {what} '{part}'{nearest(part, list(names))}"
    return ""


def samples_digest(samples: pa.Table) -> str:
    """sha256 over the values of sorted samples, the same for any version of Parquet or Arrow."""
    digest = hashlib.sha256()
    for name in sorted(samples.schema.names):
        column = samples.column(name)
        digest.update(f"{name}\n".encode())
        if pa.types.is_list(column.type):
            array = column.combine_chunks()
            digest.update(pc.fill_null(pc.list_value_length(array), -1).to_numpy().astype("<i8").tobytes())
            values = array.flatten().to_numpy(zero_copy_only=False)
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            _add_list(digest, column)
        else:
            kind = "<f8" if pa.types.is_floating(column.type) else "<i8"
            digest.update(column.to_numpy().astype(kind).tobytes())
    return digest.hexdigest()


def _add_list(digest: Any, column: pa.ChunkedArray) -> None:
    """Add `repr` of the column as one list, in pieces: as a whole it would be several times the column in memory."""
    between = ""
    digest.update(b"[")
    for start in range(0, len(column), PIECE):
        piece = repr(column.slice(start, PIECE).to_pylist())[1:-1]
        digest.update((between + piece).encode("utf-8", "surrogatepass"))
        between = ", "
    digest.update(b"]")
