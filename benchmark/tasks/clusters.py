"""Which documents of a task ask the same, counted: `gapbench track clusters micro12` prints the table."""

from collections import Counter
from collections.abc import Iterator

from benchmark.tasks.suite import Suite, SuiteTask

HEADER = ("task", "test documents", "test clusters", "largest", "select clusters", "in both splits")


def cluster_table(suite: Suite) -> list[tuple[str, int, int, int, int, int]]:
    """One row per task, as `HEADER` names its columns; `largest` counts test documents."""
    return [_row(task) for task in suite.tasks]


def _row(task: SuiteTask) -> tuple[str, int, int, int, int, int]:
    counts = {split: Counter(one.cluster for one in found) for split, found in task.documents.items()}
    test, select = counts["test"], counts.get("select", Counter())
    shared = len(test.keys() & select.keys())
    return task.name, test.total(), len(test), max(test.values()), len(select), shared


def markdown(suite: Suite) -> Iterator[str]:
    """The lines of the table."""
    yield f"| {' | '.join(HEADER)} |"
    yield "| --- |" + " ---: |" * (len(HEADER) - 1)
    for row in cluster_table(suite):
        yield f"| {' | '.join(map(str, row))} |"
