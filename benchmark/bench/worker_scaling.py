"""Two workers beside one: the wall time of the same runs, one thread a worker."""

import sys

from benchmark.bench.bench_rows import Row, at_least, speedup
from benchmark.bench.growth import gap_run
from benchmark.bench.speed_ratio import timed
from benchmark.bench.subjects import make_subject
from benchmark.execution.workers import run_units, worker_count
from benchmark.models.opt import OptConfig
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.run_loop import RunRequest, RunResult, execute_run
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.run_options import Execution
from benchmark.tasks.suite import Suite

RUNS = 8
DOCUMENTS = 160
REPETITIONS = 3


def workers_row(
    suite: Suite, tokenizer: Tokenizer, config: OptConfig, *, max_length: int, runs: int = RUNS
) -> dict[str, Row]:
    """Seconds a run with two workers and with one, in turn; nothing on a machine with one core."""
    if sys.platform != "linux" or worker_count(Execution(), 2) < 2:
        return {}
    subject = make_subject(
        "workers",
        suite,
        "held-out",
        tokenizer,
        config,
        max_length=max_length,
        documents=DOCUMENTS,
        checkpoints=1,
    )
    context = gap_run(subject)

    def seconds(workers: int) -> float:
        settings = Execution(workers=workers)
        return timed(lambda: list(run_units(_run, context, range(runs), settings))) / runs

    turns = [(seconds(2), seconds(1)) for _ in range(REPETITIONS)]
    two, one = [both[0] for both in turns], [both[1] for both in turns]
    return {"workers": speedup(two, one, "s a run", at_least(1.7))}


def _run(context: tuple[RunRequest, Scorer], _number: int) -> RunResult:
    request, scorer = context
    return execute_run(request, scorer)
