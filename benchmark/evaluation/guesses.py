"""Guesses at the next tokens of a text that differs from its draft, pushed together with its last token.

A guess is what followed this token the last time that it occurred, in the text or in its draft. This works because
texts return to their drafts and badly trained models repeat themselves (prompt lookup decoding, Saxena 2023, with one
token looked up). The number of guesses depends on how many were right so far.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

WIDEST = 16
"""Maximum number of tokens that are pushed for a text at once."""


def followers(context: Tensor, end: Tensor, count: int) -> Tensor:
    """The ``count`` tokens [rows, count] that are likely to follow each row of ``context`` [rows, width].

    ``end`` [rows]: number of tokens of the row that count; the last of them is looked up among those before it. If
    fewer than ``count`` tokens followed it, they are repeated. If it did not occur before, the guess is the row's
    beginning.
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
    a dozen of an OPT shape. GPU: not measured, assumed 512.
    """
    return 8 + 2**17 / hidden_size**2 if device.type == "cpu" else 512


@dataclass
class Pace:
    """How many tokens a pass pushes for each text. ``right`` of ``tried`` guesses were right so far.

    ``cost``: the fixed cost of a pass, in positions. ``positions``: the most that it may push.
    """

    cost: float
    positions: int
    right: Tensor | int = 0
    tried: Tensor | int = 0

    def next(self, rows: int) -> tuple[int, int]:
        """How many tokens to push for each of ``rows`` texts, and how many to guess.

        This width gives the most tokens for the work if each guess is right as often as before. Before the first guess,
        one is pushed, to find out how often it is right. With too many texts to push two tokens each, none is.
        """
        share = float((self.right + 1) / (self.tried + 2))
        most = max(1, min(WIDEST, self.positions // rows))
        width = max(range(1, most + 1), key=lambda width: (1 - share**width) / (self.cost + rows * width))
        return width, max(width, min(most, 2)) - 1

    def learn(self, right: Tensor, guesses: int, going: Tensor) -> None:
        """Count the guesses that were ``right`` [rows], up to the first wrong one, in unfinished rows (``going``).

        This does not wait for the device.
        """
        self.right += (right * going).sum()
        self.tried += ((right + 1).clamp(max=guesses) * going).sum()
