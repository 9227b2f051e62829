"""Batches as tensors: token ids, positions, masks, and the rows at which logits are read."""

from collections.abc import Sequence

import numpy as np
import torch

from benchmark.evaluation.batch_plan import Batch
from benchmark.evaluation.trees import PrefixTree
from benchmark.models.networks.tree_batch import TreeBatch


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
    """Nodes whose output is read, each once; the prompt's last node comes first if the prompt is continued."""
    nodes = sorted(set(tree.row.tolist()))
    if not generates:
        return nodes
    last = tree.prompt - 1
    return [last, *(node for node in nodes if node != last)]
