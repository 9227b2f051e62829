"""Guesses at the next tokens of a text that has left its draft, pushed along with its last token.

A guess is what followed when that token last came up, in the text or in its draft: texts come back to their drafts, and
badly trained models repeat themselves (prompt lookup decoding, Saxena 2023, with one token looked up). As many are
pushed as pay, given how many came true so far.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

WIDEST = 16
"""Most tokens that are pushed for a text at once."""


def followers(context: Tensor, end: Tensor, count: int) -> Tensor:
    """The ``count`` tokens [rows, count] that are likely to follow each row of ``context`` [rows, width].

    ``end`` [rows]: tokens of the row that count, the last of which is looked up among those before it. Where what
    followed it is shorter than ``count``, it is repeated; where it is new, the guess is the row's beginning.
    """
    if not count:
        return context.new_empty((len(context), 0))
    last = end[:, None] - 1
    place = torch.arange(context.shape[1], device=context.device)
    same = (context == context.gather(1, last)) & (place < last)
    source = (same * (place + 1)).amax(1, keepdim=True)
    ahead = torch.arange(count, device=context.device)
    return context.gather(1, source + ahead % (last + 1 - source))


def pass_cost(hidden_size: int, device: torch.device) -> float:
    """Positions that the fixed cost of a decoding pass is worth.

    On a CPU a layer costs 0.1 ms before it computes, and its weights are read once: 130 positions of the smallest rung,
    a dozen of an OPT shape. On an accelerator, where nothing was measured, the launches are taken for 512.
    """
    return 8 + 2**17 / hidden_size**2 if device.type == "cpu" else 512


@dataclass
class Pace:
    """How many tokens a pass pushes for each text. ``right`` of ``tried`` guesses have come true so far.

    ``cost``: positions that a pass is worth before it pushes one. ``positions``: most that it may push.
    """

    cost: float
    positions: int
    right: Tensor | int = 0
    tried: Tensor | int = 0

    def next(self, rows: int) -> tuple[int, int]:
        """How many tokens to push for each of ``rows`` texts, and how many to guess.

        That width gives most tokens for the work, if each guess is right as often as so far. One is guessed where
        none is pushed yet, to see how often; none where there are too many texts to push two.
        """
        share = float((self.right + 1) / (self.tried + 2))
        most = max(1, min(WIDEST, self.positions // rows))
        width = max(range(1, most + 1), key=lambda width: (1 - share**width) / (self.cost + rows * width))
        return width, max(width, min(most, 2)) - 1

    def learn(self, right: Tensor, guesses: int, going: Tensor) -> None:
        """Count the guesses that were ``right`` [rows], up to the first wrong one of so many, in rows still ``going``.

        Nothing waits for the device here.
        """
        self.right += (right * going).sum()
        self.tried += ((right + 1).clamp(max=guesses) * going).sum()
