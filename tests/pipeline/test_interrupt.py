"""A pipeline that is killed goes on where it was, and ends with the results of one that was not."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.small import copy_pipeline, environment, finished_runs, shell, tree, wait_for

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


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


def test_killed_in_the_middle_of_posttrain_it_continues_and_ends_the_same(
    before_posttrain: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """Killing `dvc` kills its stage too, and leaves more behind than a stage that is killed under a living `dvc`."""
    copy = copy_pipeline(before_posttrain, tmp_path / "killed")
    dvc = subprocess.Popen(
        ["dvc", "repro"],
        cwd=copy,
        env=environment(copy, SHELL="/bin/sh"),  # a shell that may stay between dvc and the stage
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(finished_runs(copy)) >= 2 and stage_processes(copy))
    dvc.send_signal(signal.SIGKILL)
    dvc.wait(timeout=60)
    wait_for(lambda: not stage_processes(copy), seconds=30)
    finished = finished_runs(copy)
    assert 2 <= len(finished) < 12, "it was killed in the middle"
    touched = {path.parents[1]: path.parents[1].stat().st_mtime_ns for path in finished}
    shell(copy, "gapbench", "track", "prepare", "--params", "params.yaml")
    shell(copy, "dvc", "repro")
    after = finished_runs(copy)
    assert {path: after[path] for path in finished} == finished, "finished runs stay as they are"
    # A run that is done again is written beside its entry, then found to be there and thrown away.
    shared = {path.parents[1] for path in after.keys() - finished.keys()}
    again = [folder for folder in touched.keys() - shared if folder.stat().st_mtime_ns != touched[folder]]
    assert again == [], "finished runs are not done again"
    assert tree(copy / "results") == tree(undisturbed / "results")
    assert "Data and pipelines are up to date." in shell(copy, "dvc", "repro")
