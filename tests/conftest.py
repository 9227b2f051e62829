"""Fixtures that every area of the tests shares: one thread, and the folder of real data."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real task data: ``GAPBENCH_DATA``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("GAPBENCH_DATA") or ROOT.parent / "shared")
    if not (folder / "tasks").is_dir():
        pytest.skip(f"no task data in {folder}: set GAPBENCH_DATA to a folder in the layout of docs/DATA.md")
    return folder


@pytest.fixture(scope="session")
def golden_dir(data_dir: Path) -> Path:
    """The original code's figures on small models."""
    folder = data_dir / "golden"
    if not folder.is_dir():
        pytest.skip(f"no golden figures in {folder}: they are not part of the public data")
    return folder
