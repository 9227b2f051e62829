"""`shuffled`: ascent on the same tokens in random order: is it this text, or any tokens?"""

from collections.abc import Iterator

import torch

from benchmark.posttrain.arms.interface import Attempt, RunStart, gradient_attempts


def attempts(start: RunStart) -> Iterator[Attempt]:
    """Gradient ascent on a permutation of the text's tokens, drawn once per run; the bos stays first."""
    bos, *tokens = start.tokens
    order = torch.randperm(len(tokens), generator=start.generator("shuffled")).tolist()
    return gradient_attempts(start, (bos, *(tokens[position] for position in order)), ascend=True)
