"""Which operations of torch a module calls, and which of them may give other bits on another CPU.

The list holds what was seen to give the same bits on an Intel CPU with AVX-512, the same without, and an AMD CPU, with
torch held to its AVX2 code; everything else counts as unknown. Not in the list are products that do not go through
`benchmark.arithmetic`, and functions that torch leaves to MKL or oneDNN (square root, arcsine, the exact GELU).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MOVES = """
    _local_scalar_dense _to_copy _unsafe_view alias arange as_strided bitwise_and bitwise_not cat clamp clamp_min clone
    constant_pad_nd copy_ detach embedding empty_like eq expand full full_like gather ge gt index index_put index_put_
    index_select le lift_fresh logical_and logical_not lt masked_fill masked_fill_ maximum minimum ne new_empty_strided
    new_ones new_zeros ones ones_like permute relu repeat scalar_tensor scatter select select_backward slice
    slice_backward split split_with_sizes squeeze stack t threshold_backward topk transpose tril triu unbind unsqueeze
    view where zeros zeros_like
"""
"""Operations that move, compare or choose numbers."""
EXACT = "abs add add_ div mul mul_ neg reciprocal rsub sub"
"""One rounding for each number."""
SEEN = """
    _log_softmax _log_softmax_backward_data _softmax _softmax_backward_data all any cos cumsum
    embedding_dense_backward erf exp expm1 log1p max mean min native_layer_norm native_layer_norm_backward rsqrt sigmoid
    sigmoid_backward silu silu_backward sin softplus softplus_backward sum tanh tanh_backward
"""
"""Functions and sums that were compared."""
KNOWN = (
    frozenset(f"aten::{name}" for name in f"{MOVES} {EXACT} {SEEN}".split())
    | {
        "mkldnn::_linear_pointwise"  # which `benchmark.arithmetic.products` calls, with sums of the length that is safe
    }
)
POWERS = (-0.5, 1, 2, 3)


class Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the names of operations that are not known."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.unknown: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if not is_known(func, args, kwargs or {}):
            self.unknown.add(str(func.name()))
        return func(*args, **(kwargs or {}))


def is_known(operation: Any, args: Sequence[Any], options: Mapping[str, Any]) -> bool:
    """Whether an operation gives the same bits on every CPU that portable arithmetic runs on."""
    name = str(operation.name()).split(".")[0]
    if name in ("aten::gelu", "aten::gelu_backward"):
        return options.get("approximate") == "tanh" or not torch.backends.mkldnn.enabled
    if name == "aten::pow":
        return isinstance(args[1], int | float) and args[1] in POWERS
    if name in ("aten::bmm", "aten::mm"):
        return int(args[0].shape[-1]) == 1  # one term: nothing is summed
    tensors = [leaf for leaf in tree_leaves([args, options]) if isinstance(leaf, Tensor)]
    in_float32 = all(one.dtype == torch.float32 for one in tensors if one.is_floating_point())
    return name in KNOWN and (in_float32 or name in ("aten::_to_copy", "aten::copy_"))
