"""`noise`: a placebo of Gaussian noise, in which each tensor moves as far as under ascent at every step.

Unlike under `random`, the weights of a tensor move by different amounts, and none of them knows what the ascent did to
it. Noise of a given size on the weights is the usual check of how flat a minimum is (Keskar et al., ICLR 2017, section
2.2). With the setting `of`, the runs of that arm take the place of the ascent.
"""

from collections.abc import Iterator

import torch

from benchmark.posttrain.arms import ascent
from benchmark.posttrain.arms.interface import Attempt, RunStart, followed

SCORED_COPIES = 4.0
"""The followed run's weights and moments, and the placebo's weights."""
HOST_COPIES = 2.0
"""In the machine's memory: the weights of the step before, and the directions."""


def attempts(start: RunStart) -> Iterator[Attempt]:
    """theta_0 + |theta_k of the followed run - theta_0| * z / |z|, by tensor.

    z is standard normal, drawn once per run.
    """
    origin = start.model.params
    directions = {}
    for name, tensor in origin.items():
        drawn = torch.randn(tensor.shape, generator=start.generator(f"noise {name}"))
        directions[name] = (drawn / drawn.double().norm().clamp_min(1e-30)).to(tensor)
    for other in followed(start, ascent.attempts):
        params = {}
        for name, tensor in origin.items():
            moved = other.params[name]
            base, direction = tensor.to(moved.device), directions[name].to(moved.device)
            distance = (moved.double() - base.double()).norm()
            params[name] = base + direction * distance.to(base)
        yield Attempt(other.applied, params)
        del params, moved, base, direction  # before the other run's next gradient takes their place
