"""A batch of prefix trees as a network reads it."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class TreeBatch:
    """Trees padded on the right to one length, and what is read of them.

    ids, depth: [trees, length]. end: [trees, length], or None where every tree is a chain. row_nodes:
    [trees, rows], the nodes whose outputs are read, padded with node 0. rows: [read], where in that table the
    real ones stand; the first ``prompts`` of them are the last positions of the trees' prompts.
    pair_row, pair_token: [pairs], sorted by row: the token whose log-probability is read, and at which row.
    pair_slot: [pairs], where it belongs in the order of the prepared continuations.
    """

    ids: Tensor
    depth: Tensor
    end: Tensor | None
    row_nodes: Tensor
    rows: Tensor
    pair_row: Tensor
    pair_token: Tensor
    pair_slot: Tensor
    pairs_before_row: tuple[int, ...]
    prompts: int

    def to(self, device: torch.device) -> "TreeBatch":
        """The same batch on ``device``."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in tensors.items()}
        return replace(self, **moved)

    def mask(self, dtype: torch.dtype) -> Tensor | None:
        """Additive mask [trees, 1, length, length]: 0 for ancestors, otherwise minus infinity; None: causal."""
        if self.end is None:
            return None
        node = torch.arange(self.ids.shape[1], device=self.ids.device)
        ancestor = (node[None, :] <= node[:, None]) & (node[None, :, None] < self.end[:, None, :])
        return torch.zeros(ancestor.shape, dtype=dtype, device=self.ids.device).masked_fill_(
            ~ancestor, -torch.inf
        )[:, None]

    def row_mask(self, mask: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Additive mask [trees, 1, rows, length] of the rows that are read."""
        length = self.ids.shape[1]
        if mask is None:
            node = torch.arange(length, device=self.ids.device)
            later = node[None, None, :] > self.row_nodes[:, :, None]
            return torch.zeros(later.shape, dtype=dtype, device=self.ids.device).masked_fill_(
                later, -torch.inf
            )[:, None]
        return mask[:, 0].gather(1, self.row_nodes[:, :, None].expand(-1, -1, length))[:, None]
