"""Passages of different lengths in one step without padding: all but attention runs over their joined tokens."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.arithmetic.products import batched, causal_mask, linear
from benchmark.models.opt import EMBEDDING, LAYER_NORM_EPSILON, POSITION_OFFSET, POSITIONS, PREFIX, OptConfig

NO_TARGET = -100
"""Target of padding, which ``cross_entropy`` leaves out."""
MOST_GRIDS = 3
"""Grids of a step: more have fewer empty slots, and more calls."""
FEWEST_ROWS = 4
"""Passages of a grid, where there are as many."""


@dataclass(frozen=True)
class Grid:
    """Passages of like length: their tokens' ``slots`` [tokens].

    A slot is a token's place in ``rows`` passages by ``width`` positions. ``mask`` [width, width] is causal.
    """

    slots: Tensor
    rows: int
    width: int
    mask: Tensor

    def filled(self, tokens: Tensor) -> Tensor:
        """The grid's slots [rows * width, columns], with its ``tokens`` [tokens, columns] and zeros elsewhere."""
        return tokens.new_zeros(self.rows * self.width, tokens.shape[1]).index_copy_(0, self.slots, tokens)


@dataclass(frozen=True)
class Pack:
    """Passages joined, the shortest first; ``tokens`` and ``targets`` [n], ``positions`` [n] in each passage, from 0.

    The last tokens are padding, in no grid, with the target NO_TARGET: the products of all steps then have one shape,
    and oneDNN, which compiles code for each shape, does so once.
    """

    tokens: Tensor
    targets: Tensor
    positions: Tensor
    grids: tuple[Grid, ...]


def pack(passages: Sequence[Sequence[int]], size: int = 0) -> Pack:
    """Join passages, each from its beginning to its end token, and pad them to ``size`` tokens."""
    ordered = sorted(passages, key=len)
    padding = [0] * (size - sum(len(passage) - 1 for passage in ordered))
    return Pack(
        torch.tensor([token for passage in ordered for token in passage[:-1]] + padding),
        torch.tensor([token for passage in ordered for token in passage[1:]] + [NO_TARGET for _ in padding]),
        torch.tensor([place for passage in ordered for place in range(len(passage) - 1)] + padding),
        tuple(_grids([len(passage) - 1 for passage in ordered])),
    )


