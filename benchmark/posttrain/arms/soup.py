"""`soup`: the average of the selected checkpoints of finished runs (Wortsman et al. 2022, uniform soup)."""

from collections.abc import Iterator

from torch import Tensor

from benchmark.posttrain.arms.interface import Attempt, RunStart, weights_after


def attempts(start: RunStart) -> Iterator[Attempt]:
    """One step: from the base model to the mean of its members' weights, each rebuilt from its recipe."""
    from benchmark.posttrain.arms import attempts_of  # which imports this module

    total: dict[str, Tensor] = {}
    for member in start.members:
        attempts = attempts_of(member.kind, member.start)
        steps = weights_after(attempts, [member.step]) if member.step else [(0, member.start.model.params)]
        for _, weights in steps:
            total = {name: total[name] + tensor if total else tensor for name, tensor in weights.items()}
    yield Attempt(True, {name: tensor / len(start.members) for name, tensor in total.items()})
