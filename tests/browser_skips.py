"""Tests marked `browser` that were skipped: told in the last line of a run, and an error with `--need-browser`."""

from collections.abc import Generator

import pytest

COMMAND = "make test BROWSER=install"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--need-browser`."""
    parser.addoption("--need-browser", action="store_true", help="fail where a browser's tests are skipped")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Name the skipped tests behind pytest's own last line; its exit code stays unless they were needed."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = [report for report in reporter.getreports("skipped") if "browser" in report.keywords]
    if not skipped:
        return
    files = ", ".join(sorted({report.nodeid.partition("::")[0] for report in skipped}))
    needed = session.config.getoption("need_browser")
    if needed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reporter.write_line(
        f"{'Failed' if needed else 'Not run'}, for want of a browser: {len(skipped)} tests of {files}. "
        f"To run them: {COMMAND}"
    )
