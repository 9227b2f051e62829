"""A small track whose checkpoints are kept: one rung of three pretraining draws, three texts, two tasks."""

import shutil
from pathlib import Path

import pytest

from tests.pipeline.small import run_stages

PARAMS = """\
track: {name: micro, root: ., params: params.yaml}
models:
  tiny: {kind: micro, tokens: 8000, hidden: 16, layers: 1, heads: 2, ffn: 32, draws: 3}
corpora:
  code: {kind: file, path: made/code.txt}
arms:
  gap: {kind: ascent}
posttrain: {learning_rate: 1.0e-2, max_steps: 3}
evaluation:
  {suite: micro12, tasks: [micro_cause, micro_physical, micro_persona], documents: 20, select_documents: 4,
   base_documents: 24, max_length: 128, steps: [1, 3]}
checkpoints: {keep: selected}
execution: {workers: 1}
scoring: {resamples: 100}
"""


@pytest.fixture(scope="session")
def exported_track(tmp_path_factory: pytest.TempPathFactory, micro_cache: Path, one_suite: None) -> Path:
    """The root of the track, its results made."""
    root = tmp_path_factory.mktemp("exported")
    (root / "made").mkdir()
    lines = "".join(f"text {number}: {'so ' * (number + 1)}it goes <b>\n" for number in range(3))
    (root / "made" / "code.txt").write_text(lines, encoding="utf-8")
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    shutil.copytree(micro_cache, root / ".gapbench" / "cache")
    run_stages(root / "params.yaml")
    return root
