"""`random`: a placebo in which each tensor moves as far as under ascent at every step, with random signs.

Ascent moves almost in a straight line, so independent random steps of the same lengths would end much nearer to the
start. With the setting `of`, the runs of that arm take the place of the ascent.
"""

from collections.abc import Iterator

import torch

from benchmark.posttrain.arms import ascent
from benchmark.posttrain.arms.interface import Attempt, RunStart, followed

SCORED_COPIES = 4.0
"""The mirrored run's weights and moments, and the placebo's weights."""


def attempts(start: RunStart) -> Iterator[Attempt]:
    """theta_0 + s * (theta_k of the mirrored run - theta_0), s = +-1 by element, drawn once per run."""
    origin = start.model.params
    signs = {}
    for name, tensor in origin.items():
        drawn = torch.randint(
            0, 2, tensor.shape, generator=start.generator(f"random {name}"), dtype=torch.int8
        )
        signs[name] = drawn * 2 - 1
    for mirrored in followed(start, ascent.attempts):
        params = {}
        for name, tensor in origin.items():
            moved = mirrored.params[name]
            base, sign = tensor.to(moved.device), signs[name].to(moved.device)
            params[name] = base + sign * (moved - base)
        yield Attempt(mirrored.applied, params)
        del params, moved, base, sign  # before the mirrored run's next gradient takes their place
