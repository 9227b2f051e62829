"""Muon: momentum whose update of each matrix is made orthogonal, for the matrices inside the layers.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks": five Newton-Schulz iterations
with their quintic coefficients. At these sizes it halves the text that a ladder model needs.

`torch.optim.Muon` is not used: it orthogonalises in bfloat16, one matrix at a time. Here it is float32, batched by
shape.
"""

import torch
from torch import Tensor

from benchmark.arithmetic.products import batched
from benchmark.models.stacked import Stack

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon:
    """Updates the matrices inside the layers of all draws of a stack."""

    def __init__(self, weights: Stack, momentum: float = 0.95) -> None:
        self.weights, self.momentum = weights, momentum
        self.average = torch.zeros_like(weights.inside)

    @torch.no_grad()
    def step(self, gradients: Stack, rates: Tensor) -> None:
        """Apply the gradients. An update's spectral norm is about its draw's rate; `rates` has shape [draws]."""
        self.average.lerp_(gradients.inside, 1 - self.momentum)
        update = gradients.inside.lerp(self.average, self.momentum)
        for matrices in self.weights.matrices(update):
            scale = max(1.0, matrices.shape[-2] / matrices.shape[-1]) ** 0.5
            torch.mul(orthogonal(matrices), scale, out=matrices)
        self.weights.inside -= update.mul_(rates[:, None])


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices [..., rows, columns] with their singular values moved close to 1."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = batched(x, x.mT)
        factor = gram * c
        factor.diagonal(dim1=-2, dim2=-1).add_(b)
        factor = batched(factor, gram)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        x = batched(factor, x)
    result: Tensor = x.mT if tall else x
    return result
