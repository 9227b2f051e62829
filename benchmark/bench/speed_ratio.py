"""Times one subject with the engine, its peers and the floor, in turn, with one thread each."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmark.bench.bench_rows import Bound, Row, at_least, at_most, counted, overhead, speedup
from benchmark.bench.counting import flops, needed, one_sequence_a_choice, saved_in_last_layer
from benchmark.bench.floor import floor_batches, floor_pass
from benchmark.bench.stock import Stock, padded_pass
from benchmark.bench.subjects import BATCH_TOKENS, Subject
from benchmark.evaluation.engine import Evaluation, evaluate
from benchmark.models.opt import OptConfig

REPETITIONS = 3
UNIT = "s per checkpoint"
Say = Callable[[str], None]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def engine_pass(subject: Subject) -> float:
    """Wall seconds per checkpoint, over all checkpoints of the subject."""
    seconds = timed(lambda: [score(subject, number) for number in _each(subject)])
    return seconds / len(subject.checkpoints)


def score(subject: Subject, number: int) -> Evaluation:
    """One checkpoint as a run scores it."""
    return evaluate(subject.checkpoints[number], subject.prepared, drafts=subject.drafts)


def floor_row(subject: Subject, *, batch_tokens: int = BATCH_TOKENS) -> tuple[Row, list[float]]:
    """Time the engine and a plain forward pass in turn; return the row and the engine's seconds."""
    batches = floor_batches(subject.prepared, subject.checkpoints[0], batch_tokens=batch_tokens)
    engine_pass(subject)
    floor_pass(subject.checkpoints[0], batches)
    ours, bare = [], []
    for _ in range(REPETITIONS):
        ours.append(engine_pass(subject))
        bare.append(timed(lambda: floor_pass(subject.checkpoints[0], batches)))
    return overhead(ours, bare, UNIT, at_most(1.3)), ours


def compare(
    subject: Subject,
    *,
    as_called: Bound | None,
    at_best: Bound,
    padded: Bound | None,
    say: Say,
    padded_documents: int = 2,
) -> dict[str, Row]:
    """Rows of one subject: two ways of calling stock lm-eval, the floor, and the padded pass if it has a bound."""
    name = subject.name
    say(f"{name}: engine and floor")
    row, ours = floor_row(subject)
    rows = {f"{name}/floor": row, f"{name}/texts_as_drafted": drafted(subject)}
    with tempfile.TemporaryDirectory() as folder:
        stock = Stock.of(subject, Path(folder))
        size = stock.best_batch_size()
        say(f"{name}: lm-eval at its best (batch size {size})")
        turns = [(engine_pass(subject), stock.at_its_best(number, size)) for number in _each(subject)]
        best = [seconds for _, (seconds, _) in turns]
        row = speedup([mine for mine, _ in turns], best, UNIT, at_best)
        rows[f"{name}/lm_eval_at_best"] = row
        rows[f"{name}/accuracies_that_differ"] = agreement(subject, turns[0][1][1])
        rows |= _share_of_counted(subject, row)
        if padded is not None:
            say(f"{name}: a pass padded to {subject.max_length}")
            rows[f"{name}/padded"] = _padded(subject, stock, ours, padded_documents, padded)
        say(f"{name}: lm-eval as called")
        called = [stock.as_called(number)[0] for number in _each(subject)]
        rows[f"{name}/lm_eval_as_called"] = speedup(ours, called, UNIT, as_called)
    return rows


def _each(subject: Subject) -> range:
    return range(len(subject.checkpoints))


def _padded(subject: Subject, stock: Stock, ours: list[float], documents: int, bound: Bound) -> Row:
    seconds = [padded_pass(stock.kept.model, subject, documents) for _ in range(REPETITIONS)]
    most = max(len(rows) for rows in subject.rows.values())
    return speedup(ours, [one * most / documents for one in seconds], UNIT, bound)


def _share_of_counted(subject: Subject, row: Row) -> dict[str, Row]:
    """The wall-clock ratio divided by the ratio of the two FLOP counts."""
    config = subject.checkpoints[0].config
    assert isinstance(config, OptConfig)
    mine = flops(needed(subject.prepared), config) - saved_in_last_layer(subject.prepared, config)
    theirs = flops(one_sequence_a_choice(subject.prepared), config)
    ratio = theirs / mine
    bound = at_least(0.85) if subject.name.startswith("gap12") else None
    share = Row(row.ratio, ratio, row.ratio / ratio, row.spread / ratio, "wall ratio, FLOP ratio", bound)
    return {f"{subject.name}/share_of_counted_flops": share}


def drafted(subject: Subject) -> Row:
    """Number of texts that equal the unmodified model's."""
    written = [score(subject, number).written["test"] for number in _each(subject)]
    drafts = [row for group in subject.drafts["test"] if group for row in group.tokens.tolist()]
    plan = subject.prepared.splits["test"].workload.plan
    units = [unit for group in plan.groups if group.ending for batch in group.batches for unit in batch.trees]
    equal = sum(texts[unit] == draft for texts in written for unit, draft in zip(units, drafts, strict=True))
    count = len(written) * len(units)
    return counted(equal, count, "texts") if count else Row(0, 0, 0, 0, "texts")


def agreement(subject: Subject, stock: dict[str, float]) -> Row:
    """Documents of the sample on which the two accuracies differ; stock lm-eval tokenises jointly."""
    metrics = score(subject, 0).metrics["test"]
    differing = documents = 0
    for task, rows in subject.rows.items():
        if "acc" in metrics[task]:
            ours = metrics[task]["acc"]
            assert ours is not None
            differing += round(abs(ours - stock[task]) * len(rows))
            documents += len(rows)
    return counted(differing, documents, "documents", at_most(0.03))


def per_item(seconds: Callable[[int], float], sizes: tuple[int, int, int], unit: str, bound: Bound) -> Row:
    """Time per item at the largest size divided by that at the smallest; 1 or less is linear or better.

    Each size counts with the fastest of three turns, because other load on the machine can only add time.
    """
    turns = [[seconds(size) / size for size in sizes] for _ in range(REPETITIONS)]
    ratios = [turn[-1] / turn[0] for turn in turns]
    smallest, largest = min(turn[0] for turn in turns), min(turn[-1] for turn in turns)
    return Row(largest, smallest, largest / smallest, max(ratios) - min(ratios), unit, bound)
