"""Batches as tensors: token ids, positions, masks, and the rows at which logits are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.evaluation.batch_plan import Batch
from benchmark.evaluation.trees import PrefixTree


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
        """Additive mask [trees, 1, length, length]: 0 for ancestors, minus infinity else; None: causal."""
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


def tree_batch(
    batch: Batch, trees: Sequence[PrefixTree], slots: Sequence[int], *, generates: bool
) -> TreeBatch:
    """Lay out one batch; ``slots[i]`` is the slot of the first scored token of tree ``i``."""
    shape = (len(batch.trees), batch.length)
    ids, depth = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    end = np.tile(np.arange(1, batch.length + 1), (shape[0], 1))
    read = [_read_nodes(trees[number], generates) for number in batch.trees]
    width = max(len(nodes) for nodes in read)
    row_nodes = np.zeros((shape[0], width), np.int64)
    first, others, pairs = [], [], []
    for row, number in enumerate(batch.trees):
        tree, nodes = trees[number], read[row]
        ids[row, : tree.size], depth[row, : tree.size], end[row, : tree.size] = tree.ids, tree.depth, tree.end
        row_nodes[row, : len(nodes)] = nodes
        places = row * width + np.arange(len(nodes))
        first += [places[:1]] if generates else []
        others.append(places[1:] if generates else places)
        column = dict(zip(nodes, places.tolist(), strict=True))
        predicted = np.array([column[node] for node in tree.row.tolist()], np.int64)
        pairs.append(np.stack([predicted, tree.token, slots[number] + np.arange(len(tree.token))]))
    rows = np.concatenate([*first, *others])
    where = np.zeros(shape[0] * width, np.int64)
    where[rows] = np.arange(len(rows))
    pair = np.concatenate(pairs, axis=1).astype(np.int64)
    pair[0] = where[pair[0]]
    pair = pair[:, np.argsort(pair[0], kind="stable")]
    chains = all(trees[number].is_chain for number in batch.trees)
    return TreeBatch(
        ids=torch.from_numpy(ids),
        depth=torch.from_numpy(depth),
        end=None if chains else torch.from_numpy(end),
        row_nodes=torch.from_numpy(row_nodes),
        rows=torch.from_numpy(rows),
        pair_row=torch.from_numpy(pair[0]),
        pair_token=torch.from_numpy(pair[1]),
        pair_slot=torch.from_numpy(pair[2]),
        pairs_before_row=tuple(np.searchsorted(pair[0], np.arange(len(rows) + 1)).tolist()),
        prompts=shape[0] if generates else 0,
    )


def _read_nodes(tree: PrefixTree, generates: bool) -> list[int]:
    """Nodes whose output is read, each once; the prompt's last leads where the prompt is continued."""
    nodes = sorted(set(tree.row.tolist()))
    if not generates:
        return nodes
    last = tree.prompt - 1
    return [last, *(node for node in nodes if node != last)]
