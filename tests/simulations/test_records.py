"""Tables of simulations in docs/: written with their origin, made by the code that is there, found again."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.commands.simulate import SIMULATIONS
from benchmark.errors import CheckFailed, InputError
from benchmark.simulations.records import Simulation, run_simulation
from tests.conftest import ROOT


def recorded(simulation: Simulation) -> str:
    page = (ROOT / simulation.page).read_text(encoding="utf-8")
    return page.split(f"<!-- {simulation.name} -->\n")[1].split(f"<!-- /{simulation.name} -->")[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_cell_of_the_record_is_found_again(name: str) -> None:
    simulation, record = SIMULATIONS[name], recorded(SIMULATIONS[name])
    data_sets = int(re.findall(r"--data-sets (\d+)", record)[0])
    row, _ = simulation.row(simulation.cells[0], data_sets)
    assert f"| {' | '.join(row)} |" in record.splitlines()
    assert record.count("\n| ") == 1 + len(simulation.cells)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_the_record_is_that_of_the_code(name: str) -> None:
    simulation, record = SIMULATIONS[name], recorded(SIMULATIONS[name])
    data_sets = int(re.findall(r"--data-sets (\d+)", record)[0])
    command = f"gapbench simulate {name} --out {simulation.page}"
    assert simulation.origin(data_sets) in record, f"the statistics have changed: run `{command}`"


def made_row(cell: str, data_sets: int) -> tuple[list[str], list[str]]:
    return [cell, str(data_sets)], ["too wide"] if cell == "b" else []


def test_the_table_replaces_the_one_of_the_page_and_a_missed_bound_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- made -->\nold\n<!-- /made -->\nafter\n")
    made = Simulation(
        "made", "page.md", ["cell", "sets"], ["a", "b"], made_row, ("benchmark.statistics.design",)
    )
    with pytest.raises(CheckFailed, match="b 7: too wide"):
        run_simulation(made, 7, 1, page)
    table = f"| cell | sets |\n| --- | --- |\n| a | 7 |\n| b | 7 |\n\n{made.origin(7)}"
    assert page.read_text() == f"before\n<!-- made -->\n{table}\n<!-- /made -->\nafter\n"
    assert "a | 7\nb | 7\n`gapbench simulate made --data-sets 7`, code " in capsys.readouterr().out
    with pytest.raises(InputError, match="lacks <!-- other -->"):
        run_simulation(replace(made, name="other", cells=["a"]), 2, 1, page)
