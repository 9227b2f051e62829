"""What tf32 does, on a CPU: the inputs of float32 products rounded to 10 bits, the products added up in float32.

Only for measurements. NVIDIA's tensor cores may also round the sums, which is not emulated.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from benchmark.arithmetic import precision, products

PRODUCTS = (functional.linear, torch.matmul, torch.bmm, torch.mm, Tensor.matmul, Tensor.__matmul__)
CUT = 13
"""Bits of a float32 mantissa (23) that tf32 (10) does not have."""


@contextmanager
def emulated_tf32() -> Iterator[None]:
    """Allow the precision `tf32` on a CPU while the block runs, and emulate it in torch's own products."""
    token, portable = precision.emulated.set(True), products._portable
    products._portable = lambda left, right: not _allowed() and portable(left, right)
    try:
        with _RoundedProducts():
            yield
    finally:
        products._portable = portable
        precision.emulated.reset(token)


def _allowed() -> bool:
    return bool(torch.backends.cuda.matmul.allow_tf32)


def to_tf32(values: Tensor) -> Tensor:
    """float32 `values`, each rounded to the nearest number with a mantissa of 10 bits; ties go to the even one."""
    bits = values.contiguous().view(torch.int32)
    even = (bits >> CUT) & 1
    return ((bits + ((1 << (CUT - 1)) - 1) + even) & -(1 << CUT)).view(torch.float32)


class _RoundedProducts(TorchFunctionMode):
    """Rounds the inputs of the products of a forward pass where torch allows tf32."""

    def __torch_function__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if not _allowed():
            return func(*args, **given)
        if func in PRODUCTS:
            return func(*map(to_tf32, args[:2]), *args[2:], **given)
        if func in (torch.addmm, torch.baddbmm):
            return func(args[0], *map(to_tf32, args[1:3]), *args[3:], **given)
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **given)
        return func(*args, **given)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Attention [batch, heads, positions, width] as two products; torch's arguments, without dropout."""
    assert dropout_p == 0
    if enable_gqa:
        key, value = (one.repeat_interleave(query.shape[-3] // one.shape[-3], -3) for one in (key, value))
    size = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    weights = torch.matmul(to_tf32(query * size), to_tf32(key.mT))
    if is_causal:
        weights += torch.full_like(weights, float("-inf")).triu(1)
    elif attn_mask is not None and attn_mask.dtype == torch.bool:
        weights.masked_fill_(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        weights += attn_mask
    return torch.matmul(to_tf32(torch.softmax(weights, -1)), to_tf32(value))
