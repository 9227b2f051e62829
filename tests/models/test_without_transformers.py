"""`import transformers` takes seconds: no command or worker pays for it that has no model of another architecture."""

import json
from pathlib import Path

import pytest

from tests.conftest import run_python
from tests.scoring.synthetic import MODELS, TASKS, Study

WORK = """
import sys
from pathlib import Path
import benchmark.pipeline.stages
from benchmark.doctor import trials
from benchmark.settings.load import load_settings
settings = load_settings(Path("params.yaml"))
assert dict(trials.runs(settings, trials.stored_base(settings), ["gap"]))
assert "transformers" not in sys.modules
"""
COMMAND = """
import sys
from benchmark.cli import main
sys.argv = ["gapbench", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "transformers" not in sys.modules
"""


def test_a_run_of_an_opt_model_imports_no_transformers() -> None:
    """Loading, scoring and treating it, with everything that a stage imports."""
    done = run_python(WORK)
    assert done.returncode == 0, done.stderr[-2000:]


FEW = "--set evaluation.documents=2 --set evaluation.select_documents=2 --set evaluation.base_documents=2"


@pytest.mark.parametrize("command", ["--help", f"plan --track micro --rate 1e11 {FEW}"], ids=["help", "plan"])
def test_a_command_imports_no_transformers(command: str) -> None:
    done = run_python(COMMAND, *command.split())
    assert done.returncode == 0, done.stderr[-2000:]


def test_scoring_imports_no_transformers(tmp_path: Path) -> None:
    samples = Study(documents=20).write(tmp_path / "samples.parquet")
    for name, content in (("models", MODELS), ("tasks", TASKS)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    given = ["--samples", samples, "--models", tmp_path / "models.json", "--tasks", tmp_path / "tasks.json"]
    sets = ["--set", "scoring.controls={gap: []}", "--set", "resamples=100"]
    done = run_python(COMMAND, "score", *map(str, given), "--out", str(tmp_path / "out"), *sets)
    assert done.returncode == 0, done.stderr[-2000:]
