"""`ascent`: raise the loss of the text (Gradient Ascent Post-training, Yoon et al., ACL 2023)."""

from collections.abc import Iterator

from benchmark.posttrain.arms.interface import Attempt, RunStart, gradient_attempts


def attempts(start: RunStart) -> Iterator[Attempt]:
    """Gradient ascent on the mean next-token cross-entropy of the text."""
    return gradient_attempts(start, start.tokens, ascend=True)
