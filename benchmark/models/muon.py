"""Muon: momentum whose update of each matrix is made orthogonal, for the matrices inside the layers.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks": five Newton-Schulz iterations
with their quintic coefficients. At these sizes it halves the text that a rung needs.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from benchmark.arithmetic.products import batched

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon:
    """Updates matrices in place; those of one shape are handled as one batch."""

    def __init__(self, matrices: Iterable[Tensor], momentum: float = 0.95) -> None:
        self.momentum = momentum
        self.by_shape: dict[tuple[int, int], list[Tensor]] = {}
        for matrix in matrices:
            self.by_shape.setdefault((matrix.shape[0], matrix.shape[1]), []).append(matrix)
        self.averages = {shape: torch.zeros(len(group), *shape) for shape, group in self.by_shape.items()}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Apply the gradients, which are dropped; ``learning_rate`` is the update's spectral norm, about."""
        for shape, group in self.by_shape.items():
            gradient = torch.stack([matrix.grad for matrix in group if matrix.grad is not None])
            average = self.averages[shape]
            average.lerp_(gradient, 1 - self.momentum)
            update = orthogonal(gradient.lerp(average, self.momentum))
            scale = max(1.0, shape[0] / shape[1]) ** 0.5
            for matrix, change in zip(group, update, strict=True):
                matrix.add_(change, alpha=-learning_rate * scale)
                matrix.grad = None


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices [n, rows, columns] with their singular values moved close to 1."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = batched(x, x.mT)
        x = a * x + batched(b * gram + c * batched(gram, gram), x)
    found: Tensor = x.mT if tall else x
    return found
