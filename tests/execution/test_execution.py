"""Units of work give the same results wherever they run, and a worker that dies loses nothing."""

import os
import signal
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from units import die_once

from benchmark.errors import InputError
from benchmark.execution.workers import run_units
from benchmark.settings.run_options import Execution

UNITS = list(range(12))


def square(context: int, unit: int) -> tuple[int, int]:
    return context + unit * unit, os.getpid()


def die_always(context: None, unit: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return unit


def fail(context: None, unit: int) -> int:
    raise ValueError(f"unit {unit}")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    done = dict(run_units(square, 100, UNITS, Execution(workers=workers)))
    assert {unit: value for unit, (value, _) in done.items()} == {unit: 100 + unit * unit for unit in UNITS}
    assert len({process for _, process in done.values()}) <= workers
    assert (os.getpid() in {process for _, process in done.values()}) == (workers == 1)


def test_a_worker_that_dies_is_replaced_and_every_unit_is_done_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = list(run_units(die_once, str(tmp_path), UNITS, Execution(workers=2)))
    assert sorted(done) == [(unit, unit * unit) for unit in UNITS]
    assert "a worker died" in capsys.readouterr().err


def test_a_unit_that_kills_every_worker_is_given_up() -> None:
    with pytest.raises(BrokenProcessPool):
        list(run_units(die_always, None, [1, 2], Execution(workers=2)))


def test_an_error_of_a_unit_is_the_callers_to_see() -> None:
    with pytest.raises(ValueError, match="unit"):
        list(run_units(fail, None, UNITS, Execution(workers=2)))


def test_nothing_to_do_is_done() -> None:
    assert list(run_units(square, 0, [], Execution(workers=2))) == []


def test_ray_is_refused_in_one_line_where_it_could_start_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(sys, "executable", "/home/me/gap bench/.venv/bin/python")
    with pytest.raises(InputError, match=r"Python's path has blanks \(/home/me/gap bench/.*engine local"):
        list(run_units(square, 0, UNITS, Execution(engine="ray")))
