"""The batch plan: which trees go through the model together, fixed before any forward.

Trees of similar size are padded to a common length. Cuts between batches minimise padding plus a fixed cost per
batch, so the plan depends on the trees and on ``batch_tokens`` only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.trees import PrefixTree
from benchmark.models.opt import OptConfig

BATCH_COST = 24
"""Positions that the fixed cost of one more batch is worth."""
GUESSED_POSITIONS = 256
"""A decoding pass with guesses may have at most this many positions."""
GROUP_TEXTS = GUESSED_POSITIONS
"""Texts that a group continues together, unless one batch has more."""


@dataclass(frozen=True)
class Batch:
    """Trees (by number) that are padded to ``length`` positions and pushed together."""

    trees: tuple[int, ...]
    length: int

    @property
    def positions(self) -> int:
        """Positions pushed, padding included."""
        return len(self.trees) * self.length


@dataclass(frozen=True, order=True)
class Ending:
    """How a greedy continuation ends: after ``new_tokens`` tokens, or at the first of the ``stops``."""

    new_tokens: int
    stops: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Batches whose prompts (the longest: ``prompt`` tokens) are continued together, or only scored."""

    batches: tuple[Batch, ...]
    prompt: int = 0
    ending: Ending | None = None

    @property
    def rows(self) -> int:
        """Texts that are generated."""
        return sum(len(batch.trees) for batch in self.batches) if self.ending else 0

    @property
    def positions(self) -> int:
        """Positions pushed if no text ends early. The last new token is read, but not pushed."""
        decoded = self.rows * (self.ending.new_tokens - 1) if self.ending else 0
        return sum(batch.positions for batch in self.batches) + decoded

    @property
    def slots(self) -> int:
        """Positions that the cache of the prompts holds."""
        return self.rows * (self.prompt + self.ending.new_tokens) if self.ending else 0


@dataclass(frozen=True)
class Plan:
    """Groups in the order in which they run."""

    groups: tuple[Group, ...]
    positions_needed: int
    positions_pushed: int
    plan_hash: str


def make_plan(
    trees: Sequence[PrefixTree], endings: Sequence[Ending | None], *, batch_tokens: int, cache_tokens: int
) -> Plan:
    """Plan ``trees``; the prompt of tree ``i`` is continued up to ``endings[i]``.

    No batch pushes more than ``batch_tokens`` positions. No group continues more than GROUP_TEXTS or caches more
    than ``cache_tokens`` positions, unless a single tree or batch is larger. The hash covers the tokens, the
    positions that are read, and the batches.
    """
    sizes = np.array([tree.size for tree in trees], np.int64)
    scoring = [number for number, ending in enumerate(endings) if ending is None]
    groups = [Group((batch,)) for batch in _batches(scoring, sizes, batch_tokens)]
    given = [ending for ending in endings if ending is not None]
    for ending in sorted(set(given), reverse=True):
        generating = [number for number in range(len(trees)) if endings[number] == ending]
        batches = _batches(generating, sizes, batch_tokens)
        groups += _groups(batches, [tree.prompt for tree in trees], ending, cache_tokens)
    decoded = sum(ending.new_tokens - 1 for ending in given)
    return Plan(
        groups=tuple(groups),
        positions_needed=int(sizes.sum()) + decoded,
        positions_pushed=sum(group.positions for group in groups),
        plan_hash=_hash(trees, groups),
    )


