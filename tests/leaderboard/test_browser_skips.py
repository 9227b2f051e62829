"""Browser tests that did not run are told in a run's last line, and fail it where they are needed."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

SKIPPED = """
import pytest

@pytest.mark.browser
def test_a_page():
    pytest.skip("no browser")

@pytest.fixture
def browser():
    pytest.skip("no browser")

@pytest.mark.browser
def test_another_page(browser):
    pass

def test_something_else():
    pytest.skip("no reason")
"""
TOLD = "for want of a browser: 2 tests of test_tiny.py. To run them: make test BROWSER=install"


def run(folder: Path, tests: str, *options: str) -> tuple[int, list[str]]:
    """Exit code of pytest on a file of tests, and the lines that it printed."""
    (folder / "conftest.py").write_text("from tests.browser_skips import *\n")
    (folder / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {shlex.quote(str(ROOT))}\nmarkers = browser: a browser\n"
    )
    (folder / "test_tiny.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # what is not needed takes seconds to import
    done = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("body", "options", "code", "closing"),
    [
        ("", (), 0, "3 skipped"),
        ("", ("--need-browser", "-p", "xdist", "-n", "2"), 1, "3 skipped"),
        ("def test_wrong():\n    assert False\n", (), 1, "1 failed, 3 skipped"),
    ],
)
def test_the_last_line_names_the_skipped_tests_behind_pytests_own(
    tmp_path: Path, body: str, options: tuple[str, ...], code: int, closing: str
) -> None:
    status, lines = run(tmp_path, SKIPPED + body, *options)
    assert status == code
    assert closing in lines[-2]
    assert lines[-1] == f"{'Failed' if options else 'Not run'}, {TOLD}"


@pytest.mark.parametrize("options", [(), ("--need-browser",)])
def test_nothing_is_told_where_no_browser_test_was_skipped(tmp_path: Path, options: tuple[str, ...]) -> None:
    passing = "import pytest\n\n@pytest.mark.browser\ndef test_a_page():\n    pass\n"
    other = "\ndef test_other():\n    pytest.skip('no reason')\n"
    status, lines = run(tmp_path, passing + other, *options)
    assert status == 0
    assert "1 passed, 1 skipped" in lines[-1]
