"""Greedy continuation of many prompts at once, with a key-value cache.

A group's texts begin with what they share with their drafts. Most texts are finished by then. The rest are merged
across groups and decoded together, a few tokens at a time, since a pass costs about the same for ten texts as for a
hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from benchmark.evaluation.batch_plan import GUESSED_POSITIONS
from benchmark.evaluation.drafts import Drafts, agreement
from benchmark.evaluation.guesses import Pace, followers, pass_cost
from benchmark.evaluation.logits import LogitSpace
from benchmark.models.networks.network_interface import KeyValueCache, Network

STEPS_A_LOOK = 8
"""On an accelerator, the finished rows are determined once in so many decoding passes, since this needs a sync."""
SHRINK_AT = 0.8
"""The cache is copied without finished rows when the share of unfinished ones falls to this."""


@dataclass(frozen=True)
class Rules:
    """When a text ends: at ``new_tokens`` tokens, with ``eos_id``, or where one of the ``stops`` (automata of
    ``stop_table``) has matched.
    """

    new_tokens: int
    eos_id: int
    stops: Sequence[Tensor]


@dataclass
class Texts:
    """Texts that are being written. All but the table are [n], the rows of the ``cache``.

    table: [rows, 2 * new tokens + 1], a draft (or the first token repeated) and then the text; tokens for finished
    texts go to the last column. row: each text's row of the table. written: number of tokens that a text has; a
    finished one counts as full. token: the last of them. states: the state of each stop string's automaton.
    """

    rules: Rules
    cache: KeyValueCache
    table: Tensor
    row: Tensor
    prompts: Tensor
    written: Tensor
    token: Tensor
    states: list[Tensor]

    @property
    def tokens(self) -> Tensor:
        """[rows, new tokens]."""
        return self.table[:, self.rules.new_tokens : -1]

    def guess(self, count: int) -> Tensor:
        """Tokens [n, count] that may come next."""
        return followers(self.table[self.row], self.rules.new_tokens + self.written, count)

    def write(self, tokens: Tensor, many: Tensor) -> None:
        """Add the first ``many`` [n] of ``tokens`` [n, width] to every text, up to its end."""
        full, width = self.rules.new_tokens, tokens.shape[1]
        place = torch.arange(width, device=tokens.device)
        ended = tokens == self.rules.eos_id
        walks = []
        for state, table in zip(self.states, self.rules.stops, strict=True):
            walk = []
            for token in tokens.unbind(1):
                state = table[state, token]
                walk.append(state)
            walks.append(torch.stack(walk, 1))
            ended = ended | (walks[-1] == len(table) - 1)
        ends = torch.where(ended, place, width).amin(1)
        finished = ends < many
        many = torch.minimum(many, ends + 1)
        column = torch.where(place < many[:, None], self.written[:, None] + place, full).clamp_(max=full)
        self.table[self.row[:, None], full + column] = tokens
        self.written = (self.written + many).masked_fill_(finished, full).clamp_(max=full)
        last = many[:, None] - 1
        self.token = tokens.gather(1, last)[:, 0]
        self.states = [walk.gather(1, last)[:, 0] for walk in walks]

    def unfinished(self) -> Tensor:
        """Places [unfinished] of the texts that have not ended."""
        return (self.written < self.rules.new_tokens).nonzero().view(-1)

    def keep(self, places: Tensor) -> None:
        """Keep only these texts; the table keeps all."""
        self.cache.keep(places)
        self.row, self.prompts = self.row[places], self.prompts[places]
        self.written, self.token = self.written[places], self.token[places]
        self.states = [state[places] for state in self.states]


def begin_texts(
    network: Network,
    cache: KeyValueCache,
    space: LogitSpace,
    first: Tensor,
    prompts: Tensor,
    rules: Rules,
    drafts: Drafts | None = None,
) -> Texts:
    """Begin the continuations of the cached prompts, ``first`` [rows] being the first token of each.

    ``prompts`` [rows]: their lengths. ``drafts`` are guesses at the texts. Every guess leads to the same texts (except
    for ties within rounding), a good one faster. If a fifth or more of the texts are finished, they
    are dropped, except from the table.
    """
    new_tokens = rules.new_tokens
    written = torch.zeros_like(first)
    table = torch.full((len(first), 2 * new_tokens + 1), rules.eos_id, device=first.device)
    table[:, :new_tokens] = first[:, None] if drafts is None else drafts.tokens
    row = torch.arange(len(first), device=first.device)
    states = [torch.zeros_like(first) for _ in rules.stops]
    if drafts is not None:
        agreed, first = agreement(network, cache, space, first, prompts, drafts)
        shared = torch.arange(new_tokens, device=first.device) < agreed[:, None]
        table[:, new_tokens:-1] = torch.where(shared, drafts.tokens, rules.eos_id)
        written = torch.where(agreed == drafts.lengths, new_tokens, agreed)
        states = [state[row, agreed.clamp(max=new_tokens - 1)] for state in drafts.states]
    texts = Texts(rules, cache, table, row, prompts, written, first, states)
    texts.write(first[:, None], torch.ones_like(first))
    places = texts.unfinished()
    if len(places) <= SHRINK_AT * len(row):
        texts.keep(places)
    return texts


def finish_texts(network: Network, space: LogitSpace, parts: Sequence[Texts]) -> None:
    """Write all texts to their ends, those of several groups together. Fills their tables."""
    if len(parts) == 1:
        _step_to_the_end(network, space, parts[0])
    elif parts:
        texts, bounds = _joined(network, parts)
        table = texts.table
        _step_to_the_end(network, space, texts)
        for part, (start, stop) in zip(parts, pairwise(bounds), strict=True):
            part.table[part.row] = table[start:stop]


def joined_slots(parts: Sequence[Texts]) -> int:
    """Positions that one cache of all parts would hold."""
    rows = sum(len(part.row) for part in parts)
    return rows * max(part.cache.prompt + part.rules.new_tokens for part in parts)


def _joined(network: Network, parts: Sequence[Texts]) -> tuple[Texts, list[int]]:
    """The texts of all parts in one cache, and the bounds [parts + 1] of each part's rows."""
    rules = parts[0].rules
    bounds = [0]
    for part in parts:
        bounds.append(bounds[-1] + len(part.row))
    prompt = max(part.cache.prompt for part in parts)
    cache = network.cache(bounds[-1], prompt, rules.new_tokens)
    for part, (start, stop) in zip(parts, pairwise(bounds), strict=True):
        cache.take(part.cache, slice(start, stop))
    texts = Texts(
        rules,
        cache,
        torch.cat([part.table[part.row] for part in parts]),
        torch.arange(bounds[-1], device=network.device),
        torch.cat([part.prompts for part in parts]),
        torch.cat([part.written for part in parts]),
        torch.cat([part.token for part in parts]),
        [torch.cat(states) for states in zip(*(part.states for part in parts), strict=True)],
    )
    return texts, bounds


