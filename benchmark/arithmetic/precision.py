"""The precision of evaluation: what products of a forward pass are computed in. Weights stay float32 in all of them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmark.arithmetic.mode import Precision, is_portable
from benchmark.errors import InputError

MATH = SDPBackend.MATH

emulated: ContextVar[bool] = ContextVar("emulated", default=False)
"""Whether a CPU emulates tf32 (`emulated_tf32.py`)."""


def check_precision(precision: Precision, device: str) -> None:
    """Refuse a precision that the device does not have.

    Raises:
        InputError: `tf32` on a device that is not a GPU.
    """
    if precision == "tf32" and device != "cuda" and not emulated.get():
        raise InputError(
            f"evaluation.precision: tf32 is a mode of NVIDIA GPUs and this run is on {device}: use fp32 or bf16"
        )


@contextmanager
def computing_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute products in this precision while the block runs.

    `bf16` is autocast: the inputs of products are rounded to bfloat16, sums and what lies between products stay
    float32. `tf32` lets a GPU round the inputs of float32 products to 10 bits; the other two forbid it. Where the
    process is held to portable code, attention in `bf16` is computed product by product: torch's fused kernel needs the
    code for AVX-512 that such a process leaves out.
    """
    with _tf32(precision == "tf32", device):
        if precision == "bf16":
            fused = device.type != "cpu" or not is_portable()
            with torch.autocast(device.type, torch.bfloat16), nullcontext() if fused else sdpa_kernel(MATH):
                yield
        else:
            yield


@contextmanager
def _tf32(allowed: bool, device: torch.device) -> Iterator[None]:
    """Allow or forbid tf32 to torch while the block runs, where the device has or emulates it."""
    if device.type != "cuda" and not emulated.get():
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def cached_bytes(precision: Precision) -> int:
    """Bytes of a key or value in a cache."""
    return 2 if precision == "bf16" else 4


def product_type(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """The type of what a product of tensors of `dtype` gives now."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else dtype


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """Leave autocast and tf32 while the block runs: logits and their softmax are float32 in every precision."""
    leaving = (
        torch.autocast(device.type, enabled=False)
        if torch.is_autocast_enabled(device.type)
        else nullcontext()
    )
    with leaving, _tf32(False, device):
        yield
