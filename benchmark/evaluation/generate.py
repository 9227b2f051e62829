"""Greedy continuation of many prompts at once, with a key-value cache; finished rows leave the batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.evaluation.drafts import Drafts, agreement
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
    drafts: Drafts | None = None,
) -> Tensor:
    """Tokens [rows, new_tokens] that follow the cached prompts, ``first`` [rows] being the first of each.

    ``prompts`` [rows] holds the prompts' lengths. A row ends with ``eos_id`` or where one of the ``stops``
    (automata of ``stop_table``) has matched; it is filled up with ``eos_id``. ``drafts`` are guesses at the
    texts: any guess leads to the same texts, a good one sooner.
    """
    texts = _Texts(len(first), new_tokens, eos_id, stops, first.device)
    if drafts is not None:
        agreed, first = agreement(network, cache, space, first, prompts, drafts)
        texts.begin(drafts, agreed)
    texts.write(first)
    mask = cache.mask(prompts, texts.written[:, None] - 1, cache.prompt + new_tokens)
    look = 1 if network.device.type == "cpu" else STEPS_A_LOOK
    while len(alive := texts.unfinished()):
        reach = cache.prompt + min(int(texts.written[alive].max()) + look - 1, new_tokens)
        if len(alive) <= SHRINK_AT * len(mask):
            cache.keep(alive)
            texts.keep(alive)
            prompts, mask = prompts[alive], mask[alive]
        for _ in range(look):
            last = texts.written - 1
            slot = cache.prompt + last
            mask[texts.place, 0, 0, slot] = 0.0
            output = network.extend(
                texts.token[:, None],
                (prompts + last)[:, None],
                cache,
                slot[:, None],
                mask[..., :reach],
                rows=None,
            )
            texts.write(space.most_likely(output))
    return texts.table[:, :new_tokens]


class _Texts:
    """Texts being written, and the tokens [n] that each of them has; a finished one counts as full.

    ``table`` [all rows, new tokens + 1]: what is written to a finished text goes to the last column.
    """

    def __init__(
        self, rows: int, new_tokens: int, eos_id: int, stops: Sequence[Tensor], device: torch.device
    ) -> None:
        self.new_tokens, self.eos_id, self.stops = new_tokens, eos_id, stops
        self.table = torch.full((rows, new_tokens + 1), eos_id, device=device)
        self.row = self.place = torch.arange(rows, device=device)
        self.written = torch.zeros(rows, dtype=torch.int64, device=device)
        self.states = [torch.zeros_like(self.written) for _ in stops]
        self.token = self.written

    def begin(self, drafts: Drafts, agreed: Tensor) -> None:
        """Take over the first ``agreed`` [rows] tokens of each draft."""
        column = torch.arange(self.new_tokens, device=agreed.device)
        shared = column < agreed[:, None]
        self.table[:, : self.new_tokens] = torch.where(shared, drafts.tokens, self.eos_id)
        self.written = torch.where(agreed == drafts.lengths, self.new_tokens, agreed)
        before = agreed.clamp(max=self.new_tokens - 1)
        self.states = [state[self.row, before] for state in drafts.states]

    def write(self, token: Tensor) -> None:
        """Add ``token`` [n] to every text that is not finished."""
        self.table[self.row, self.written] = token
        ended = token == self.eos_id
        for number, table in enumerate(self.stops):
            self.states[number] = table[self.states[number], token].long()
            ended = ended | (self.states[number] == len(table) - 1)
        self.written = (self.written + 1).masked_fill_(ended, self.new_tokens).clamp_(max=self.new_tokens)
        self.token = token

    def unfinished(self) -> Tensor:
        """Places [unfinished] among the texts that are kept."""
        return (self.written < self.new_tokens).nonzero().view(-1)

    def keep(self, places: Tensor) -> None:
        """Drop all others from what is written on; the table keeps them."""
        self.row, self.written, self.token = self.row[places], self.written[places], self.token[places]
        self.states = [state[places] for state in self.states]
        self.place = torch.arange(len(places), device=places.device)
