"""Passages of different lengths in one step without padding: all but attention runs over their joined tokens."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.models.opt import EMBEDDING, LAYER_NORM_EPSILON, POSITION_OFFSET, POSITIONS, PREFIX, OptConfig


@dataclass(frozen=True)
class Pack:
    """Passages joined; ``tokens`` and ``targets`` [n], ``positions`` [n] in each passage, from 0.

    ``slots`` [n] are the tokens' places in a grid of ``rows`` passages by ``width`` positions.
    """

    tokens: Tensor
    targets: Tensor
    positions: Tensor
    slots: Tensor
    rows: int
    width: int


def pack(passages: Sequence[Sequence[int]]) -> Pack:
    """Join passages, each from its beginning to its end token."""
    width = max(map(len, passages)) - 1
    places = [(row, place) for row, passage in enumerate(passages) for place in range(len(passage) - 1)]
    return Pack(
        torch.tensor([token for passage in passages for token in passage[:-1]]),
        torch.tensor([token for passage in passages for token in passage[1:]]),
        torch.tensor([place for _, place in places]),
        torch.tensor([row * width + place for row, place in places]),
        len(passages),
        width,
    )


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
    return functional.linear(hidden, params[EMBEDDING])


def _attention(
    hidden: Tensor, params: Mapping[str, Tensor], config: OptConfig, name: str, joined: Pack
) -> Tensor:
    parts = [f"{name}{part}_proj" for part in "qkv"]
    weight = torch.cat([params[part + ".weight"] for part in parts])
    bias = torch.cat([params[part + ".bias"] for part in parts])
    size, width = joined.rows * joined.width, config.hidden_size
    grid = hidden.new_zeros(size, 3 * width)
    grid = grid.index_copy(0, joined.slots, functional.linear(hidden, weight, bias))
    heads = grid.view(joined.rows, joined.width, 3, config.num_attention_heads, config.head_dim)
    query, key, value = heads.permute(2, 0, 3, 1, 4)
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    return mixed.transpose(1, 2).reshape(size, width).index_select(0, joined.slots)


def _linear(hidden: Tensor, params: Mapping[str, Tensor], name: str) -> Tensor:
    return functional.linear(hidden, params[name + ".weight"], params[name + ".bias"])


def _norm(hidden: Tensor, params: Mapping[str, Tensor], name: str) -> Tensor:
    weight, bias = params[name + ".weight"], params[name + ".bias"]
    return functional.layer_norm(hidden, weight.shape, weight, bias, LAYER_NORM_EPSILON)
