"""Which documents of a task ask the same, counted: `python -m benchmark.tasks.clusters micro12` prints the table."""

import sys
from collections import Counter
from collections.abc import Iterator

from benchmark.errors import InputError
from benchmark.tasks.suite import Suite, SuiteTask, load_suite

HEADER = ("task", "test documents", "test clusters", "largest", "select clusters", "in both splits")


def cluster_table(suite: Suite) -> list[tuple[str, int, int, int, int, int]]:
    """One row a task, as `HEADER` names its columns; `largest` counts test documents."""
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


def main(arguments: list[str]) -> int:
    """Print the table of the suite that is named; exit code 2 on bad input."""
    try:
        if len(arguments) != 1:
            raise InputError("give the name of one suite, such as micro12")
        print("\n".join(markdown(load_suite(arguments[0]))))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
