"""The attention that models of `transformers` take where they compute portably: the products of the native model."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from benchmark.arithmetic.products import batched

ROUTED = "gapbench"
"""Name of this attention among those of `transformers`."""


def routed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Mixed values [batch, queries, heads, width] of `query` [batch, heads, queries, width] over keys and values.

    `key`, `value` [batch, groups, keys, width]: each group serves as many heads. `attention_mask` is additive; None
    means that everything is seen. The queries of a group are multiplied together, so that no key is copied for them.
    """
    batch, heads, count, width = query.shape
    groups = key.shape[1]
    scale = width**-0.5 if scaling is None else scaling
    scores = batched((query * scale).reshape(batch, groups, -1, width), key.mT)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    scores = scores.view(batch, groups, heads // groups, count, -1)
    if attention_mask is not None:
        scores.add_(attention_mask[..., : scores.shape[-1]].unsqueeze(2))
    weights = torch.softmax(scores, -1).view(batch, groups, -1, scores.shape[-1])
    mixed = batched(weights, value).view(batch, heads, count, value.shape[-1])
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(ROUTED, routed_attention)
AttentionMaskInterface.register(ROUTED, eager_mask)
