"""`sam`: descent on the text with the gradient of the worst weights nearby (Foret et al., ICLR 2021, SAM).

The gradient is taken after a step of length `rho` up the loss, over all tensors together, and Adam takes the step from
where it was (the paper's algorithm 1, with p = 2).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmark.posttrain.arms.interface import Attempt, RunStart, adam_attempts


def attempts(start: RunStart, *, rho: float = 0.05) -> Iterator[Attempt]:
    """Endless Adam steps on the loss at theta + rho g / |g|, where g is the gradient of the loss at theta."""
    return adam_attempts(start, lambda params: start.loss(worst_nearby(start, params, rho)))


def worst_nearby(start: RunStart, params: dict[str, Tensor], rho: float) -> dict[str, Tensor]:
    """The weights at distance `rho` up the gradient; differentiable as theta plus a constant."""
    gradients = torch.autograd.grad(start.loss(params), list(params.values()))
    length = torch.stack([gradient.double().pow(2).sum() for gradient in gradients]).sum().sqrt()
    scale = rho / length.clamp_min(1e-12)
    return {
        name: tensor + (gradient.double() * scale).to(tensor)
        for (name, tensor), gradient in zip(params.items(), gradients, strict=True)
    }
