"""`random`: a placebo in which each tensor moves as far as under ascent at every step, with random signs.

Ascent moves almost in a straight line, so independent random steps of the same lengths would end much nearer to the
start. With the setting `of`, the runs of that arm take the place of the ascent.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmark.posttrain.arms import ascent
from benchmark.posttrain.arms.interface import Attempt, RunStart, followed, squared_distance

MOVED_COPIES = 5.25
"""At each step, between the two: the base model twice, the signs, and the mirrored run's weights three times."""
HOST_COPIES = 1.25
"""In the machine's memory: the mirrored run's weights, and a byte of sign for each of them."""


def attempts(start: RunStart) -> Iterator[Attempt]:
    """theta_0 + s * (theta_k of the mirrored run - theta_0), s = +-1 by element, drawn once per run.

    The placebo's weights stand in the place of the ascent's own, which wait in the machine's memory until the ascent
    goes on.
    """
    origin = start.model.params
    signs = {}
    for name, tensor in origin.items():
        drawn = torch.randint(
            0, 2, tensor.shape, generator=start.generator(f"random {name}"), dtype=torch.int8
        )
        signs[name] = drawn * 2 - 1
    in_place = not start.members
    waiting: dict[str, Tensor] = {}
    for mirrored in followed(start, ascent.attempts):
        params, squares = {}, []
        for name, tensor in origin.items():
            moved = mirrored.params[name]
            base, sign = tensor.to(moved.device), signs[name].to(moved.device)
            placebo = base + sign * (moved - base)
            if name in waiting:
                before = waiting[name].to(moved.device)
                before = base + sign * (before - base)
            else:
                waiting[name] = torch.empty_like(moved, device="cpu", pin_memory=moved.is_cuda)
                before = base
            squares.append(squared_distance(placebo, before))
            waiting[name].copy_(moved)
            params[name] = moved.copy_(placebo) if in_place else placebo
            del base, sign, placebo, before
        yield Attempt(mirrored.applied, params, tuple(squares))
        del params, moved  # before the mirrored run's next gradient takes their place
        if in_place:
            for name, tensor in mirrored.params.items():
                tensor.copy_(waiting[name])
