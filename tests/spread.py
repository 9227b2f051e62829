"""How the tests are spread over pytest's processes: a file stays together, and the longest ones start first.

Files that share something costly (a finished pipeline, a Ray cluster) stay together too. In the files of `SINGLE` the
tests share nothing that takes more than a second: they come last, one by one, so that no process is idle at the end.

On Python 3.13 a process that is forked where Ray (2.60) has run crashes before it runs any Python: the child destroys
a client of Ray whose threads it does not have. So the tests with a Ray cluster come after all others that share a
process, and those of `SINGLE` fork nothing.
"""

from typing import Any

import pytest

WITH_RAY = "small pipeline"
"""The group in which Ray runs in the tests' own process."""
TOGETHER = {
    "tests/pipeline/test_ray_grid.py": WITH_RAY,
    "tests/pipeline/test_interrupt.py": WITH_RAY,
    "tests/execution/test_ray.py": WITH_RAY,
}
"""Files that use one fixture of the session, and the name of their group."""
LONGEST = (
    "tests/pipeline/test_tracks.py",
    "tests/leaderboard/test_leaderboard_browser.py",
    "tests/posttrain/test_golden.py",
    "tests/models/test_real_model.py",
    "tests/diff/test_diff_inputs.py",
    "tests/evaluation/test_lm_eval_parity.py",
    "tests/commands/test_plan.py",
    "tests/leaderboard/test_any_families.py",
    "tests/draws/test_draws.py",
    "tests/posttrain/test_run_loop.py",
    "tests/pipeline/test_pythia.py",
    "tests/simulations/test_records.py",
    "tests/verification/test_verify.py",
    "tests/doctor/test_doctor.py",
)
"""Groups that start first, longest first; measured with `python -m pytest --durations=0`."""
SINGLE = frozenset(
    {
        "tests/arithmetic/test_mode.py",
        "tests/leaderboard/test_leaderboard_pages.py",
        "tests/tasks/test_lm_eval_tasks.py",
        "tests/statistics/test_effective_size.py",
        "tests/published/test_null_model.py",
    }
)


def group_of(nodeid: str) -> str:
    """The name of those tests that run in one process with this one."""
    file = nodeid.partition("::")[0]
    return nodeid if file in SINGLE else TOGETHER.get(file, file)


def turn_of(nodeid: str) -> int:
    """The longest groups first, then others, the group with Ray, and single tests."""
    group = group_of(nodeid)
    if group in LONGEST:
        return LONGEST.index(group)
    return len(LONGEST) + (group == WITH_RAY) + 2 * (group == nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in the order of their turns."""
    items.sort(key=lambda item: turn_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole groups, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log) if config.getoption("numprocesses") else None