def _step_to_the_end(network: Network, space: LogitSpace, texts: Texts) -> None:
    """Write the tokens that each pass confirms, one or a few; finished texts leave the batch."""
    look = 1 if network.device.type == "cpu" else STEPS_A_LOOK
    prompt, new_tokens = texts.cache.prompt, texts.rules.new_tokens
    pace = Pace(pass_cost(network.width, network.device), GUESSED_POSITIONS)
    while len(places := texts.unfinished()):
        longest = int(texts.written[places].max())
        if len(places) <= SHRINK_AT * len(texts.row):
            texts.keep(places)
        width, count = pace.next(len(texts.row))
        reach = prompt + min(longest - 1 + look * width, new_tokens)
        for _ in range(look):
            going = texts.written < new_tokens
            guesses = texts.guess(count)
            # The last token is read at the last place but one. What is pushed after it goes to a slot that is never
            # read. A finished text stays there, so `reach` does not count it.
            place = texts.written[:, None] - 1 + torch.arange(width, device=network.device)
            place = place.clamp_(max=new_tokens - 1)
            output = network.extend(
                torch.cat([texts.token[:, None], guesses[:, : width - 1]], 1),
                texts.prompts[:, None] + place.clamp(max=new_tokens - 2),
                texts.cache,
                prompt + place,
                texts.cache.mask(texts.prompts, place)[..., :reach],
                rows=None,
            )
            chosen = space.most_likely(output, going.numel() * width).view(-1, width)
            right = (chosen[:, :count] == guesses).cumprod(1).sum(1).minimum(new_tokens - texts.written)
            texts.write(chosen, 1 + right.clamp(max=width - 1))
            pace.learn(right, count, going)
