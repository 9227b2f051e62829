"""Units of work give the same results wherever they run, and a worker that dies loses nothing."""

import os
import signal
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from units import die_once, seen_device

from benchmark.errors import InputError
from benchmark.execution import workers
from benchmark.execution.devices import gpu_slots, gpus
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


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up list of devices; the CPU computes behind them."""
    monkeypatch.setattr(workers, "gpus", lambda settings: ("3", "GPU-b7"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_each_gpu_has_processes_that_see_it_alone_and_are_kept(two_gpus: None, tmp_path: Path) -> None:
    done = dict(run_units(seen_device, (str(tmp_path), 2), UNITS, Execution(device="auto")))
    assert sorted(done) == UNITS
    assert sorted({seen for seen, _ in done.values()}) == ["3", "GPU-b7"]
    assert len(set(done.values())) == 2
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_worker_that_dies_on_a_gpu_is_replaced_there(
    two_gpus: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = list(run_units(die_once, str(tmp_path), UNITS, Execution(device="auto")))
    assert sorted(done) == [(unit, unit * unit) for unit in UNITS]
    assert "a worker died" in capsys.readouterr().err


def test_a_machine_has_the_gpus_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus(Execution(device="auto")) == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    assert gpus(Execution(device="cuda")) == ("5", "7")
    assert gpus(Execution(device="cpu")) == ()
    assert gpu_slots(("5", "7"), Execution(workers=2), 3) == ["5", "7", "5"]
    assert workers.worker_count(Execution(device="cuda", workers=2), 9) == 4
