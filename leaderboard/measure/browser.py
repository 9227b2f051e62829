"""A leaderboard server on a free port and a headless Chromium, for screenshots, benchmarks and tests."""

import functools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOWNLOADS = "PLAYWRIGHT_BROWSERS_PATH"
"""The variable with the folder of the browsers that Playwright has downloaded."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

AT_REST = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    return app && app.getAttribute('data-test-script-state') === 'notRunning'
        && document.querySelector('[data-testid="stMain"] h1, [data-testid="stException"]')
        && !document.querySelector('[data-testid="stSkeleton"]');
}"""
"""JavaScript that is true once a page has been drawn and its script has ended."""


@dataclass(frozen=True)
class Server:
    """A running leaderboard."""

    url: str
    pid: int
    log: Path

    def errors(self) -> list[str]:
        """Lines of the log that report an error."""
        words = ("Traceback", "Error", "Exception", "Uncaught", "WARNING", "Session State API")
        return [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if any(word in line for word in words)
        ]


def chromium() -> str | None:
    """The Chromium to use: `GAPBENCH_CHROMIUM`, the one on the path, or the one that Playwright has downloaded."""
    named = os.environ.get("GAPBENCH_CHROMIUM")
    on_path = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return named or next(filter(None, on_path), None) or _downloaded(os.environ.get(DOWNLOADS))


@functools.cache
def _downloaded(folder: str | None) -> str | None:
    """Playwright's own Chromium, in `folder` or where Playwright keeps it; None where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


@contextmanager
def serving(results: Path, log: Path, *, seconds: float = 60) -> Iterator[Server]:
    """The leaderboard on `results`, on loopback, until the block ends. RuntimeError if it does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(ROOT / "leaderboard" / "app.py"),
        "--server.port",
        str(port),
    ]
    environment = os.environ | {"GAPBENCH_RESULTS": str(results)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait(f"http://localhost:{port}/_stcore/health", process, seconds, log)
            yield Server(f"http://localhost:{port}", process.pid, log)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(url: str, process: "subprocess.Popen[bytes]", seconds: float, log: Path) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the leaderboard did not start: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def browsing(**context: Any) -> Iterator[Any]:
    """A Playwright browser context. RuntimeError if there is no Chromium."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        raise RuntimeError("no Chromium found: install it, or name it in GAPBENCH_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser.new_context(**context)
        finally:
            browser.close()


def settle(page: Any, *, timeout: float = 30) -> None:
    """Wait until the page has drawn everything and the server sends nothing more."""
    page.wait_for_function(AT_REST, timeout=timeout * 1000)
