"""Drafts: texts that a checkpoint is expected to write, because its neighbour wrote them.

All tokens of a draft go through the model together, as the positions of a scoring pass do. A text is continued token by
token only from the first place where the model's choice differs from its draft. This is the greedy case of speculative
decoding (Leviathan et al. 2023, Fast Inference from Transformers via Speculative Decoding), with drafts that cost
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.evaluation.batch_plan import Group
from benchmark.evaluation.logits import LogitSpace
from benchmark.models.networks.network_interface import KeyValueCache, Network


@dataclass(frozen=True)
class DraftRows:
    """Drafts that are pushed together: their ``rows``, and the length of the longest without its last token."""

    rows: Tensor
    width: int


@dataclass(frozen=True)
class Drafts:
    """Drafts of one group's texts.

    tokens: [rows, new tokens], padded with end-of-sequence. lengths: [rows], tokens up to the end. states: for
    each stop string [rows, new tokens], the state of its automaton before each token.
    """

    tokens: Tensor
    lengths: Tensor
    states: tuple[Tensor, ...]
    parts: tuple[DraftRows, ...]

    def to(self, device: torch.device) -> "Drafts":
        """The same drafts on ``device``."""
        states = tuple(state.to(device) for state in self.states)
        parts = tuple(DraftRows(part.rows.to(device), part.width) for part in self.parts)
        return Drafts(self.tokens.to(device), self.lengths.to(device), states, parts)


def make_drafts(
    group: Group, written: Mapping[int, Sequence[int]], tables: Mapping[str, Tensor], eos_id: int
) -> Drafts:
    """Lay out what was ``written`` (unit number to tokens) for the units of a group that generates."""
    assert group.ending is not None
    tokens = torch.tensor([written[number] for batch in group.batches for number in batch.trees])
    ended = tokens == eos_id
    states = []
    for stop in group.ending.stops:
        table = tables[stop]
        state = torch.zeros_like(tokens)
        for column in range(tokens.shape[1] - 1):
            state[:, column + 1] = table[state[:, column], tokens[:, column]]
        states.append(state)
        ended |= table[state, tokens] == len(table) - 1
    lengths = torch.where(ended.any(1), ended.int().argmax(1) + 1, tokens.shape[1])
    largest = max(batch.positions for batch in group.batches)
    return Drafts(tokens, lengths, tuple(states), tuple(_parts(lengths.tolist(), largest)))


def _parts(lengths: Sequence[int], positions: int) -> list[DraftRows]:
    """Rows in parts of at most ``positions`` positions, longest first. A draft of one token has nothing to push."""
    rows = sorted((row for row, length in enumerate(lengths) if length > 1), key=lambda row: -lengths[row])
    parts = []
    while rows:
        width = lengths[rows[0]] - 1
        together = max(1, positions // width)
        parts.append(DraftRows(torch.tensor(rows[:together]), width))
        rows = rows[together:]
    return parts


def agreement(
    network: Network, cache: KeyValueCache, space: LogitSpace, first: Tensor, prompts: Tensor, drafts: Drafts
) -> tuple[Tensor, Tensor]:
    """How many tokens of its draft each row confirms [rows], and the token that it writes next [rows].

    ``first`` [rows] is the first token of each row. Keys and values of the drafts stay in the ``cache``.
    """
    chosen = drafts.tokens.clone()
    chosen[:, 0] = first
    begins_so = first == drafts.tokens[:, 0]
    for part in drafts.parts:
        rows = part.rows[begins_so[part.rows]]
        if not len(rows):
            continue
        begin = prompts[rows]
        place = torch.arange(part.width, device=begin.device)
        output = network.extend(
            drafts.tokens[rows, : part.width],
            begin[:, None] + place,
            cache,
            slice(cache.prompt, cache.prompt + part.width),
            cache.mask(begin, place.expand(len(begin), -1))[..., : cache.prompt + part.width],
            rows=rows,
        )
        chosen[rows, 1 : part.width + 1] = space.most_likely(output, len(rows) * part.width).view(
            -1, part.width
        )
    place = torch.arange(chosen.shape[1], device=chosen.device)
    agrees = (chosen == drafts.tokens) & (place < drafts.lengths[:, None])
    agreed = agrees.cumprod(1).sum(1)
    return agreed, chosen.gather(1, agreed.clamp(max=chosen.shape[1] - 1)[:, None])[:, 0]
