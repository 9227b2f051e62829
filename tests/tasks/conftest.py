"""A small data folder that `GAPBENCH_DATA` names."""

from pathlib import Path

import pytest
from small_data import write_small_data


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Handwritten rows for all tasks, in use through ``GAPBENCH_DATA``."""
    folder = write_small_data(tmp_path / "data")
    monkeypatch.setenv("GAPBENCH_DATA", str(folder))
    return folder
