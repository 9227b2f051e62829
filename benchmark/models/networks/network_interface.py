"""What the engine asks of a network, whatever its architecture."""

from typing import Protocol

import torch
from torch import Tensor

from benchmark.models.networks.tree_batch import TreeBatch


class KeyValueCache(Protocol):
    """What a network remembers of prompts that are being continued, a row for each.

    A prompt of n tokens fills the first n slots of its row; what is generated goes to the slots behind the first
    `prompt` ones.
    """

    prompt: int

    def mask(self, prompts: Tensor, place: Tensor) -> Tensor:
        """What `Network.extend` needs for tokens at `place` [rows, width] behind `prompts` [rows] tokens.

        Its last dimension is the slots.
        """

    def take(self, other: "KeyValueCache", rows: slice) -> None:
        """Copy all rows of a cache of the same network, with prompts no longer than this one's, into `rows`."""

    def keep(self, rows: Tensor) -> None:
        """Drop all rows except `rows` (row numbers)."""


class Network(Protocol):
    """A model laid out for inference.

    Outputs are what `logits` is given. They may have more rows than were asked for, behind those.
    """

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of its outputs."""

    @property
    def positions(self) -> int:
        """Positions that a text may have."""

    @property
    def width(self) -> int:
        """Width of its layers."""

    @property
    def vocabulary(self) -> int:
        """Number of logits."""

    @property
    def writable(self) -> int:
        """How many tokens, from the first on, a generated text may have: those that the tokenizer knows."""

    def prepare(self, longest: int) -> None:
        """Find out how texts of up to `longest` tokens are to be scored."""

    def cache(self, rows: int, prompt: int, new_tokens: int) -> KeyValueCache:
        """Room for as many prompts of up to `prompt` tokens, each continued by `new_tokens`."""

    def read_rows(self, batch: TreeBatch, cache: KeyValueCache | None = None, first_row: int = 0) -> Tensor:
        """Outputs of the batch's rows; with a `cache`, its trees' prompts go to rows from `first_row` on."""

    def extend(
        self,
        tokens: Tensor,
        positions: Tensor,
        cache: KeyValueCache,
        slots: Tensor | slice,
        mask: Tensor,
        *,
        rows: Tensor | None,
    ) -> Tensor:
        """Outputs [rows * width] of `tokens` [rows, width] that stand at `positions` [rows, width] of their texts.

        `slots` [rows, width]: where in the `cache` they go (a slice where that is the same in all rows). `mask`: from
        `KeyValueCache.mask`, cut to the slots that are in use. `rows`: rows of the cache; None: all of them.
        """

    def logits(self, outputs: Tensor) -> Tensor:
        """Logits [rows, vocabulary] of some rows of outputs."""
