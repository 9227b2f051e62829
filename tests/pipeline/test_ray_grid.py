"""The grid on a Ray cluster of two nodes gives the results of this machine's pool, whatever dies on the way."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.small import (
    commit,
    copy_pipeline,
    edit_params,
    environment,
    finished_runs,
    shell,
    tree,
    wait_for,
)

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


def workers(cluster: Any) -> list[int]:
    """Processes of the cluster that have a unit of the grid in work."""
    processes = [process for node in cluster.list_all_nodes() for process in node.live_processes()]
    raylets = ",".join(str(process.pid) for kind, process in processes if kind == "raylet")
    command = ["pgrep", "--parent", raylets, "--full", "ray::_ray_work"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(number) for number in listed.stdout.split()]


def test_a_worker_and_a_node_killed_in_the_middle_of_the_grid_change_nothing(
    cluster: Any, before_posttrain: Path, undisturbed: Path, tmp_path: Path
) -> None:
    copy = copy_pipeline(before_posttrain, tmp_path / "ray")
    edit_params(copy / "params.yaml", {"execution": {"engine": "ray"}})
    commit(copy)
    log = tmp_path / "log"
    with log.open("w") as said:
        dvc = subprocess.Popen(
            ["dvc", "repro"], cwd=copy, env=environment(copy), stdout=said, stderr=subprocess.STDOUT
        )
        wait_for(lambda: dvc.poll() is not None or (len(finished_runs(copy)) >= 2 and workers(cluster)))
        assert dvc.poll() is None, log.read_text()
        os.kill(workers(cluster)[0], signal.SIGKILL)
        killed_at = len(finished_runs(copy))
        wait_for(lambda: dvc.poll() is not None or len(finished_runs(copy)) > killed_at)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
        assert killed_at < len(finished_runs(copy)) < 12, "the grid was in its middle"
        assert dvc.wait(timeout=300) == 0, log.read_text()
    assert tree(copy / "results") == tree(undisturbed / "results")
    assert "Data and pipelines are up to date." in shell(copy, "dvc", "repro")
