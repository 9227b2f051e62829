"""Tables of simulations that are committed in docs/, each with the command and the code that it came from."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.errors import CheckFailed
from benchmark.reports.markdown import markdown_table
from benchmark.system.content_hash import code_digest
from benchmark.system.files import write_text
from benchmark.system.import_closure import keyed_modules
from benchmark.system.marked_text import replace_between_markers

ROOMS = ("statistics", "scoring", "claims", "simulations")
"""The rooms whose code decides the figures of a simulation; what else it imports reads settings or writes text."""


@dataclass(frozen=True)
class Simulation:
    """A grid of simulated cells.

    Attributes:
        name: of the subcommand of `gapbench simulate`.
        page: where its table is committed, between ``<!-- name -->`` and ``<!-- /name -->``.
        head: the table's head.
        cells: what is simulated, one row of the table each.
        row: called with a cell and `data_sets`; gives the row, and the bounds that it misses in words.
        tested: the modules whose statistics the simulation tests.
    """

    name: str
    page: str
    head: Sequence[str]
    cells: Sequence[Any]
    row: Callable[..., tuple[list[str], list[str]]]
    tested: tuple[str, ...]

    def origin(self, data_sets: int) -> str:
        """The line below the table: the command, and the beginning of the digest of the code that was tested."""
        code = code_digest(file for file in keyed_modules(*self.tested) if file.parent.name in ROOMS)[:12]
        return f"`gapbench simulate {self.name} --data-sets {data_sets}`, code {code}"


def run_simulation(simulation: Simulation, data_sets: int, workers: int, out: Path | None) -> None:
    """Print the rows as they are found, and replace the table in the page `out`.

    Raises:
        CheckFailed: cells miss their bounds; the table is written all the same.
        InputError: the page has no marks for the table.
    """
    rows, missed = [], []
    with ProcessPoolExecutor(workers) as pool:
        for row, faults in pool.map(partial(simulation.row, data_sets=data_sets), simulation.cells):
            rows.append(row)
            missed += [f"{' '.join(row[:3])}: {fault}" for fault in faults]
            print(*row, sep=" | ", flush=True)
    origin = simulation.origin(data_sets)
    print(origin)
    if out is not None:
        table = f"{markdown_table(simulation.head, rows)}\n\n{origin}"
        write_text(out, replace_between_markers(out.read_text(encoding="utf-8"), {simulation.name: table}))
    if missed:
        raise CheckFailed("; ".join(missed))