def _batches(numbers: Sequence[int], sizes: npt.NDArray[np.int64], batch_tokens: int) -> list[Batch]:
    """Cut the trees, longest first, so that the sum of (rows * longest + BATCH_COST) over batches is smallest."""
    order = sorted(numbers, key=lambda number: (-sizes[number], number))
    lengths = sizes[order]
    best = np.zeros(len(order) + 1, np.int64)
    cuts = np.zeros(len(order) + 1, np.int64)
    for stop in range(1, len(order) + 1):
        # A batch that starts at `start` is padded to its first, longest tree.
        starts = np.arange(max(0, stop - max(1, batch_tokens // int(lengths[stop - 1]))), stop)
        pushed = (stop - starts) * lengths[starts]
        costs = best[starts] + pushed + BATCH_COST
        costs[(pushed > batch_tokens) & (starts < stop - 1)] = np.iinfo(np.int64).max
        cheapest = int(np.argmin(costs))
        best[stop], cuts[stop] = costs[cheapest], starts[cheapest]
    batches = []
    stop = len(order)
    while stop:
        start = int(cuts[stop])
        batches.append(Batch(tuple(order[start:stop]), int(lengths[start])))
        stop = start
    return batches[::-1]


def _groups(batches: list[Batch], prompts: list[int], ending: Ending, cache_tokens: int) -> list[Group]:
    groups: list[Group] = []
    waiting: list[Batch] = []
    for batch in batches:
        longer = Group((*waiting, batch), _longest([*waiting, batch], prompts), ending)
        if waiting and (longer.rows > GROUP_TEXTS or longer.slots > cache_tokens):
            groups.append(Group(tuple(waiting), _longest(waiting, prompts), ending))
            waiting = []
        waiting.append(batch)
    if waiting:
        groups.append(Group(tuple(waiting), _longest(waiting, prompts), ending))
    return groups


def regrouped(plan: Plan, prompts: Sequence[int], cache_tokens: int) -> Plan:
    """The plan with groups that cache no more than ``cache_tokens``; ``prompts``: lengths of the trees' prompts."""
    by_ending: dict[Ending | None, list[Batch]] = {}
    for group in plan.groups:
        by_ending.setdefault(group.ending, []).extend(group.batches)
    groups = [Group((batch,)) for batch in by_ending.pop(None, [])]
    for ending, batches in by_ending.items():
        assert ending is not None
        groups += _groups(batches, list(prompts), ending, cache_tokens)
    return replace(plan, groups=tuple(groups))


def _longest(batches: Sequence[Batch], prompts: Sequence[int]) -> int:
    return max(prompts[number] for batch in batches for number in batch.trees)


def _hash(trees: Sequence[PrefixTree], groups: Sequence[Group]) -> str:
    digest = hashlib.sha256()
    for tree in trees:
        for array in (tree.ids, tree.depth, tree.end, tree.row, tree.token, tree.owner):
            digest.update(len(array).to_bytes(8, "little") + array.astype("<i4").tobytes())
        digest.update(tree.prompt.to_bytes(8, "little"))
    for group in groups:
        digest.update(repr(group).encode())
    return digest.hexdigest()


def slot_bytes(config: OptConfig, cached: int) -> int:
    """Bytes of the keys and values of one position, of ``cached`` bytes each."""
    return 2 * config.num_hidden_layers * config.hidden_size * cached


def peak_bytes(plan: Plan, config: OptConfig, *, itemsize: int, cached: int, logits_bytes: int) -> int:
    """Upper bound on the bytes that a pass holds in addition to the weights, for tensors of ``itemsize`` bytes.

    Keys and values in the cache have ``cached`` bytes.

    It counts:
    - a layer: its input, its normed input, query, key and value, the attention's output, and the wide layer twice;
    - masks of every batch and of drafts. A group pushes at once as many positions of drafts as its largest batch has,
      or one draft, or GUESSED_POSITIONS;
    - the cache of a group that generates, a copy of it while it shrinks, and half of the largest cache for texts that
      wait for those of other groups;
    - logits up to their limit, and all texts with their drafts until the end;
    - a joined copy of the weights of query, key and value.
    """
    width = 8 * config.hidden_size + 2 * config.ffn_dim
    joined = 3 * config.num_hidden_layers * config.hidden_size**2 * itemsize
    slot = slot_bytes(config, cached)
    waiting = max((group.slots for group in plan.groups), default=0) // 2 * slot
    largest = 0
    for group in plan.groups:
        cache = group.slots * slot
        pushed = [(batch.positions, batch.length) for batch in group.batches]
        if group.ending:
            drafted = max(group.ending.new_tokens, GUESSED_POSITIONS, *(positions for positions, _ in pushed))
            pushed.append((drafted, group.prompt + group.ending.new_tokens))
        for positions, length in pushed:
            masks = positions * length * (itemsize + 3)
            largest = max(largest, 2 * cache + positions * width * itemsize + masks)
    texts = sum(8 * group.rows * (2 * group.ending.new_tokens + 1) for group in plan.groups if group.ending)
    return joined + waiting + largest + logits_bytes + texts
