"""`soup`: the average of the selected checkpoints of finished runs (Wortsman et al. 2022, uniform soup)."""

from collections.abc import Iterator

from torch import Tensor

from benchmark.posttrain.arms.interface import Attempt, RunStart, weights_after

SCORED_COPIES = 1.0
"""The mean; its members are rebuilt one after the other, before."""
HOST_COPIES = 2.0
"""In the machine's memory: the sum of the members so far, and the mean of the run loop."""


def attempts(start: RunStart) -> Iterator[Attempt]:
    """One step: from the base model to the mean of its members' weights, each rebuilt from its recipe."""
    from benchmark.posttrain.arms import attempts_of  # which imports this module

    total: dict[str, Tensor] = {}
    for member in start.members:
        attempts = attempts_of(member.kind, member.start)
        steps = weights_after(attempts, [member.step]) if member.step else [(0, member.start.model.params)]
        for _, weights in steps:
            # The sum waits in the machine's memory while the next member is rebuilt.
            total = {
                name: total[name] + tensor.cpu() if total else tensor.to("cpu", copy=True)
                for name, tensor in weights.items()
            }
        del attempts, steps, weights
    yield Attempt(
        True,
        {name: (tensor / len(start.members)).to(start.model.device) for name, tensor in total.items()},
    )
