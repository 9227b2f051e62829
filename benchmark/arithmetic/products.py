"""Matrix products with the same bits on every x86-64 CPU, differentiable, nearly as fast as the CPU's own.

Products with weights go through oneDNN. Its inner product adds up each output as one chain of fused multiply-adds in
the order of the summed index, however wide the CPU's registers are, unless it cuts that index into blocks. It does so
from about 700 terms on, at places that depend on the CPU; so longer sums are cut here, always at the same places.
Batches of small products (attention, Muon) go through numpy to OpenBLAS, which `mode` holds to its Haswell code: there
oneDNN would be called once per matrix. MKL, which torch takes for both, depends on the CPU; the mode of MKL that does
not is two to seven times slower.
"""

import functools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmark.arithmetic import mode

Array = NDArray[np.float32]

LONGEST = 512
"""Terms that one chain of multiply-adds has at most."""
ROWS = 64
"""Numbers of rows that oneDNN gets are multiples of this."""
FEWEST_ROWS = 48
"""Rows below which OpenBLAS is faster than oneDNN."""


def linear(hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`hidden` [..., in] times `weight` [out, in] transposed, plus `bias` [out]: [..., out].

    Portable for float32 on a CPU, otherwise `torch.nn.functional.linear`.
    """
    if not _portable(hidden, weight):
        return functional.linear(hidden, weight, bias)
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        product: Tensor = _Linear.apply(hidden, weight, bias)  # type: ignore[no-untyped-call]
        return product
    return _chained(hidden, weight, bias)


def batched(left: Tensor, right: Tensor) -> Tensor:
    """`left` [..., m, k] times `right` [..., k, n], of equal batch dimensions: [..., m, n].

    Portable for float32 on a CPU, otherwise `torch.matmul`.
    """
    if not _portable(left, right):
        return torch.matmul(left, right)
    if torch.is_grad_enabled() and (left.requires_grad or right.requires_grad):
        product: Tensor = _Batched.apply(left, right)  # type: ignore[no-untyped-call]
        return product
    return _openblas(left, right)


def multiply(left: Array, right: Array, out: Array | None = None) -> Array:
    """`batched` for numpy arrays on their way into `out`, whose rows may have gaps; OpenBLAS in either arithmetic."""
    product: Array = np.matmul(left, right, out=out)
    return product


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(`scale` * `query` `key`^T + `mask`) `value`, each [batch, heads, positions, width]; no mask: causal.

    Portable for float32 on a CPU, otherwise torch's fused kernel.
    """
    if not _portable(query, key):
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale
        )
    if mask is None:
        mask = causal_mask(query.shape[-2], query.dtype, query.device)
    return batched(torch.softmax(batched(query * scale, key.mT).add_(mask), -1), value)


def attention_rows(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """What `attention` gives, as rows [batch * positions, heads * width] in `room`; without gradients."""
    batch, heads, positions, _ = query.shape
    count, width = batch * positions, value.shape[-1]
    if not _portable(query, key):
        return attention(query, key, value, mask, scale).transpose(1, 2).reshape(count, heads * width)
    if mask is None:
        mask = causal_mask(positions, query.dtype, query.device)
    weights = torch.softmax(_openblas(query * scale, key.mT).add_(mask), -1)
    rows = room(count, heads * width, query)
    places = rows[:count].view(batch, positions, heads, width).transpose(1, 2)
    np.matmul(weights.numpy(), value.numpy(), out=places.numpy())
    return rows


def rows_for(count: int, like: Tensor) -> int:
    """In how many rows, of the type and on the device of `like`, `linear` takes `count` of them without a copy."""
    return count + -count % ROWS if count >= FEWEST_ROWS and _portable(like, like) else count


def room(count: int, width: int, like: Tensor) -> Tensor:
    """Rows [`rows_for(count)`, width] to write `count` rows into; those behind them are 0."""
    rows = like.new_empty(rows_for(count, like), width)
    if len(rows) > count:
        rows[count:].zero_()
    return rows


@functools.lru_cache(maxsize=64)
def causal_mask(length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Additive mask [length, length]: 0 on and below the diagonal, the type's lowest number above it."""
    return torch.full((length, length), torch.finfo(dtype).min, dtype=dtype, device=device).triu(1)


def _portable(left: Tensor, right: Tensor) -> bool:
    return (
        mode.is_portable()
        and left.device.type == "cpu"
        and left.dtype == right.dtype == torch.float32
        and left.numel() > 0
        and right.numel() > 0
        and not torch.is_autocast_enabled("cpu")
    )


def _chained(hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product, its rows padded to a multiple of ROWS: oneDNN compiles code for each number of rows it meets."""
    inputs = hidden if hidden.dim() == 2 else hidden.reshape(-1, hidden.shape[-1])
    count = len(inputs)
    if count and count % ROWS == 0 and inputs is hidden:
        return _onednn(inputs, weight, bias)
    if count < FEWEST_ROWS:
        product = _openblas(inputs, weight.t())
        product = product if bias is None else product.add_(bias)
    else:
        product = _onednn(_padded(inputs), weight, bias)[:count]
    return product.view(*hidden.shape[:-1], len(weight))


def _padded(inputs: Tensor) -> Tensor:
    count = len(inputs)
    if count % ROWS == 0:
        return inputs
    padded = room(count, inputs.shape[1], inputs)
    padded[:count] = inputs
    return padded


def _onednn(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    width = weight.shape[1]
    if width <= LONGEST:
        return _inner_product(hidden, _plain(weight), bias)
    others = range(LONGEST, width, LONGEST)
    total = _inner_product(hidden[:, :LONGEST].contiguous(), _plain(weight[:, :LONGEST]), bias)
    for start in others:
        part = slice(start, start + LONGEST)
        total += _inner_product(hidden[:, part].contiguous(), _plain(weight[:, part]), None)
    return total


def _plain(weight: Tensor) -> Tensor:
    """The weight in rows or in columns without gaps: oneDNN multiplies others a thousand times more slowly."""
    return weight if weight.is_contiguous() or weight.t().is_contiguous() else weight.contiguous()


def _inner_product(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise.default(hidden, weight, bias, "none", [], "")
    return product


def _openblas(left: Tensor, right: Tensor) -> Tensor:
    return torch.from_numpy(np.matmul(left.detach().numpy(), right.detach().numpy()))


class _Linear(torch.autograd.Function):
    """The product and its gradients, which are products again."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        return _chained(hidden, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        hidden, weight = ctx.saved_tensors
        of_hidden, of_weight, of_bias = ctx.needs_input_grad
        rows, inputs = gradient.reshape(-1, gradient.shape[-1]), hidden.reshape(-1, hidden.shape[-1])
        return (
            _chained(gradient, weight.t()) if of_hidden else None,
            _openblas(rows.t(), inputs) if of_weight else None,
            rows.sum(0) if of_bias else None,
        )


class _Batched(torch.autograd.Function):
    """A batch of products and its gradients."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:
        ctx.save_for_backward(left, right)
        return _openblas(left, right)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        left, right = ctx.saved_tensors
        of_left, of_right = ctx.needs_input_grad
        return (
            _openblas(gradient, right.mT) if of_left else None,
            _openblas(left.mT, gradient) if of_right else None,
        )