def _grids(lengths: Sequence[int]) -> Iterator[Grid]:
    """Grids of about the same number of passages, whose ``lengths`` rise: few of their slots stay empty."""
    count = max(1, min(MOST_GRIDS, len(lengths) // FEWEST_ROWS))
    bounds = [len(lengths) * place // count for place in range(count + 1)]
    for first, end in itertools.pairwise(bounds):
        part = lengths[first:end]
        width = part[-1]
        slots = [row * width + place for row, length in enumerate(part) for place in range(length)]
        mask = causal_mask(width, torch.float32, torch.device("cpu"))
        yield Grid(torch.tensor(slots), len(part), width, mask)


def steps_of(
    passages: Sequence[Sequence[int]], tokens: int, long: int, seed: int
) -> list[list[Sequence[int]]]:
    """The passages of each step, up to ``tokens`` tokens together, in random order.

    Passages of ``long`` tokens or more stand in steps of their own, so that they do not widen others' grids.
    """
    draw = random.Random(seed)
    steps: list[list[Sequence[int]]] = []
    for group in ([p for p in passages if len(p) < long], [p for p in passages if len(p) >= long]):
        draw.shuffle(group)
        step: list[Sequence[int]] = []
        size = 0
        for passage in group:
            if step and size + len(passage) - 1 > tokens:
                steps.append(step)
                step, size = [], 0
            step.append(passage)
            size += len(passage) - 1
        if step:
            steps.append(step)
    draw.shuffle(steps)
    return steps


def packed_logits(params: Mapping[str, Tensor], config: OptConfig, joined: Pack) -> Tensor:
    """Next-token logits [n, vocabulary]: those of ``causal_logits``, passage by passage (pre-LN models)."""
    hidden = functional.embedding(joined.tokens, params[EMBEDDING])
    hidden = hidden + functional.embedding(joined.positions + POSITION_OFFSET, params[POSITIONS])
    for index in range(config.num_hidden_layers):
        name = f"{PREFIX}layers.{index}."
        normed = _norm(hidden, params, name + "self_attn_layer_norm")
        mixed = _attention(normed, params, config, name + "self_attn.", joined)
        hidden = hidden + _linear(mixed, params, name + "self_attn.out_proj")
        normed = _norm(hidden, params, name + "final_layer_norm")
        inner = functional.relu(_linear(normed, params, name + "fc1"))
        hidden = hidden + _linear(inner, params, name + "fc2")
    hidden = _norm(hidden, params, PREFIX + "final_layer_norm")
    return linear(hidden, params[EMBEDDING])


def _attention(
    hidden: Tensor, params: Mapping[str, Tensor], config: OptConfig, name: str, joined: Pack
) -> Tensor:
    names = [f"{name}{part}_proj" for part in "qkv"]
    weight = torch.cat([params[part + ".weight"] for part in names])
    bias = torch.cat([params[part + ".bias"] for part in names])
    projected = linear(hidden, weight, bias)
    mixed: Tensor = _Attention.apply(projected, joined.grids, config.num_attention_heads)  # type: ignore[no-untyped-call]
    return mixed


class _Attention(torch.autograd.Function):
    """Causal attention in every grid: of ``projected`` [n, 3 * width], queries, keys and values, to [n, width].

    One node of autograd's graph for all grids: two dozen small nodes a layer cost as much as their arithmetic.
    """

    @staticmethod
    def forward(ctx: Any, projected: Tensor, grids: Sequence[Grid], heads: int) -> Tensor:
        scale = (projected.shape[1] // 3 // heads) ** -0.5
        mixed = projected.new_zeros(len(projected), projected.shape[1] // 3)
        kept, start = [], 0
        for grid in grids:
            stop = start + len(grid.slots)
            query, key, value = _in_heads(grid.filled(projected[start:stop]), grid, heads, 3)
            query = query * scale
            shares = torch.softmax(batched(query, key.mT).add_(grid.mask), -1)
            torch.index_select(_out_of_heads(batched(shares, value)), 0, grid.slots, out=mixed[start:stop])
            kept += [query, key, value, shares]
            start = stop
        ctx.save_for_backward(*kept)
        ctx.grids, ctx.heads, ctx.scale = grids, heads, scale
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        result = gradient.new_zeros(len(gradient), 3 * gradient.shape[1])
        kept, start = iter(ctx.saved_tensors), 0
        for grid in ctx.grids:
            query, key, value, shares = itertools.islice(kept, 4)
            stop = start + len(grid.slots)
            (of_mixed,) = _in_heads(grid.filled(gradient[start:stop]), grid, ctx.heads, 1)
            of_shares = batched(of_mixed, value.mT)
            of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
            parts = (
                batched(of_scores, key).mul_(ctx.scale),
                batched(of_scores.mT, query),
                batched(shares.mT, of_mixed),
            )
            of_filled = torch.cat([_out_of_heads(part) for part in parts], 1)
            torch.index_select(of_filled, 0, grid.slots, out=result[start:stop])
            start = stop
        return result, None, None


def _in_heads(filled: Tensor, grid: Grid, heads: int, parts: int) -> tuple[Tensor, ...]:
    """Parts [rows, heads, width, head width] of [slots, parts * heads * head width]."""
    return filled.view(grid.rows, grid.width, parts, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


def _out_of_heads(mixed: Tensor) -> Tensor:
    rows, heads, width, inner = mixed.shape
    return mixed.transpose(1, 2).reshape(rows * width, heads * inner)


def _linear(hidden: Tensor, params: Mapping[str, Tensor], name: str) -> Tensor:
    return linear(hidden, params[name + ".weight"], params[name + ".bias"])


def _norm(hidden: Tensor, params: Mapping[str, Tensor], name: str) -> Tensor:
    weight, bias = params[name + ".weight"], params[name + ".bias"]
    return functional.layer_norm(hidden, weight.shape, weight, bias, LAYER_NORM_EPSILON)
