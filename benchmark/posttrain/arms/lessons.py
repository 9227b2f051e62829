"""`lessons`: plain training on questions with their right answers, a positive control that a study must see.

It is no treatment of the original study: it shows that the benchmark finds an improvement that is there.
"""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional

from benchmark.errors import InputError
from benchmark.models.joined import pack, packed_logits, steps_of
from benchmark.posttrain.arms.base import Attempt, Start

BATCH = 512
"""Tokens of an update, at most."""
LONG = 96
"""Tokens from which on an example goes into updates of its own."""
WARM_UP = 0.05
"""Share of the updates in which the rate rises; then it falls to 0 in a straight line."""


def attempts(start: Start) -> Iterator[Attempt]:
    """One step: from the base model to its weights after `start.updates` Adam updates on `start.passages`.

    Raises:
        InputError: the run has no example, or the model or its precision is none that is trained here.
    """
    _check(start)
    settings = start.settings
    params = {name: tensor.detach().clone().requires_grad_() for name, tensor in start.model.params.items()}
    adam = torch.optim.Adam(
        params.values(), lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, fused=True
    )
    batches = itertools.islice(_batches(start), start.updates)
    for factor, batch in zip(schedule(start.updates), batches, strict=True):
        joined = pack(batch, BATCH)
        loss = functional.cross_entropy(packed_logits(params, start.model.config, joined), joined.targets)
        torch.autograd.backward(loss)
        adam.param_groups[0]["lr"] = settings.learning_rate * factor
        adam.step()
        adam.zero_grad(set_to_none=True)
    yield Attempt(True, {name: tensor.detach() for name, tensor in params.items()})


def _check(start: Start) -> None:
    config = start.model.config
    if not start.passages:
        raise InputError("arms: 'lessons' learns from examples, and this run's text holds none")
    known = config.final_norm and config.enable_bias and config.layer_norm_elementwise_affine
    if config.projected or not known or start.model.device.type != "cpu":
        raise InputError(
            "arms: 'lessons' trains models of the micro ladder on a CPU: keep it from others with arms.*.models"
        )
    if start.settings.precision != "fp32":
        raise InputError(f"arms: 'lessons' trains in fp32, not in {start.settings.precision}: set precision")


def _batches(start: Start) -> Iterator[Sequence[Sequence[int]]]:
    """Endless batches: all examples in one random order after another."""
    generator = start.generator("lessons")
    while True:
        seed = int(torch.randint(2**62, (1,), generator=generator))
        yield from steps_of(start.passages, BATCH, LONG, seed)


def schedule(updates: int) -> Iterator[float]:
    """Factors of the rate [updates], in (0, 1]."""
    rise = max(1, round(WARM_UP * updates))
    for update in range(updates):
        yield min((update + 1) / rise, (updates - update) / max(1, updates - rise))
