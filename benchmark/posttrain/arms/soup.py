"""`soup`: the average of the selected checkpoints of finished runs (Wortsman et al. 2022, uniform soup)."""

from collections.abc import Iterator

from torch import Tensor

from benchmark.posttrain.arms.interface import Attempt, Member, Start


def attempts(start: Start) -> Iterator[Attempt]:
    """One step: from the base model to the mean of its members' weights, each rebuilt from its recipe."""
    total: dict[str, Tensor] = {}
    for member in start.members:
        weights = rebuilt(member)
        total = {name: total[name] + tensor if total else tensor for name, tensor in weights.items()}
    yield Attempt(True, {name: tensor / len(start.members) for name, tensor in total.items()})


def rebuilt(member: Member) -> dict[str, Tensor]:
    """Copies of a member's weights after its step; the base model's for step 0."""
    from benchmark.posttrain.arms import ARMS  # which imports this module

    weights = {name: tensor.clone() for name, tensor in member.start.model.params.items()}
    applied = 0
    for attempt in ARMS[member.kind](member.start):
        if applied == member.step:
            break
        applied += attempt.applied
        if applied == member.step:
            weights = {name: tensor.clone() for name, tensor in attempt.params.items()}
            break
    return weights
