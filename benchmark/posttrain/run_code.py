"""The code that a run's figures depend on, for its key."""

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from benchmark.posttrain.arms import ARMS
from benchmark.system.content_hash import code_digest
from benchmark.system.import_closure import PACKAGE, is_keyed, keyed_modules

ROOTS = ("benchmark.posttrain.base_model", "benchmark.posttrain.run_loop")
"""The modules that prepare and do a run; they import engine and suite."""
LM_EVAL_TASKS = "benchmark.tasks.lm_eval_tasks.load_tasks"
"""What makes a suite of lm-eval's tasks."""


@functools.cache
def run_code(kinds: frozenset[str], suite: str, more: frozenset[str] = frozenset()) -> str:
    """sha256 of the code behind runs of these kinds of arm, scored on a suite, without that of other arms and suites.

    Args:
        kinds: of the run's own arm and, for a soup, of its members' arms.
        suite: as settings name it, such as `gap12-5shot`.
        more: further modules of this package, those that an arm from outside imports; other names are left out.
    """
    arms = {ARMS[kind].__module__ for kind in kinds} | {name for name in more if is_keyed(name)}
    return code_digest(run_files(arms, suite))


def run_files(arms: Iterable[str], suite: str, package: Path = PACKAGE) -> frozenset[Path]:
    """The files behind runs of the arms in these modules, scored on a suite.

    A suite of lm-eval's tasks has no folder here: what its tasks ask, and lm-eval's and the user's own code, are in its
    digest.
    """
    folder = re.sub(r"-\d+shot$", "", suite)
    if (package / "tasks" / folder / "_suite.yaml").is_file():
        return keyed_modules(*ROOTS, *arms, suites=(folder,), package=package)
    return keyed_modules(*ROOTS, LM_EVAL_TASKS, *arms, suites=(), package=package)
