"""Greedy continuation of many prompts at once, with a key-value cache; finished rows leave the batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.evaluation.logits import LogitSpace
from benchmark.evaluation.network import Cache, Network

STEPS_A_LOOK = 8
"""On an accelerator, decoding steps between two looks at which rows have finished (each look is a sync)."""
SHRINK_AT = 0.8
"""Share of rows still going at which the cache is copied without the finished ones."""


def continue_greedily(
    network: Network,
    cache: Cache,
    space: LogitSpace,
    first: Tensor,
    prompts: Tensor,
    *,
    new_tokens: int,
    eos_id: int,
    stops: Sequence[Tensor],
) -> Tensor:
    """Tokens [rows, new_tokens] that follow the cached prompts, ``first`` [rows] being the first of each.

    ``prompts`` [rows] holds the prompts' lengths. A row ends with ``eos_id`` or where one of the ``stops``
    (automata of ``stop_table``) has matched; it is filled up with ``eos_id``.
    """
    device = network.device
    rows = len(first)
    text = torch.full((rows, new_tokens), eos_id, dtype=torch.int64, device=device)
    going = torch.arange(rows, device=device)
    states = [torch.zeros(rows, dtype=torch.int64, device=device) for _ in stops]
    mask = _slot_mask(network, cache, prompts)
    token, done = first, torch.zeros(rows, dtype=torch.bool, device=device)
    look = 1 if device.type == "cpu" else STEPS_A_LOOK
    for number in range(new_tokens):
        if number:
            positions = prompts + (number - 1)
            output = network.step(token, positions, cache, cache.prompt + number - 1, mask)
            token = space.most_likely(output)
        text[going, number] = torch.where(done, eos_id, token)
        done = done | (token == eos_id)
        for place, table in enumerate(stops):
            states[place] = table[states[place], token].long()
            done = done | (states[place] == len(table) - 1)
        if number % look == look - 1 and number + 1 < new_tokens:
            alive = (~done).nonzero().view(-1)
            if not len(alive):
                break
            if len(alive) <= SHRINK_AT * len(done):
                cache.keep(alive)
                going, token, done = going[alive], token[alive], done[alive]
                prompts, mask = prompts[alive], mask[alive]
                states = [state[alive] for state in states]
    return text


def _slot_mask(network: Network, cache: Cache, prompts: Tensor) -> Tensor:
    """Additive mask [rows, 1, 1, slots]: minus infinity between a row's prompt and the longest prompt."""
    slot = torch.arange(cache.keys.shape[3], device=network.device)
    gap = (slot[None] >= prompts[:, None]) & (slot[None] < cache.prompt)
    mask = torch.zeros(gap.shape, dtype=network.dtype, device=network.device)
    return mask.masked_fill_(gap, -torch.inf)[:, None, None, :]
