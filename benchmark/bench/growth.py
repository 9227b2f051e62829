"""Time per item at three numbers of checkpoints, documents and texts, and with two workers instead of one."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.bench.bench_rows import Row, at_least, at_most, speedup
from benchmark.bench.speed_ratio import REPETITIONS, per_item, score, timed
from benchmark.bench.subjects import BATCH_TOKENS, Subject, make_subject
from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.execution.workers import run_units, worker_count
from benchmark.models.opt import OptConfig
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.run_loop import RunRequest, RunResult, execute_run
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.arm_specs import Arm
from benchmark.settings.run_options import EvaluationOptions, Execution, Posttrain
from benchmark.tasks.suite import Suite, SuiteTask

LINEAR = at_most(1.15)
"""An item may cost this much more at the largest size than at the smallest: the noise of a shared machine."""
RUN_STEPS = (1, 5, 15)
"""The steps of a run that are scored, by default."""
WORKER_RUNS, WORKER_DOCUMENTS = 8, 160


def growth_rows(suite: Suite, tokenizer: Tokenizer, config: OptConfig, *, max_length: int) -> dict[str, Row]:
    """One model's cost per item against the number of checkpoints, of documents per task, and of texts."""

    subject = partial(make_subject, "growth", suite, "held-out", tokenizer, config, max_length=max_length)
    few = subject(documents=16, checkpoints=8)
    by_documents = {size: subject(documents=size, checkpoints=1) for size in (20, 80, 320)}
    run = run_on(few)

    def checkpoints(count: int) -> float:
        return timed(lambda: _evaluate_all(few, count))

    def documents(count: int) -> float:
        one = by_documents[count]
        return timed(lambda: score(one, 0))

    def texts(count: int) -> float:
        return timed(lambda: [run() for _ in range(count)])

    checkpoints(1)
    documents(20)
    texts(1)
    return {
        "growth/checkpoints": per_item(checkpoints, (2, 4, 8), "s per checkpoint", LINEAR),
        "growth/documents": per_item(documents, (20, 80, 320), "s per document of each task", LINEAR),
        "growth/texts": per_item(texts, (1, 2, 4), "s per text", LINEAR),
    }


def workers_row(
    suite: Suite, tokenizer: Tokenizer, config: OptConfig, *, max_length: int, runs: int = WORKER_RUNS
) -> dict[str, Row]:
    """Seconds per run with two workers and with one, in turn; no row on a machine with one core."""
    if sys.platform != "linux" or worker_count(Execution(), 2) < 2:
        return {}
    sizes: Any = {"max_length": max_length, "documents": WORKER_DOCUMENTS, "checkpoints": 1}
    subject = make_subject("workers", suite, "held-out", tokenizer, config, **sizes)
    context = gap_run(subject)

    def seconds(workers: int) -> float:
        settings = Execution(workers=workers)
        return timed(lambda: list(run_units(_run, context, range(runs), settings))) / runs

    turns = [(seconds(2), seconds(1)) for _ in range(REPETITIONS)]
    two, one = [both[0] for both in turns], [both[1] for both in turns]
    return {"workers": speedup(two, one, "s per run", at_least(1.7))}


def _run(context: tuple[RunRequest, Scorer], _number: int) -> RunResult:
    request, scorer = context
    return execute_run(request, scorer)


def _evaluate_all(subject: Subject, count: int) -> None:
    """Evaluate as a stage does: the suite is prepared once for any number of checkpoints."""
    length = subject.max_length
    sizes: dict[str, Any] = {"max_length": length, "positions": length, "batch_tokens": BATCH_TOKENS}
    prepared = prepare(subject.suite, subject.tokenizer, splits=["test"], **sizes)
    for model in subject.checkpoints[:count]:
        evaluate(model, prepared, drafts=subject.drafts)


def run_on(subject: Subject, *, steps: Sequence[int] = RUN_STEPS) -> Callable[[], object]:
    """A function that does the run of `gap_run`."""
    request, scorer = gap_run(subject, steps=steps)
    return lambda: execute_run(request, scorer)


def gap_run(subject: Subject, *, steps: Sequence[int] = RUN_STEPS) -> tuple[RunRequest, Scorer]:
    """A gap run of 15 steps on a text of 200 tokens, of which ``steps`` are scored on the subject's documents.

    Every other document is put into ``select``, so that the run chooses its step as in the pipeline.
    """
    model, length = subject.checkpoints[0], subject.max_length
    suite = replace(subject.suite, tasks=tuple(_halved(task) for task in subject.suite.tasks))
    prepared = prepare(suite, subject.tokenizer, max_length=length, positions=length)
    scorer = Scorer.of(model, suite, prepared, EvaluationOptions(suite=suite.name, steps=tuple(steps)))
    text = " ".join(str(document.row) for document in suite.tasks[0].documents["test"])
    request = RunRequest(
        track="bench",
        model_name=subject.name,
        model=model,
        model_digest="",
        arithmetic=arithmetic_name(),
        corpus="bench",
        index=0,
        text_id="bench",
        tokens=tuple(subject.tokenizer.encode(text, bos=True)[: min(200, length)]),
        arm_name="gap",
        arm=Arm(kind="ascent"),
        seed=0,
        settings=Posttrain(max_steps=max(steps)),
    )
    return request, scorer


def _halved(task: SuiteTask) -> SuiteTask:
    documents = task.documents["test"]
    return replace(task, documents={"select": documents[::2], "test": documents[1::2]})
