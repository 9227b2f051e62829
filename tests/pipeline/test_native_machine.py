"""On a machine that cannot compute portably, everything works, says so in one line, and records what it computed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmark.arithmetic import mode
from benchmark.settings.arithmetic_choice import SAID
from tests.pipeline.small import ROOT, environment

PARAMS = """\
track: {name: micro, root: ., params: params.yaml}
models:
  small: {kind: micro, role: treated, hidden: 8, layers: 1, heads: 1, ffn: 16, tokens: 1000}
  large: {kind: micro, role: baseline, hidden: 16, layers: 1, heads: 1, ffn: 32, tokens: 1000}
corpora:
  code: {kind: micro, part: code, texts: 1}
arms:
  gap: {kind: ascent}
posttrain: {max_steps: 2}
evaluation:
  {suite: micro12, tasks: [micro_cause, micro_persona], documents: 4, select_documents: 4, base_documents: 6,
   steps: [2]}
execution: {workers: 1}
scoring: {resamples: 100}
"""
COMMANDS = """\
submit corpus own own.txt
submit check params.yaml
stage corpus --params params.yaml --corpus code
stage corpus --params params.yaml --corpus own
stage model --params params.yaml --model small
stage model --params params.yaml --model large
stage base --params params.yaml --model small
stage base --params params.yaml --model large
stage posttrain --params params.yaml --model small --corpus code
stage posttrain --params params.yaml --model small --corpus own
stage posttrain --params params.yaml --model large --corpus code
stage posttrain --params params.yaml --model large --corpus own
stage score --params params.yaml
draws check
verify small/gap/own --runs 1
doctor
"""
ARM = """\
import platform, sys
platform.machine = lambda: "aarch64"
from benchmark import cli
from benchmark.tasks import suite_of_track
from tests.remembered import remembered
suite_of_track.load_suite = remembered(suite_of_track.load_suite)
for line in sys.stdin.read().splitlines():
    sys.argv = ["gapbench", *line.split()]
    try:
        cli.main()
    except SystemExit as left:
        print(f"# {left.code or 0} {line}", flush=True)
"""
"""One process that takes itself for an ARM and runs one command a line of its input."""

LINE = (
    "gapbench: numbers are native to this machine, since portable arithmetic needs Linux on x86-64 "
    "(this is Linux on aarch64): claims are compared, not bytes"
)


def test_a_machine_that_cannot_be_portable_goes_the_whole_way(micro_cache: Path, tmp_path: Path) -> None:
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (tmp_path / "own.txt").write_text("".join(f"note {number} of somebody\n" for number in range(3)))
    shutil.copytree(micro_cache, tmp_path / ".gapbench" / "cache")
    clean = {
        name: value
        for name, value in environment(ROOT).items()
        if not name.startswith((*mode.FAMILIES, SAID))
    }
    done = subprocess.run(
        [sys.executable, "-c", ARM], input=COMMANDS, cwd=tmp_path, env=clean, capture_output=True, text=True
    )
    ended = [line for line in done.stdout.splitlines() if line.startswith("# ")]
    assert ended == [f"# 0 {line}" for line in COMMANDS.splitlines()], done.stderr[-2000:]
    assert done.stderr.count("portable arithmetic needs") == done.stderr.count(LINE) == 1
    assert "digests: none to compare with, since numbers are native here" in done.stdout
    assert "small/gap/own: agrees" in done.stdout
    runs = (tmp_path / "data/micro/runs/small/own/runs.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(run)["arithmetic"] for run in runs]
    provenance = (tmp_path / "results/micro/provenance.json").read_text(encoding="utf-8")
    told.append(json.loads(provenance)["arithmetic"])
    assert len(runs) == 3
    assert all(name.startswith("native: torch ") for name in told)
