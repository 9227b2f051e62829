"""How many FLOP/s this machine sustains, measured on matrix products."""

import hashlib
import math
import time
from dataclasses import dataclass

import torch

from benchmark.errors import InputError
from benchmark.models.weights import DIGEST_TRAFFIC
from benchmark.settings.track_settings import Settings


@dataclass(frozen=True)
class FlopRates:
    """FLOP/s that are sustained: of evaluation, of its logits (float32 always), and of optimiser steps.

    `digested` are the bytes of weights a second that a digest is computed of, `moved` those that are copied between the
    machine's memory and a GPU; without a GPU none are.
    """

    evaluation: float
    logits: float
    steps: float
    digested: float
    moved: float = math.inf


SUSTAINED = 0.40
"""Share of a data sheet's peak that is assumed where nothing is measured."""
PEAKS = {"h100": {"fp32": 67e12, "tf32": 494.7e12, "bf16": 989.4e12, "fp16-amp": 989.4e12}}
"""FLOP/s by GPU and precision, dense, from the data sheet: NVIDIA H100 SXM (its figures with sparsity, halved)."""
BANDWIDTH = {"h100": 3.35e12}
"""Bytes of memory a second by GPU, from the same data sheet."""
HOST_BANDWIDTH = {"h100": 64e9}
"""Bytes a second to and from the machine's memory by GPU: PCI Express 5.0 with 16 lanes, one direction."""
MEMORY = {"h100": 80e9}
"""Bytes of memory by GPU, from the same data sheet."""


def published_rates(gpu: str, settings: Settings) -> FlopRates:
    """`SUSTAINED` of the published peaks of the precisions that the settings use.

    Raises:
        InputError: a GPU whose peaks are not here.
    """
    if gpu not in PEAKS:
        raise InputError(
            f"--gpu {gpu}: its published peaks are not known here: take one of {', '.join(PEAKS)}"
        )
    peaks = PEAKS[gpu]
    return FlopRates(
        evaluation=SUSTAINED * peaks[settings.evaluation.precision],
        logits=SUSTAINED * peaks["fp32"],
        steps=SUSTAINED * peaks[settings.posttrain.precision],
        moved=SUSTAINED * HOST_BANDWIDTH[gpu],
        digested=SUSTAINED * BANDWIDTH[gpu] / DIGEST_TRAFFIC,
    )


def hashed_rate() -> float:
    """Bytes a second of which this machine computes a sha256."""
    data, count, started = bytes(1 << 22), 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < 0.1:
        hashlib.sha256(data).digest()
        count += 1
    return count * len(data) / seconds


def measured_rate() -> float:
    """FLOP/s of one thread on a product of the size that a batch of a small model has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left, right = torch.randn(4096, 128), torch.randn(128, 512)
    left @ right
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < 0.5:
        left @ right
        count += 1
    seconds = time.perf_counter() - started
    torch.set_num_threads(threads)
    return 2.0 * 4096 * 128 * 512 * count / seconds
