"""Documents as units of work: token ids, prefix trees, the plan and its batches, independent of any model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmark.evaluation.batch_plan import Ending, Plan, make_plan
from benchmark.evaluation.stops import special_tokens_with, stop_table, token_bytes
from benchmark.evaluation.tree_batches import tree_batch
from benchmark.evaluation.trees import Continuation, build_tree
from benchmark.models.networks.tree_batch import TreeBatch
from benchmark.models.tokenizer import Tokenizer

CACHE_BYTES = 2**30
"""Largest cache of a group that generates, unless one batch needs more."""


@dataclass(frozen=True)
class Unit:
    """One document: continuations to score, and a prompt to continue where it has an ``ending``."""

    continuations: tuple[Continuation, ...]
    prompt: tuple[int, ...] = ()
    ending: Ending | None = None


@dataclass
class Workload:
    """Units with their plan and batches. ``first_slot`` [continuations + 1]: each one's first scored token.

    ``groups[i]`` are the tensors of ``plan.groups[i]``; ``tables`` holds the automata of the stop strings.
    """

    units: tuple[Unit, ...]
    plan: Plan
    groups: list[list[TreeBatch]]
    first_slot: npt.NDArray[np.int64]
    tables: dict[str, Tensor]
    longest: int
    _moved: dict[torch.device, "Workload"] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was moved to a device of this process."""
        return vars(self) | {"_moved": {}}

    def on(self, device: torch.device) -> "Workload":
        """The same workload with its tensors on ``device``; each is moved once."""
        if device.type == "cpu":
            return self
        if device not in self._moved:
            self._moved[device] = Workload(
                self.units,
                self.plan,
                [[batch.to(device) for batch in group] for group in self.groups],
                self.first_slot,
                {stop: table.to(device) for stop, table in self.tables.items()},
                self.longest,
            )
        return self._moved[device]

    def sums(self, per_token: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Sum of ``per_token`` [slots] over each continuation, added in float64: it does not depend on the batches."""
        if len(self.first_slot) == 1:
            return np.zeros(0, np.float32)
        return np.add.reduceat(per_token.astype(np.float64), self.first_slot[:-1]).astype(np.float32)


def cached_tokens(slot_bytes: int) -> int:
    """Positions that CACHE_BYTES hold, if keys and values of one take `slot_bytes`."""
    return CACHE_BYTES // slot_bytes


def make_workload(
    units: Sequence[Unit],
    tokenizer: Tokenizer,
    *,
    batch_tokens: int,
    cache_tokens: int | None = None,
    counted: bool = False,
) -> Workload:
    """Build trees, plan and batches. Every continuation must score at least one token.

    ``cache_tokens``: positions that a group caches at most, by default as many as a batch pushes. ``counted``: without
    tensors.
    """
    trees = [build_tree(unit.continuations, unit.prompt) for unit in units]
    endings = [unit.ending for unit in units]
    plan = make_plan(trees, endings, batch_tokens=batch_tokens, cache_tokens=cache_tokens or batch_tokens)
    counts = [continuation.n_scored for unit in units for continuation in unit.continuations]
    first_slot = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    tree_slots = np.concatenate([[0], np.cumsum([len(tree.token) for tree in trees])]).tolist()
    groups = [
        [tree_batch(batch, trees, tree_slots, generates=group.ending is not None) for batch in group.batches]
        for group in (() if counted else plan.groups)
    ]
    stops = sorted({stop for ending in endings if ending and not counted for stop in ending.stops})
    texts = token_bytes(tokenizer) if stops else ()
    spans = [
        tree.prompt + ending.new_tokens - 1 if ending else 0
        for tree, ending in zip(trees, endings, strict=True)
    ]
    deepest = max([int(tree.depth.max()) + 1 for tree in trees], default=0)
    tables = {stop: stop_table(texts, stop, special_tokens_with(tokenizer, stop)) for stop in stops}
    return Workload(tuple(units), plan, groups, first_slot, tables, max([deepest, *spans]))
