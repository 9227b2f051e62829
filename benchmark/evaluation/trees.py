"""Prefix trees: the token sequences of one document, with every common prefix stored once.

A node is a pushed position. Nodes are in preorder, so the subtree of node ``j`` is ``[j, end[j])`` and
``j`` is an ancestor of ``i`` (or ``i`` itself) exactly where ``j <= i < end[j]``. The last token of a
continuation is never pushed; only its log-probability is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Continuation:
    """Token ids. The log-probabilities of those from ``scored_from`` on are summed, given those before."""

    ids: tuple[int, ...]
    scored_from: int

    @property
    def n_scored(self) -> int:
        """Tokens that take part in the sum."""
        return len(self.ids) - self.scored_from


@dataclass(frozen=True)
class PrefixTree:
    """Nodes (``ids``, ``depth``, ``end``: [nodes]) and what is read at them.

    ``row``, ``token``, ``owner`` [targets]: the node whose logits predict, the token predicted, the number
    of the continuation it counts for. The first ``prompt`` nodes are the prompt of a generation (0: there
    is none).
    """

    ids: IntArray
    depth: IntArray
    end: IntArray
    row: IntArray
    token: IntArray
    owner: IntArray
    prompt: int

    @property
    def size(self) -> int:
        """Positions that have to be pushed."""
        return len(self.ids)

    @property
    def is_chain(self) -> bool:
        """Whether no node has two children, so that plain causal attention is right."""
        return bool((self.end == self.size).all())


def cut_left(context: Sequence[int], continuation: Sequence[int], max_length: int) -> Continuation:
    """Context and continuation, cut to their last ``max_length`` tokens; position 0 is never scored."""
    joined = (*context, *continuation)[-max_length:]
    return Continuation(joined, max(len(joined) - len(continuation), 1))


def build_tree(continuations: Sequence[Continuation], prompt: Sequence[int] = ()) -> PrefixTree:
    """The prefix tree of the ``continuations`` and of a generation's ``prompt``, which comes first."""
    paths = [tuple(continuation.ids[:-1]) for continuation in continuations]
    ids: list[int] = []
    depth: list[int] = []
    end: list[int] = []
    stack: list[int] = []
    nodes: dict[int, list[int]] = {}
    before: tuple[int, ...] = ()
    for number, path in _preorder(paths, tuple(prompt)):
        shared = _common(before, path)
        for node in stack[shared:]:
            end[node] = len(ids)
        del stack[shared:]
        for token in path[shared:]:
            depth.append(len(stack))
            stack.append(len(ids))
            ids.append(token)
            end.append(0)
        before = path
        if number >= 0:
            nodes[number] = stack[continuations[number].scored_from - 1 :]
    for node in stack:
        end[node] = len(ids)
    scored = list(enumerate(continuations))
    return PrefixTree(
        ids=np.array(ids, np.int32),
        depth=np.array(depth, np.int32),
        end=np.array(end, np.int32),
        row=np.array([node for number, _ in scored for node in nodes[number]], np.int32),
        token=np.array([token for _, one in scored for token in one.ids[one.scored_from :]], np.int32),
        owner=np.array([number for number, one in scored for _ in range(one.n_scored)], np.int32),
        prompt=len(prompt),
    )


def _preorder(paths: Sequence[tuple[int, ...]], prompt: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """(number, path) in a preorder of their trie with the first path's nodes first; the prompt is -1."""
    numbered = [(number, path) for number, path in enumerate(paths)]
    if prompt:
        numbered.insert(0, (-1, prompt))
    first = numbered[0][1]
    return [numbered[0], *sorted(numbered[1:], key=lambda item: (-_common(first, item[1]), item[1]))]


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    if one == other[: len(one)]:
        return len(one)
    return sum(1 for _ in takewhile(bool, map(int.__eq__, one, other)))
