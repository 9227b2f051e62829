"""Layers of `transformers` with the products of `benchmark.arithmetic.products`, put in the place of torch's own.

A layer keeps its weights and their names, and becomes of another class. One elementwise function is replaced as well:
torch gives the exact GELU of contiguous tensors to oneDNN, whose bits depend on the CPU; those of torch's own do not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.activations import GELUActivation
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from benchmark.arithmetic.products import linear
from benchmark.models.any_architecture.routed_attention import ROUTED


class RoutedLinear(nn.Linear):
    """`nn.Linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """The product."""
        return linear(input, self.weight, self.bias)


class RoutedConv1D(Conv1D):  # type: ignore[misc] # transformers types it as Any
    """GPT-2's linear layer, whose weight is [in, out]."""

    def forward(self, x: Tensor) -> Tensor:
        """The product."""
        return linear(x, self.weight.t(), self.bias)


class RoutedGelu(nn.GELU):
    """The exact `nn.GELU`."""

    def forward(self, input: Tensor) -> Tensor:
        """GELU without oneDNN."""
        return exact_gelu(input)


class RoutedGeluActivation(GELUActivation):  # type: ignore[misc] # transformers types it as Any
    """The exact GELU of `transformers`."""

    def forward(self, input: Tensor) -> Tensor:
        """GELU without oneDNN."""
        return exact_gelu(input)


def routed_class(layer: nn.Module) -> type[nn.Module] | None:
    """What takes a layer's place; None where it stays."""
    if type(layer) is nn.Linear:
        return RoutedLinear
    if type(layer) is Conv1D:
        return RoutedConv1D
    if type(layer) is nn.GELU and layer.approximate == "none":
        return RoutedGelu
    if type(layer) is GELUActivation and layer.act is functional.gelu:
        return RoutedGeluActivation
    return None


def route(module: PreTrainedModel) -> list[tuple[nn.Module, type[nn.Module]]]:
    """Replace what can be replaced; returns the layers with their own classes, for `unroute`."""
    replaced = []
    for layer in module.modules():
        other = routed_class(layer)
        if other is not None:
            replaced.append((layer, type(layer)))
            layer.__class__ = other
    set_attention(module, ROUTED)
    return replaced


def unroute(
    module: PreTrainedModel, replaced: list[tuple[nn.Module, type[nn.Module]]], attention: str
) -> None:
    """Put back what `route` has replaced."""
    for layer, own in replaced:
        layer.__class__ = own
    set_attention(module, attention)


def set_attention(module: PreTrainedModel, name: str) -> None:
    """Let the module take an attention by its name; without effect where its attention cannot be chosen."""
    logger = logging.get_logger("transformers.modeling_utils")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        module.set_attn_implementation(name)
    except (ValueError, KeyError, AttributeError):
        pass
    finally:
        logger.setLevel(before)


def exact_gelu(hidden: Tensor) -> Tensor:
    """x * Phi(x), differentiable, without oneDNN."""
    if torch.is_grad_enabled() and hidden.requires_grad:
        product: Tensor = _Gelu.apply(hidden)  # type: ignore[no-untyped-call]
        return product
    with _without_onednn():
        return functional.gelu(hidden)


class _Gelu(torch.autograd.Function):
    """GELU and its gradient, which torch would give to oneDNN too."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor) -> Tensor:
        ctx.save_for_backward(hidden)
        with _without_onednn():
            return functional.gelu(hidden)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (hidden,) = ctx.saved_tensors
        with _without_onednn():
            return torch.ops.aten.gelu_backward.default(gradients[0], hidden)  # type: ignore[no-any-return]


@contextmanager
def _without_onednn() -> Iterator[None]:
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
