"""`sam`: descent on the text with the gradient of the worst weights nearby (Foret et al., ICLR 2021, SAM).

The gradient is taken after a step of length `rho` up the loss, over all tensors together, and Adam takes the step from
where it was (the paper's algorithm 1, with p = 2).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmark.posttrain.arms.interface import Attempt, RunStart, adam_attempts

HOST_COPIES = 1.0
"""In the machine's memory: the weights that a step starts from, while the gradient nearby is taken."""


def attempts(start: RunStart, *, rho: float = 0.05) -> Iterator[Attempt]:
    """Endless Adam steps on the loss at theta + rho g / |g|, where g is the gradient of the loss at theta."""
    before: dict[str, Tensor] = {}

    def objective(params: dict[str, Tensor]) -> Tensor:
        before.update(move_to_worst_nearby(start, params, rho))
        return start.loss(params)

    def go_back(params: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in params.items():
                tensor.copy_(before.pop(name))

    return adam_attempts(start, objective, before_update=go_back)


def move_to_worst_nearby(start: RunStart, params: dict[str, Tensor], rho: float) -> dict[str, Tensor]:
    """Move the weights by `rho` up the gradient; what they were, in the machine's memory."""
    gradients = list(torch.autograd.grad(start.loss(params), list(params.values())))
    length = torch.stack([gradient.double().pow(2).sum() for gradient in gradients]).sum().sqrt()
    scale = rho / length.clamp_min(1e-12)
    before = {}
    with torch.no_grad():
        for name, tensor in reversed(params.items()):
            before[name] = tensor.to("cpu", copy=True)
            tensor.add_((gradients.pop().double() * scale).to(tensor))
    # Autocast would take the weights from before that it has rounded already.
    torch.clear_autocast_cache()
    return before
