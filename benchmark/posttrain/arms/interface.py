"""What every arm gets and yields, and the gradient steps that several arms share."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.models.causal_model import CausalModel
from benchmark.posttrain.objective import text_loss
from benchmark.settings.run_options import Posttrain


@dataclass(frozen=True)
class RunStart:
    """Where a run starts.

    Attributes:
        model: the base model; its tensors are never changed.
        tokens: ids of the run's text, bos first, cut as `text_tokens` does.
        settings: the optimiser, with the arm's own learning rate.
        seed: of the random numbers in `random`, `shuffled` and `lessons`.
        text_id: name of the text; with one seed, two texts have different random numbers.
        members: for an arm that builds on finished runs, those runs.
        passages: for `lessons`, ids of the whole text's examples (`examples_of`), each from its beginning to its end
            token.
        updates: for `lessons`, its number of optimiser updates.
    """

    model: CausalModel
    tokens: tuple[int, ...]
    settings: Posttrain
    seed: int
    text_id: str
    members: tuple["SoupMember", ...] = ()
    passages: tuple[tuple[int, ...], ...] = ()
    updates: int = 0

    def generator(self, purpose: str) -> torch.Generator:
        """A CPU random generator that depends on seed, text and purpose alone."""
        digest = hashlib.sha256(f"{self.seed}\n{self.text_id}\n{purpose}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@dataclass(frozen=True)
class SoupMember:
    """A finished run: where it started, its arm's kind, and the step that it was judged by."""

    start: RunStart
    kind: str
    step: int


@dataclass(frozen=True)
class Attempt:
    """One attempt at an optimiser step.

    Attributes:
        applied: false if the gradient scaler skipped the update.
        params: the weights after it, by name; valid until the next attempt.
    """

    applied: bool
    params: dict[str, Tensor]


def weights_after(
    attempts: Iterator[Attempt], steps: Iterable[int]
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Step and weights after each of `steps` applied optimiser steps; weights are valid until the next."""
    wanted, applied = set(steps), 0
    while wanted:
        attempt = next(attempts)
        applied += attempt.applied
        if attempt.applied and applied in wanted:
            wanted.remove(applied)
            yield applied, attempt.params


def gradient_attempts(start: RunStart, tokens: tuple[int, ...], *, ascend: bool) -> Iterator[Attempt]:
    """Endless Adam steps on the mean token loss of `tokens`, up or down.

    Adam as in the original study (its train.py): no weight decay, schedule or clipping. `fp16-amp` scales the
    loss and skips updates whose gradients overflow, starting from torch's default scale.
    """
    settings = start.settings
    device = start.model.device.type
    params = {name: tensor.detach().clone().requires_grad_() for name, tensor in start.model.params.items()}
    adam = torch.optim.Adam(
        params.values(), lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, fused=True
    )
    scaler = torch.amp.GradScaler(device, enabled=settings.precision == "fp16-amp")
    detached = {name: tensor.detach() for name, tensor in params.items()}
    while True:
        adam.zero_grad(set_to_none=True)
        with _autocast(device, settings.precision):
            loss = text_loss(params, start.model.config, tokens)
        torch.autograd.backward(scaler.scale(-loss if ascend else loss))
        scale = scaler.get_scale()
        scaler.step(adam)
        scaler.update()
        yield Attempt(applied=scaler.get_scale() >= scale, params=detached)


def _autocast(device: str, precision: str) -> AbstractContextManager[None]:
    types = {"fp16-amp": torch.float16, "bf16": torch.bfloat16}
    if precision not in types:
        return nullcontext()
    return torch.autocast(device, dtype=types[precision])
