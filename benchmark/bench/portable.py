"""Portable arithmetic compared with native: training and scoring, in separate processes that take turns."""

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmark.arithmetic import mode
from benchmark.bench.bench_rows import Row, at_most, overhead

STEPS = 100
REPETITIONS = 3
SCORINGS = 20
"""Times that a process scores the checkpoint, which takes half a second: the fastest counts."""
MOST = 1.3
"""Maximum ratio of the time in portable arithmetic to that in native."""


def portable_rows(params: Path) -> dict[str, Row]:
    """Seconds to train the ladder (steps of every rung, weighted by their number) and to score a checkpoint."""
    if mode.missing() is not None:
        return {}
    turns = [[_process(name, params) for name in ("portable", "native")] for _ in range(REPETITIONS)]
    units = {"train_the_ladder": "s on one thread", "score_a_checkpoint": "s per checkpoint"}
    return {
        f"portable/{what}": overhead(
            [both[0][what] for both in turns], [both[1][what] for both in turns], unit, at_most(MOST)
        )
        for what, unit in units.items()
    }


def _process(arithmetic: str, params: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmark.bench.portable", arithmetic, str(params)]
    started_by_user = {
        name: value for name, value in os.environ.items() if not name.startswith(mode.FAMILIES)
    }
    done = subprocess.run(command, env=started_by_user, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(params: Path) -> dict[str, float]:
    """Seconds in this process, with its own arithmetic."""
    import torch

    from benchmark.arithmetic.single_thread import compute_alone
    from benchmark.bench.speed_ratio import timed
    from benchmark.doctor import trials
    from benchmark.models.causal_model import CausalModel
    from benchmark.models.micro_training import micro_tokenizer, pretraining_tokens, train_rung
    from benchmark.posttrain.base_model import load_base
    from benchmark.settings.load import load_settings
    from benchmark.settings.model_specs import MicroModel
    from benchmark.settings.run_options import Execution
    from benchmark.tasks.suite_of_track import suite_of

    compute_alone()
    settings = load_settings(params)
    total = 0.0
    kept = params.resolve().parent / ".gapbench" / "cache"
    with tempfile.TemporaryDirectory() as folder:
        cache = kept if kept.is_dir() else Path(folder)
        for name, spec in settings.models.items():
            if not isinstance(spec, MicroModel):
                continue
            short = spec.model_copy(update={"tokens": STEPS * spec.batch})
            pretraining_tokens(micro_tokenizer(cache), short.tokens, cache)
            for _ in range(2):  # the first time warms up
                made = {0: Path(folder) / name}
                seconds = timed(partial(train_rung, short, made, name=name, cache=cache))
            total += seconds * spec.tokens / short.tokens
    evaluation = settings.evaluation
    suite = suite_of(evaluation, documents=evaluation.documents)
    base = load_base("stored", trials.STORED, suite, evaluation, Execution())
    generator = torch.Generator().manual_seed(0)
    moved = {
        name: tensor + 1e-3 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in base.model.params.items()
    }
    checkpoint = CausalModel(base.model.config, moved)
    fastest = min(timed(lambda: base.scorer.score(checkpoint)) for _ in range(SCORINGS))
    return {"train_the_ladder": total, "score_a_checkpoint": fastest}


if __name__ == "__main__":  # one process of `_process`
    mode.use("native" if sys.argv[1] == "native" else "portable")
    print(json.dumps(measure(Path(sys.argv[2]))))
