"""`lines`: the update of another arm, scaled by the depth of the layer (LiNeS, Wang et al., arXiv:2410.17146, 2024).

Shallow layers, which are said to hold what is general, keep less of the update than deep ones. The paper scales the
finished update; here that of every step is scaled, so that any step can be judged. The update is that of the arm that
the setting `of` names, by default of `ascent`.
"""

import re
from collections.abc import Iterator

from benchmark.posttrain.arms import ascent
from benchmark.posttrain.arms.interface import Attempt, RunStart, followed

SCORED_COPIES = 4.0
"""The followed run's weights and moments, and the scaled weights."""
HOST_COPIES = 1.0
"""In the machine's memory: the weights of the step before."""
_LAYER = re.compile(r"\.(\d+)\.")
_EMBEDDING = re.compile(r"embed|wte|wpe")


def attempts(start: RunStart, *, alpha: float = 0.5, beta: float = 0.5) -> Iterator[Attempt]:
    """theta_0 + lambda_l (theta_k of the followed run - theta_0), with lambda_l = alpha + beta (l - 1) / (L - 1).

    Args:
        alpha: what is kept of the update of embeddings and of the first layer.
        beta: how much more is kept in the last of the L layers, and behind them.
    """
    origin = start.model.params
    factors = {name: alpha + beta * depth for name, depth in depths(list(origin)).items()}
    for other in followed(start, ascent.attempts):
        params = {}
        for name, tensor in origin.items():
            moved = other.params[name]
            base = tensor.to(moved.device)
            params[name] = base + factors[name] * (moved - base)
        yield Attempt(other.applied, params)
        del params, moved, base  # before the other run's next gradient takes their place


def depths(names: list[str]) -> dict[str, float]:
    """Depth of each tensor: 0 for embeddings and the first layer, 1 for the last layer and what comes after it.

    A layer is the first number in a tensor's name, such as 3 in `model.decoder.layers.3.fc1.weight`.
    """
    layers = {name: int(found[1]) for name in names if (found := _LAYER.search(name))}
    last = max(layers.values(), default=0)
    outside = {name: 0.0 if _EMBEDDING.search(name) else 1.0 for name in names if name not in layers}
    return outside | {name: layer / last if last else 1.0 for name, layer in layers.items()}
