"""`gapbench bench`: runs all benchmarks, prints a table and writes ``bench.json``."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmark.bench import bench_rows as table_of
from benchmark.bench.bench_rows import Row, at_least, at_most, counted, speedup
from benchmark.bench.counting import needed, one_sequence_a_choice, padded_positions
from benchmark.bench.growth import RUN_STEPS, growth_rows, run_on, workers_row
from benchmark.bench.peak_memory import peak_row
from benchmark.bench.portable import portable_rows
from benchmark.bench.speed_ratio import REPETITIONS, Say, compare, floor_row, timed
from benchmark.bench.stock import BATCH_SIZES, Stock
from benchmark.bench.subjects import BATCH_TOKENS, DOCUMENTS, Subject, bench_suite, make_subject
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import OptConfig
from benchmark.models.shapes import opt_shape
from benchmark.models.tokenizer import Tokenizer
from benchmark.public_data.public_files import locate
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import MicroModel

GAP12_SHAPE = opt_shape(320, 8, 5)
"""An OPT shape with 9.8 million weights in its body (the requirement is 5 to 25 million)."""
SAMPLE = 16
CHECKPOINTS = 3
MAX_LENGTH = 512


def run_bench(out: Path | None, params: Path = Path("params.yaml")) -> int:
    """Run all benchmarks; write ``bench.json`` into ``out`` if given. 0: every bound holds, 1: one is missed.

    Uses one thread on every machine, and native arithmetic on both sides except in the rows that compare native with
    portable. The `gap12` part needs the data of that suite (see docs/DATA.md).
    """
    torch.set_num_threads(1)
    _say("portable arithmetic beside native")
    rows = portable_rows(params) | micro_rows(params, _say) | gap12_rows(_say)
    print(table_of.table(rows))
    if out is not None:
        table_of.write(rows, out)
    missed = [name for name, row in rows.items() if not row.holds]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def micro_rows(params: Path, say: Say, *, documents: int = SAMPLE, whole: int = DOCUMENTS) -> dict[str, Row]:
    """Rows of the micro suite: every model of the ladder of ``params``; runs on treated models only; growth and
    workers on the smallest model.
    """
    from benchmark.models.micro_training import micro_tokenizer, rung_config

    settings = load_settings(params)
    suite = bench_suite("micro12", "held-out")
    with tempfile.TemporaryDirectory() as cache:
        tokenizer = micro_tokenizer(Path(cache))
    rungs = {
        name: rung_config(spec) for name, spec in settings.models.items() if isinstance(spec, MicroModel)
    }
    length = settings.evaluation.max_length
    rows: dict[str, Row] = {}
    for name, config in rungs.items():
        subject = partial(
            make_subject, f"micro12/{name}", suite, "held-out", tokenizer, config, max_length=length
        )
        sample = subject(documents=documents, checkpoints=CHECKPOINTS)
        rows |= compare(sample, as_called=at_least(10), at_best=at_least(4), padded=None, say=say)
        say(f"{name}: {whole} documents per task")
        large = subject(documents=whole, checkpoints=1)
        rows[f"{large.name}/floor_at_{whole}"], _ = floor_row(large)
        if settings.models[name].role != "baseline":
            rows[f"{large.name}/run_at_{whole}"] = _run_row(large, settings.evaluation.steps or ())
    first = next(iter(rungs.values()))
    say("growth with checkpoints, documents and texts")
    rows |= growth_rows(suite, tokenizer, first, max_length=length)
    say("two workers beside one")
    return rows | workers_row(suite, tokenizer, first, max_length=length)


def _run_row(subject: Subject, steps: Sequence[int]) -> Row:
    """Seconds per scored step of a run of 15 steps, and of lm-eval's fastest call over its batch sizes."""
    run = run_on(subject, steps=steps or RUN_STEPS)
    run()
    ours = [timed(run) / len(steps or RUN_STEPS) for _ in range(REPETITIONS)]
    with tempfile.TemporaryDirectory() as folder:
        stock = Stock.of(subject, Path(folder))
        called = min(stock.at_its_best(0, size)[0] for size in BATCH_SIZES)
    return speedup(ours, [called], "s per scored step", at_least(3))


def gap12_rows(say: Say, *, shape: OptConfig = GAP12_SHAPE, documents: int = SAMPLE) -> dict[str, Row]:
    """The twelve tasks of the original with OPT's tokenizer: positions at 320 documents, then wall time."""
    files = locate("tokenizer/opt/gpt2-vocab.json"), locate("tokenizer/opt/gpt2-merges.txt")
    tokenizer = Tokenizer.from_files(*files)
    suite = bench_suite("gap12", "paper")
    config = replace(shape, vocab_size=tokenizer.n_tokens)
    say("gap12: positions")
    positions = config.max_position_embeddings
    whole = prepare(suite, tokenizer, max_length=MAX_LENGTH, positions=positions, batch_tokens=BATCH_TOKENS)
    count = needed(whole).positions
    unit = f"positions at {DOCUMENTS} documents"
    rows = {
        "gap12/positions/pushed": counted(whole.positions_pushed, count, unit, at_most(1.10)),
        "gap12/positions/one_sequence_a_choice": counted(count, one_sequence_a_choice(whole).positions, unit),
        "gap12/positions/padded": counted(count, padded_positions(whole, MAX_LENGTH), unit),
    }
    sizes: Any = {"max_length": MAX_LENGTH, "documents": documents, "checkpoints": CHECKPOINTS}
    subject = make_subject("gap12", suite, "paper", tokenizer, config, **sizes)
    rows |= compare(subject, as_called=None, at_best=at_least(2), padded=at_least(12), say=say)
    say("gap12: memory")
    rows["gap12/peak_memory"] = peak_row("gap12", "paper", documents, BATCH_TOKENS, *files)
    if torch.cuda.is_available():
        from benchmark.bench.gpu import gpu_rows

        rows |= gpu_rows(suite, tokenizer, say)
    return rows


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
