"""Benchmark rows on a GPU: published OPT shapes in bfloat16, and the hours of the whole `paper` track."""

import torch

from benchmark.bench.bench_rows import Row, counted
from benchmark.bench.counting import flops, needed, saved_in_last_layer
from benchmark.bench.speed_ratio import Say, floor_row, timed
from benchmark.bench.subjects import DOCUMENTS, make_subject
from benchmark.models.opt import OptConfig
from benchmark.models.shapes import SHAPES
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import Suite

GPU_BATCH_TOKENS = 8192
PAPER_MODELS = ("facebook/opt-350m", "facebook/opt-1.3b")
PAPER_PASSES = {"facebook/opt-350m": 4500, "facebook/opt-1.3b": 4500, "facebook/opt-2.7b": 4500}
"""Three corpora of 100 texts, 15 steps each, one arm."""


def gpu_rows(suite: Suite, tokenizer: Tokenizer, say: Say) -> dict[str, Row]:
    """Rows for the shapes of OPT-350M and OPT-1.3B; the hours of the track scale their passes by FLOPs."""
    device = torch.device("cuda")
    rate = matrix_rate(device, torch.bfloat16)
    rows: dict[str, Row] = {}
    for name in PAPER_MODELS:
        say(f"{name} in bfloat16 on {torch.cuda.get_device_name()}")
        rows |= shape_rows(
            name.removeprefix("facebook/"), SHAPES[name], suite, tokenizer, device, rate, documents=DOCUMENTS
        )
    seconds = rows["gpu/opt-1.3b/pass"].ours
    config = SHAPES["facebook/opt-1.3b"]
    size = float(sum(torch.Size(shape).numel() for shape in config.shapes().values()))
    hours = 0.0
    for name, passes in PAPER_PASSES.items():
        scale = sum(torch.Size(shape).numel() for shape in SHAPES[name].shapes().values()) / size
        hours += passes * seconds * scale / 3600
    rows["gpu/paper_track_an_arm"] = Row(hours, hours, 1.0, 0.0, "GPU hours, estimated from a pass of 1.3B")
    return rows


def shape_rows(
    name: str,
    config: OptConfig,
    suite: Suite,
    tokenizer: Tokenizer,
    device: torch.device,
    rate: float,
    *,
    documents: int,
    dtype: torch.dtype = torch.bfloat16,
) -> dict[str, Row]:
    """Rows of one shape: a pass and its floor; its counted FLOP/s and the measured matrix rate."""
    sizes = {"max_length": 512, "documents": documents, "checkpoints": 1, "batch_tokens": GPU_BATCH_TOKENS}
    subject = make_subject(name, suite, "paper", tokenizer, config, **sizes, device=str(device), dtype=dtype)
    row, _ = floor_row(subject, batch_tokens=GPU_BATCH_TOKENS)
    work = flops(needed(subject.prepared), config) - saved_in_last_layer(subject.prepared, config)
    fraction = counted(work / row.ours / 1e12, rate / 1e12, "TFLOP/s, measured matrix rate")
    return {f"gpu/{name}/pass": row, f"gpu/{name}/share_of_matrix_rate": fraction}


def matrix_rate(device: torch.device, dtype: torch.dtype, size: int = 4096) -> float:
    """FLOP/s of square matrix products of one size."""
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    products = 50 if device.type == "cuda" else 2

    def work() -> float:
        product = left
        for _ in range(products):
            product = left @ right
        return float(product[0, 0])

    work()
    return products * 2.0 * size**3 / timed(work)
