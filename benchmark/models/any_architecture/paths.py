"""Prefix trees as sequences: one for every path to a node that is read."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.models.networks.tree_batch import TreeBatch


@dataclass(frozen=True)
class Part:
    """Sequences that are pushed together, padded on the right to `width` tokens.

    rows: which. reads: which of all reads are theirs; path, place: [reads] where those stand.
    """

    rows: Tensor
    width: int
    reads: Tensor
    path: Tensor
    place: Tensor


@dataclass(frozen=True)
class Paths:
    """Sequences `ids` [paths, longest] of `lengths` [paths] tokens; what is read stands at `path`, `place` [reads]."""

    ids: Tensor
    lengths: Tensor
    path: Tensor
    place: Tensor

    def parts(self, positions: int) -> Iterator[Part]:
        """Groups of sequences of similar length, up to so many positions."""
        order = torch.argsort(self.lengths, descending=True, stable=True)
        start = 0
        while start < len(order):
            width = int(self.lengths[order[start]])
            rows = order[start : start + max(1, positions // width)]
            number = torch.full((len(order),), -1, device=rows.device)
            number[rows] = torch.arange(len(rows), device=rows.device)
            reads = (number[self.path] >= 0).nonzero().view(-1)
            yield Part(rows, width, reads, number[self.path[reads]], self.place[reads])
            start += len(rows)


def paths_of(batch: TreeBatch) -> Paths:
    """The paths of a batch; reads are in the order of its rows."""
    width = batch.row_nodes.shape[1]
    trees = (batch.rows // width).tolist()
    nodes = batch.row_nodes.view(-1)[batch.rows].tolist()
    ids = batch.ids.cpu()
    length = ids.shape[1]
    ends = [[length] * length] * len(ids) if batch.end is None else batch.end.tolist()
    sequences: list[Tensor] = []
    found: dict[tuple[int, int], tuple[int, int]] = {}
    # From the last node on: a node whose path is part of a later one's needs no sequence of its own.
    for tree, node in sorted(set(zip(trees, nodes, strict=True)), reverse=True):
        if (tree, node) in found:
            continue
        path = [other for other in range(node + 1) if node < ends[tree][other]]
        for place, other in enumerate(path):
            found.setdefault((tree, other), (len(sequences), place))
        sequences.append(ids[tree, path])
    places = torch.tensor([found[key] for key in zip(trees, nodes, strict=True)]).view(-1, 2)
    device = batch.ids.device
    return Paths(
        torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True).to(device),
        torch.tensor([len(sequence) for sequence in sequences]).to(device),
        places[:, 0].to(device),
        places[:, 1].to(device),
    )
