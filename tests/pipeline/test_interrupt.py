"""A pipeline that is killed goes on where it was, and ends with the results of one that was not."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.pipeline.small import commit, copy_repository, edit_params, environment, shell, tree

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

CELL = "posttrain@tiny-code"


def small_micro(target: Path) -> Path:
    """A copy whose micro track has two tiny rungs, one corpus and few documents."""
    copy = copy_repository(target)
    rung = {"kind": "micro", "tokens": 20000, "hidden": 16, "layers": 1, "heads": 2, "ffn": 32}
    edit_params(
        copy / "params.yaml",
        {
            "models": {"tiny": rung, "larger": {**rung, "role": "baseline", "hidden": 40, "ffn": 80}},
            "corpora": {"code": {"kind": "micro", "part": "code", "texts": 6}},
            "arms": {"gap": {"kind": "ascent"}, "random": {"kind": "random"}},
            "posttrain": {"max_steps": 15},
            "evaluation": {"documents": 60, "select_documents": 40, "base_documents": 60, "steps": None},
            "execution": {"workers": 1},
            "scoring": {"resamples": 200},
            "claims": {"corpora": ["code"], "pairs": {"tiny": "larger"}},
        },
    )
    commit(copy)
    return copy


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = small_micro(tmp_path_factory.mktemp("undisturbed"))
    shell(copy, "dvc", "repro")
    return copy


def journal(repository: Path) -> dict[Path, int]:
    """The finished runs and when each was written."""
    return {path: path.stat().st_mtime_ns for path in repository.glob(".gapbench/journal/*/*/run.json")}


def stage_processes(repository: Path) -> list[int]:
    """Processes of this copy whose command is a posttrain stage."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            here = (process / "cwd").resolve() == repository.resolve()
        except OSError:
            continue
        if here and b"posttrain" in words and b"stage" in words:
            found.append(int(process.name))
    return found


def wait_for(condition: "object", seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("victim", ["stage", "dvc"])
def test_killed_in_the_middle_of_posttrain_it_continues_and_ends_the_same(
    victim: str, undisturbed: Path, tmp_path: Path
) -> None:
    copy = small_micro(tmp_path / "killed")
    dvc = subprocess.Popen(
        ["dvc", "repro"],
        cwd=copy,
        env=environment(copy, SHELL="/bin/sh"),  # a shell that may stay between dvc and the stage
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(journal(copy)) >= 2 and stage_processes(copy))
    if victim == "dvc":
        dvc.send_signal(signal.SIGKILL)
    else:
        for process in stage_processes(copy):
            os.kill(process, signal.SIGKILL)
    dvc.wait(timeout=60)
    wait_for(lambda: not stage_processes(copy), seconds=30)
    finished = journal(copy)
    assert 2 <= len(finished) < 12, "it was killed in the middle"
    shell(copy, "gapbench", "stage", "prepare", "--params", "params.yaml")
    shell(copy, "dvc", "repro")
    after = journal(copy)
    assert {path: after[path] for path in finished} == finished, "finished runs are not done again"
    assert tree(copy / "results") == tree(undisturbed / "results")
    assert "Data and pipelines are up to date." in shell(copy, "dvc", "repro")
