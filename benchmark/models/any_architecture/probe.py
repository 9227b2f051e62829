"""Whether one pass over a prefix tree gives what one pass per choice gives, on a model's own weights."""

import sys
from typing import Protocol

import torch
from torch import Tensor

from benchmark.models.any_architecture.configuration import windows_of
from benchmark.models.any_architecture.loaded_module import LoadedModule
from benchmark.models.networks.network_interface import Network
from benchmark.models.networks.tree_batch import TreeBatch

BOUNDS = {torch.float64: 1e-4, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Largest difference of a token's log-probability, in nats, that counts as rounding, by type of the weights."""
CONTEXT = 12
"""Tokens of a tree's context where no window asks for more."""
BEHIND = 6
"""Tokens of a choice."""


class TreeNetwork(Network, Protocol):
    """A network that can score trees in one pass, or one sequence per choice."""

    config: LoadedModule
    trees: bool


def trees_are_right(network: TreeNetwork, longest: int) -> bool:
    """Try a few random trees, once for each model; reports on stderr if they are wrong.

    longest: tokens of the longest text that is to be scored. The trees are longer than any window that such a text is
    longer than.
    """
    config = network.config
    limit = min(longest, network.positions)
    windows = [window for window in windows_of(config.module.config) if window < limit]
    length = max([CONTEXT, *windows])
    if length not in config.trees:
        difference, reason = _largest_difference(network, min(length, network.positions - BEHIND))
        bound = BOUNDS[network.dtype]
        config.trees[length] = difference <= bound
        if not config.trees[length]:
            kind = config.module.config.model_type
            print(
                f"{kind}: prefix trees in one pass differ from one sequence per choice by {reason}, more than "
                f"{bound:g}: each choice is scored as a sequence of its own, which is slower",
                file=sys.stderr,
            )
    return config.trees[length]


@torch.inference_mode()
def _largest_difference(network: TreeNetwork, context: int) -> tuple[float, str]:
    """In nats, over all tokens of the trees and of texts continued with a cache; infinite where it cannot be had."""
    batch = random_trees(network.config.writable, max(1, context)).to(network.device)
    tokens = batch.ids[:, -2:]
    try:
        network.trees = True
        fast = _logprobs(network, batch, tokens)
    except (
        Exception
    ) as error:  # an architecture that cannot use masks, positions or caches may raise any exception
        return float("inf"), f"an unknown amount ({type(error).__name__})"
    network.trees = False
    slow = _logprobs(network, batch, tokens)
    difference = float((fast - slow).abs().max())
    if difference != difference:
        return float("inf"), "an undefined amount (nan)"
    return difference, f"{difference:.2g} nats in a token"


def _logprobs(network: TreeNetwork, batch: TreeBatch, tokens: Tensor) -> Tensor:
    """Log-probabilities [rows, vocabulary] at the choices' nodes, and behind two more tokens of each prompt."""
    trees = len(batch.ids)
    prompts = batch.row_nodes[:, 0] + 1
    cache = network.cache(trees, int(prompts.max()), 3)
    read = network.read_rows(batch, cache)
    place = torch.arange(2, device=network.device).expand(trees, -1)
    more = network.extend(
        tokens,
        prompts[:, None] + place,
        cache,
        cache.prompt + place,
        cache.mask(prompts, place)[..., : cache.prompt + 2],
        rows=None,
    )
    return torch.cat([network.logits(read), network.logits(more)]).float().log_softmax(-1)


def random_trees(tokens: int, context: int) -> TreeBatch:
    """Two trees: a context, three choices behind it, two of which share a beginning; contexts differ in length."""
    generator = torch.Generator().manual_seed(context)
    half = BEHIND // 2
    shapes = []
    for size in (context, max(1, context - 3)):
        first, second, third = size, size + BEHIND, size + BEHIND + half
        # The second choice begins at the first's middle, the third at the context.
        parents = [node - 1 for node in range(size + BEHIND)]
        parents += [first + half - 1, *range(second, second + half - 1)]
        parents += [size - 1, *range(third, third + BEHIND - 1)]
        shapes.append((size, parents))
    length = max(len(parents) for _, parents in shapes)
    ids = torch.randint(tokens, (len(shapes), length), generator=generator)
    depth = torch.zeros_like(ids)
    end = torch.arange(1, length + 1).repeat(len(shapes), 1)
    row_nodes = torch.zeros((len(shapes), 1 + 2 * BEHIND + half), dtype=torch.long)
    rows: list[int] = []
    for tree, (size, parents) in enumerate(shapes):
        for node, parent in enumerate(parents):
            depth[tree, node] = 0 if parent < 0 else depth[tree, parent] + 1
            ancestor = parent
            while ancestor >= 0:
                end[tree, ancestor] = node + 1
                ancestor = parents[ancestor]
        nodes = list(range(size - 1, len(parents)))  # the prompt's last leads
        row_nodes[tree, : len(nodes)] = torch.tensor(nodes)
        rows += range(tree * len(nodes), (tree + 1) * len(nodes))
    none = torch.zeros(0, dtype=torch.long)
    return TreeBatch(
        ids, depth, end, row_nodes, torch.tensor(rows), none, none, none, (0,) * (len(rows) + 1), len(shapes)
    )
