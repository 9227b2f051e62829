"""Files, entries of the run cache and folders appear whole or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from benchmark.pipeline.prepare_dvc import clear_stale_lock, show_track
from benchmark.posttrain.record import StepRecord
from benchmark.posttrain.run_cache import RunCache
from benchmark.system.files import whole_folder, write_bytes, write_json, write_parquet

RECORD = StepRecord(
    step=1,
    loss=float("nan"),
    update_norm=0.5,
    distance=0.5,
    weights_sha256="0",
    metrics={},
    averages={"all": None},
)
SAMPLES = pa.table({"value": [0.5]})


def test_a_failed_folder_leaves_nothing_and_the_old_one_in_place(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with whole_folder(target) as folder:
        write_json(folder / "a.json", 1)
    with pytest.raises(RuntimeError), whole_folder(target) as folder:
        write_json(folder / "b.json", 2)
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def fail(self: Path, other: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(target, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["file"] and target.read_bytes() == b"old"


def test_the_run_cache_returns_what_was_stored_under_a_key_and_nothing_else(tmp_path: Path) -> None:
    cache = RunCache(tmp_path)
    assert cache.find("ab" * 32, StepRecord) is None
    cache.store("ab" * 32, RECORD, SAMPLES)
    found = cache.find("ab" * 32, StepRecord)
    assert found == (RECORD, SAMPLES)
    assert cache.find("cd" * 32, StepRecord) is None


def test_writers_of_one_entry_of_the_run_cache_at_once_all_succeed_and_leave_one(tmp_path: Path) -> None:
    cache = RunCache(tmp_path)
    together = threading.Barrier(8)

    def write() -> None:
        together.wait(timeout=60)
        cache.store("ab" * 32, RECORD, SAMPLES)

    with ThreadPoolExecutor(8) as pool:
        for writer in [pool.submit(write) for _ in range(8)]:
            writer.result()
    found = cache.find("ab" * 32, StepRecord)
    assert found == (RECORD, SAMPLES)
    assert [path.name for path in (tmp_path / "ab").iterdir()] == ["ab" * 32]


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    table = pa.table({"name": ["b", "a"] * 1000, "value": [0.1, 0.2] * 1000})
    for name in ("one", "two"):
        write_parquet(tmp_path / name, table)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_track_is_shown_once_and_stays_shown(tmp_path: Path) -> None:
    for name in ("paper", "other", "paper"):
        show_track(tmp_path, name)
    assert (tmp_path / ".dvcignore").read_text() == "!/other/dvc.yaml\n!/paper/dvc.yaml\n"


def test_a_lock_that_a_killed_dvc_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".dvc" / "tmp"
    folder.mkdir(parents=True)
    (folder / "rwlock").write_text('{"cut short')
    (folder / "lock").touch()
    clear_stale_lock(folder)
    assert not (folder / "rwlock").exists()
