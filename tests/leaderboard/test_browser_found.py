"""The Chromium that the leaderboard's tests and screenshots use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIND = "from leaderboard.measure.browser import chromium; print(chromium())"
WHERE = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as running: print(running.chromium.executable_path)"
)


def told(code: str, folder: Path) -> str:
    """What a process prints that finds no Chromium on its path, with Playwright's downloads in `folder`."""
    environment = {name: value for name, value in os.environ.items() if name != "GAPBENCH_CHROMIUM"}
    environment |= {"PATH": str(folder), "PLAYWRIGHT_BROWSERS_PATH": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_chromium_that_playwright_downloaded_is_found(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    assert told(FIND, tmp_path) == "None"
    downloaded = Path(told(WHERE, tmp_path))
    assert downloaded.is_relative_to(tmp_path)
    downloaded.parent.mkdir(parents=True)
    downloaded.touch()
    assert told(FIND, tmp_path) == str(downloaded)
