"""Passages of different lengths in one step without padding: everything except attention runs over joined tokens.

A step holds the passages of several draws, `rows` tokens per draw. What a draw computes does not depend on the others:
its tokens have their own rows, and in attention the width of a passage's grid depends on its length alone.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WIDTHS = (8, 16, 24, 32, 40, 56, 72, 96, 128, 192, 224, 256)
"""Widths of the grids of attention, chosen so that few places are empty and a step has few grids."""
ROWS = 64
"""Rows of a draw are a multiple of this, so that no vector register holds numbers of two draws."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class JoinedPassages:
    """Passages one after the other in `joined`; passage i begins at `starts[i]` and has `lengths[i]` targets."""

    joined: Integers
    starts: Integers
    lengths: Integers

    @classmethod
    def of(cls, passages: Sequence[Sequence[int]]) -> "JoinedPassages":
        """From the tokens of each passage, its begin and end token included."""
        sizes = np.array([len(passage) for passage in passages], dtype=np.int64)
        joined = np.fromiter(itertools.chain.from_iterable(passages), np.int64, int(sizes.sum()))
        return cls(joined, np.cumsum(sizes) - sizes, sizes - 1)

    def rows(self, batch: int) -> int:
        """Rows that a step of `batch` tokens needs; a longer passage has its own step."""
        return -(-max(batch, int(self.lengths.max(initial=1))) // ROWS) * ROWS


@dataclass(frozen=True)
class Grid:
    """Places `first` to `end` of attention: `passages` times `width` positions."""

    first: int
    end: int
    passages: int
    width: int


@dataclass(frozen=True)
class PackedStep:
    """Passages of every draw.

    tokens, targets, positions: [draws, rows]; rows after a draw's `counts[draw]` tokens are never read.
    grids: passages of similar length, of all draws. rows_of: [places] the row, among those of all draws, in each place
    of the grids. empty: places without a token; their row is the first of the passage's draw. places_of: [draws * rows]
    the place of each row; for a row without a token, one after the last place.
    """

    tokens: Tensor
    targets: Tensor
    positions: Tensor
    counts: tuple[int, ...]
    grids: tuple[Grid, ...]
    rows_of: Tensor
    empty: Tensor
    places_of: Tensor


def pack(text: JoinedPassages, chosen: Sequence[Integers], rows: int) -> PackedStep:
    """One step of the `chosen` passages (indices) of each draw."""
    draws = len(chosen)
    passages = np.concatenate(chosen)
    draw_of = np.repeat(np.arange(draws), [len(part) for part in chosen])
    lengths = text.lengths[passages]
    counts = np.bincount(draw_of, lengths, draws).astype(np.int64)
    before = np.cumsum(lengths) - lengths
    shift = np.arange(draws) * rows - (np.cumsum(counts) - counts)
    place = np.arange(int(lengths.sum())) - np.repeat(before, lengths)
    row = np.repeat(before + shift[draw_of], lengths) + place
    source = np.repeat(text.starts[passages], lengths) + place
    tokens, targets, positions = (np.zeros(draws * rows, dtype=np.int64) for _ in range(3))
    tokens[row], targets[row], positions[row] = text.joined[source], text.joined[source + 1], place

    kind = np.searchsorted(WIDTHS, lengths)
    if int(kind.max(initial=0)) == len(WIDTHS):
        raise ValueError(
            f"a passage has {int(lengths.max())} tokens, more than the {WIDTHS[-1]} of the widest grid"
        )
    order = np.argsort(kind, kind="stable")
    widths = np.array(WIDTHS)[kind]
    first = np.empty_like(widths)
    first[order] = np.cumsum(widths[order]) - widths[order]
    places = int(widths.sum())
    taken = np.repeat(first, lengths) + place
    rows_of = np.repeat(draw_of[order] * rows, widths[order])
    empty = np.ones(places, dtype=bool)
    places_of = np.full(draws * rows, places)
    rows_of[taken], empty[taken], places_of[row] = row, False, taken
    return PackedStep(
        torch.from_numpy(tokens.reshape(draws, rows)),
        torch.from_numpy(targets.reshape(draws, rows)),
        torch.from_numpy(positions.reshape(draws, rows)),
        tuple(counts.tolist()),
        _grids(np.bincount(kind, minlength=len(WIDTHS)).tolist()),
        torch.from_numpy(rows_of),
        torch.from_numpy(np.flatnonzero(empty)),
        torch.from_numpy(places_of),
    )


def _grids(counts: Sequence[int]) -> tuple[Grid, ...]:
    grids, first = [], 0
    for passages, width in zip(counts, WIDTHS, strict=True):
        if passages:
            grids.append(Grid(first, first + passages * width, passages, width))
            first = grids[-1].end
    return tuple(grids)


def steps_of(text: JoinedPassages, tokens: int, long: int, seed: int) -> list[Integers]:
    """The passages (indices) of each step, up to `tokens` tokens in total, in random order.

    Passages of `long` tokens or more have their own steps, so that no step has grids of all widths.
    """
    draw = random.Random(seed)
    steps: list[Integers] = []
    lengths = text.lengths.tolist()
    is_long = text.lengths + 1 >= long
    for group in (np.flatnonzero(~is_long), np.flatnonzero(is_long)):
        order = group.tolist()
        draw.shuffle(order)
        step: list[int] = []
        size = 0
        for passage in order:
            if step and size + lengths[passage] > tokens:
                steps.append(np.array(step))
                step, size = [], 0
            step.append(passage)
            size += lengths[passage]
        if step:
            steps.append(np.array(step))
    draw.shuffle(steps)
    return steps
