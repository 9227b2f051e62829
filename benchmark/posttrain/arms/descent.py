"""`descent`: lower the loss of the same text with the same optimiser (continued pretraining)."""

from collections.abc import Iterator

from benchmark.posttrain.arms.interface import Attempt, RunStart, gradient_attempts


def attempts(start: RunStart) -> Iterator[Attempt]:
    """Gradient descent on the mean next-token cross-entropy of the text."""
    return gradient_attempts(start, start.tokens, ascend=False)
