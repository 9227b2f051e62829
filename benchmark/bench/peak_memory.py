"""Peak memory of a pass compared with what its plan states, in a separate process (Linux)."""

import multiprocessing
from pathlib import Path

from benchmark.bench.bench_rows import Row, at_most, counted

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def peak_row(
    suite: str, protocol: str, documents: int, batch_tokens: int, vocabulary: Path, merges: Path
) -> Row:
    """Measured / stated bytes of a pass over ``documents`` per task; the model's body has 10 million weights."""
    asked = (suite, protocol, documents, batch_tokens, vocabulary, merges)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured, stated = pool.apply(_measure, asked)
    return counted(measured / 2**20, stated / 2**20, "MiB beside the weights", at_most(1.0))


def _measure(
    suite: str, protocol: str, documents: int, batch_tokens: int, vocabulary: Path, merges: Path
) -> tuple[int, int]:
    import torch

    from benchmark.bench.subjects import make_checkpoints
    from benchmark.evaluation.engine import drafts_from, evaluate
    from benchmark.evaluation.prepare import prepare
    from benchmark.models.shapes import opt_shape
    from benchmark.models.tokenizer import Tokenizer
    from benchmark.tasks.suite import load_suite

    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_files(vocabulary, merges)
    loaded = load_suite(suite, protocol=protocol, documents=documents)
    prepared = prepare(loaded, tokenizer, max_length=512, positions=2048, batch_tokens=batch_tokens)
    base, neighbour = make_checkpoints(opt_shape(320, 8, 5), 1)
    before = _status_bytes("VmRSS")
    CLEAR.write_text("5")  # sets the high-water mark back to the present
    drafts = drafts_from(evaluate(base, prepared), prepared)
    evaluate(neighbour, prepared, drafts=drafts)
    return _status_bytes("VmHWM") - before, prepared.peak_bytes(base.config)


def _status_bytes(field: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} has no {field}: peak memory is measured on Linux only")
