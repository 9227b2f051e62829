"""`lessons`: plain training on questions with their right answers, a positive control that a study must see.

It is not a treatment of the original study. It shows that the benchmark finds an existing improvement.
"""

import itertools
from collections.abc import Iterator

import torch

from benchmark.errors import InputError
from benchmark.models.micro_network import MicroNetwork
from benchmark.models.opt import OptConfig
from benchmark.models.packed import WIDTHS, Integers, JoinedPassages, pack, steps_of
from benchmark.models.stacked import Stack
from benchmark.posttrain.arms.interface import Attempt, RunStart

BATCH = 512
"""Maximum number of tokens of an update."""
LONG = 96
"""An example with at least this many tokens has updates of its own."""
WARM_UP = 0.05
"""Share of the updates in which the rate rises; afterwards it falls linearly to 0."""


def attempts(start: RunStart) -> Iterator[Attempt]:
    """One step: from the base model to its weights after `start.updates` Adam updates on `start.passages`.

    Raises:
        InputError: the run has no example, or the model or its precision cannot be trained here.
    """
    config = _check(start)
    settings = start.settings
    text = JoinedPassages.of(start.passages)
    weights, gradients = (Stack(config, 1) for _ in range(2))
    weights.fill(0, {name: tensor.detach() for name, tensor in start.model.params.items()})
    network = MicroNetwork(config, weights, gradients)
    weights.inside.grad, weights.outside.grad = gradients.inside, gradients.outside
    adam = torch.optim.Adam(
        [weights.inside, weights.outside],
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.eps,
        fused=True,
    )
    batches = itertools.islice(_batches(start, text), start.updates)
    for factor, batch in zip(schedule(start.updates), batches, strict=True):
        network.losses(pack(text, [batch], text.rows(BATCH)))
        adam.param_groups[0]["lr"] = settings.learning_rate * factor
        adam.step()
    yield Attempt(True, weights.of(0))


def _check(start: RunStart) -> OptConfig:
    config = start.model.config
    if not start.passages:
        raise InputError("arms: 'lessons' learns from examples, and this run's text holds none")
    known = (
        isinstance(config, OptConfig)
        and not config.projected
        and config.final_norm
        and config.enable_bias
        and config.layer_norm_elementwise_affine
        and config.max_position_embeddings <= WIDTHS[-1]
    )
    if not known or start.model.device.type != "cpu":
        raise InputError(
            "arms: 'lessons' trains only models of the micro ladder on a CPU: restrict it with arms.*.models"
        )
    if start.settings.precision != "fp32":
        raise InputError(f"arms: 'lessons' trains in fp32, not in {start.settings.precision}: set precision")
    assert isinstance(config, OptConfig)
    return config


def _batches(start: RunStart, text: JoinedPassages) -> Iterator[Integers]:
    """Endless batches, as the numbers of their examples: all examples in random order, then in another, and so on."""
    generator = start.generator("lessons")
    while True:
        seed = int(torch.randint(2**62, (1,), generator=generator))
        yield from steps_of(text, BATCH, LONG, seed)


def schedule(updates: int) -> Iterator[float]:
    """The factor of the learning rate for each update, in (0, 1]."""
    rise = max(1, round(WARM_UP * updates))
    for update in range(updates):
        yield min((update + 1) / rise, (updates - update) / max(1, updates - rise))
