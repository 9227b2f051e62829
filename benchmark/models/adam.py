"""AdamW without weight decay for all parameters except the layers' matrices: embeddings, biases and norms."""

import torch
from torch import Tensor

from benchmark.models.stacked import Stack

BETAS = (0.9, 0.95)
EPSILON = 1e-10


class Adam:
    """Updates the row of each draw with the kernel of `torch.optim.AdamW(fused=True)`, without its overhead."""

    def __init__(self, weights: Stack) -> None:
        self.weights = weights
        self.means, self.squares = (torch.zeros_like(weights.outside) for _ in range(2))
        self.steps = torch.zeros(())

    @torch.no_grad()
    def step(self, gradients: Stack, rates: Tensor) -> None:
        """Apply the gradients; `rates` [draws] are the learning rates."""
        self.steps += 1
        rows = (self.weights.outside, gradients.outside, self.means, self.squares)
        for draw, rate in enumerate(rates.tolist()):
            weight, gradient, mean, square = (row[draw] for row in rows)
            torch._fused_adamw_(
                [weight],
                [gradient],
                [mean],
                [square],
                [],
                [self.steps],
                lr=float(rate),
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=0.0,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )
