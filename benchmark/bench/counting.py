"""FLOPs of a pass, counted without running it; a multiply-add is two FLOPs.

The body costs 2 FLOPs per weight, position and layer; attention 4 FLOPs per channel and attended position (scores and
weighted sum); logits 2 FLOPs per weight of the embedding and of the projection before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.evaluation.batched_requests import Unit
from benchmark.evaluation.prepare import Prepared
from benchmark.evaluation.trees import PrefixTree, build_tree
from benchmark.models.opt import OptConfig


@dataclass(frozen=True)
class Count:
    """Numbers of positions, of positions with logits, and of attended pairs of positions."""

    positions: int
    logits: int
    pairs: int

    def __add__(self, other: "Count") -> "Count":
        return Count(self.positions + other.positions, self.logits + other.logits, self.pairs + other.pairs)


def layer_weights(config: OptConfig) -> int:
    """Weights of one layer's matrices."""
    return 4 * config.hidden_size**2 + 2 * config.hidden_size * config.ffn_dim


def flops(count: Count, config: OptConfig) -> float:
    """FLOPs of a pass in which every layer runs at every position."""
    body = config.num_hidden_layers * (
        2 * layer_weights(config) * count.positions + 4 * config.hidden_size * count.pairs
    )
    head = 2 * config.vocab_size * config.word_embed_proj_dim
    if config.projected:
        head += 2 * config.hidden_size * config.word_embed_proj_dim
    return float(body + head * count.logits)


def saved_in_last_layer(prepared: Prepared, config: OptConfig) -> float:
    """FLOPs that the engine saves: the last layer's query, output and wide layer at positions that are not read."""
    spared = sum(tree.size - len(_read(tree)) for _, tree in _trees(prepared))
    return float(spared * 2 * (layer_weights(config) - 2 * config.hidden_size**2))


def needed(prepared: Prepared) -> Count:
    """The needed work: each distinct prefix of a document once, the prompt shared with the loss, logits if read."""
    total = Count(0, 0, 0)
    for unit, tree in _trees(prepared):
        total += Count(tree.size, len(_read(tree)), int((tree.depth + 1).sum())) + _decoded(unit)
    return total


def one_sequence_a_choice(prepared: Prepared) -> Count:
    """The work of lm-eval's own model without padding: one sequence per choice (one for all choices of one token
    that share a context), with logits at all its positions; the prompt again for the generation.
    """
    total = Count(0, 0, 0)
    for unit in _units(prepared):
        for ids in {continuation.ids[:-1] for continuation in unit.continuations}:
            total += Count(len(ids), len(ids), _causal(len(ids)))
        if unit.ending:
            total += Count(len(unit.prompt), 1, _causal(len(unit.prompt))) + _decoded(unit)
    return total


def padded_positions(prepared: Prepared, length: int) -> int:
    """Positions of the original code: every choice, loss and prompt padded to ``length``, and the decoded tokens."""
    units = _units(prepared)
    sequences = sum(len(unit.continuations) + (unit.ending is not None) for unit in units)
    return sequences * length + sum(_decoded(unit).positions for unit in units)


def _units(prepared: Prepared) -> list[Unit]:
    return [unit for split in prepared.splits.values() for unit in split.workload.units]


def _trees(prepared: Prepared) -> Iterator[tuple[Unit, PrefixTree]]:
    return ((unit, build_tree(unit.continuations, unit.prompt)) for unit in _units(prepared))


def _decoded(unit: Unit) -> Count:
    if unit.ending is None:
        return Count(0, 0, 0)
    steps = unit.ending.new_tokens - 1
    return Count(steps, steps, int(np.sum(len(unit.prompt) + np.arange(1, steps + 1))))


def _read(tree: PrefixTree) -> set[int]:
    return {*tree.row.tolist(), *([tree.prompt - 1] if tree.prompt else [])}


def _causal(length: int) -> int:
    return length * (length + 1) // 2


def sequence_lengths(prepared: Prepared) -> Sequence[tuple[int, int]]:
    """(positions, positions with logits) of each document as one plain sequence: what the floor pushes."""
    lengths = []
    for unit, tree in _trees(prepared):
        decoded = _decoded(unit)
        lengths.append((tree.size + decoded.positions, len(_read(tree)) + decoded.logits))
    return lengths
