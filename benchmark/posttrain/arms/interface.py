"""What every arm gets and yields, and the gradient steps that several arms share."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.models.causal_model import CausalModel
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.objective import text_loss
from benchmark.settings.run_options import Posttrain

Objective = Callable[[dict[str, Tensor]], Tensor]
"""What an optimiser lowers: a scalar, differentiable in the weights that it is given."""


@dataclass(frozen=True)
class RunStart:
    """Where a run starts.

    Attributes:
        model: the base model; its tensors are never changed. They wait in the machine's memory where the device is a
            GPU (`placed` copies them there).
        tokens: ids of the run's text, bos first, cut as `text_tokens` does.
        settings: the optimiser, with the arm's own learning rate.
        seed: of the random numbers in `random`, `shuffled` and `lessons`.
        text_id: name of the text; with one seed, two texts have different random numbers.
        members: for an arm that builds on other runs (`of`), those runs: of a soup, the finished runs that it averages;
            otherwise the run that it follows step by step.
        passages: for `lessons`, ids of the whole text's examples (`examples_of`), each from its beginning to its end
            token.
        updates: for `lessons`, its number of optimiser updates.
        texts: ids of all texts of the run, its own first; more than one if the arm's setting `texts` asks for them.
        tokenizer: the model's.
        options: further settings of the arm, as `arm_options.bound` checked them; its generator's keyword arguments.
        folder: the folder of the settings file, from which a kind from outside names its file.
        weights: for `checkpoint`, the model whose weights it puts in place of the model's.
    """

    model: CausalModel
    tokens: tuple[int, ...]
    settings: Posttrain
    seed: int
    text_id: str
    members: tuple["SoupMember", ...] = ()
    passages: tuple[tuple[int, ...], ...] = ()
    updates: int = 0
    texts: tuple[tuple[int, ...], ...] = ()
    tokenizer: Tokenizer | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    weights: CausalModel | None = None

    def loss(self, params: Mapping[str, Tensor], tokens: Sequence[int] | None = None) -> Tensor:
        """Mean next-token cross-entropy in nats of `tokens`, by default the run's text; differentiable in `params`."""
        return text_loss(params, self.model.config, self.tokens if tokens is None else tokens)

    def generator(self, purpose: str) -> torch.Generator:
        """A CPU random generator that depends on seed, text and purpose alone."""
        digest = hashlib.sha256(f"{self.seed}\n{self.text_id}\n{purpose}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@dataclass(frozen=True)
class SoupMember:
    """A run that another is made from: where it starts, its arm's kind, and the step that it was judged by.

    The step is 0 where all steps of the run are followed.
    """

    start: RunStart
    kind: str
    step: int


@dataclass(frozen=True)
class Attempt:
    """One attempt at an optimiser step.

    Attributes:
        applied: false if the gradient scaler skipped the update.
        params: the weights after it, by name; valid until the next attempt.
        squares: the squared length of the update of each tensor, float64, if the arm takes it; else the run loop keeps
            a copy of the weights before.
    """

    applied: bool
    params: dict[str, Tensor]
    squares: tuple[Tensor, ...] | None = None


def weights_after(
    attempts: Iterator[Attempt], steps: Iterable[int]
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Step and weights after each of `steps` applied optimiser steps; weights are valid until the next."""
    wanted, applied = set(steps), 0
    while wanted:
        attempt = None  # weights that are not valid any more would take up memory
        attempt = next(attempts)
        applied += attempt.applied
        if attempt.applied and applied in wanted:
            wanted.remove(applied)
            yield applied, attempt.params


def followed(start: RunStart, otherwise: Callable[[RunStart], Iterator[Attempt]]) -> Iterator[Attempt]:
    """The attempts of the run that the arm's setting `of` names; where it names none, those of `otherwise`."""
    from benchmark.posttrain.arms import attempts_of  # which imports this module

    if not start.members:
        return otherwise(start)
    return attempts_of(start.members[0].kind, start.members[0].start)


def gradient_attempts(start: RunStart, tokens: tuple[int, ...], *, ascend: bool) -> Iterator[Attempt]:
    """Endless Adam steps on the mean token loss of `tokens`, up or down."""

    def objective(params: dict[str, Tensor]) -> Tensor:
        loss = start.loss(params, tokens)
        return -loss if ascend else loss

    return adam_attempts(start, objective)


def adam_attempts(
    start: RunStart,
    objective: Objective,
    trained: Mapping[str, Tensor] | None = None,
    merged: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict,
    before_update: Callable[[dict[str, Tensor]], None] = lambda _: None,
) -> Iterator[Attempt]:
    """Endless Adam steps that lower `objective`, which is called once per step.

    Adam as in the original study (its train.py): no weight decay, schedule or clipping. `fp16-amp` scales the
    loss and skips updates whose gradients overflow, starting from torch's default scale.

    Args:
        objective: a scalar, differentiable in the weights that it is given.
        trained: the tensors that the steps change, by name; by default copies of all of the model's.
        merged: the model's weights, given the trained tensors.
        before_update: called with the trained tensors when they have their gradients; may set the values that the
            update starts from.
    """
    settings = start.settings
    device = start.model.device.type
    own = start.model.params if trained is None else trained
    params = {
        name: tensor.detach().to(start.model.device, copy=True).requires_grad_()
        for name, tensor in own.items()
    }
    detached = {name: tensor.detach() for name, tensor in params.items()}
    if settings.precision != "fp16-amp":
        adam_in_place = InPlaceAdam(params, settings)
        while True:
            with _autocast(device, settings.precision):
                loss = objective(merged(params))
            torch.autograd.backward(loss)
            del loss
            before_update(params)
            squares = adam_in_place.step()
            yield Attempt(True, merged(detached), squares if trained is None else None)
    adam = torch.optim.Adam(
        params.values(), lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, fused=True
    )
    scaler = torch.amp.GradScaler(device)
    while True:
        adam.zero_grad(set_to_none=True)
        with _autocast(device, settings.precision):
            loss = objective(merged(params))
        torch.autograd.backward(scaler.scale(loss))
        before_update(params)
        scale = scaler.get_scale()
        scaler.step(adam)
        scaler.update()
        # The gradients are not needed while the step is scored.
        adam.zero_grad(set_to_none=True)
        yield Attempt(applied=scaler.get_scale() >= scale, params=merged(detached))


class InPlaceAdam:
    """`torch.optim.Adam(fused=True)`, a tensor at a time: the length of a tensor's update needs a copy of it alone."""

    def __init__(self, params: Mapping[str, Tensor], settings: Posttrain) -> None:
        # The largest last: by then the gradients of the others are freed.
        self.params = sorted(params.values(), key=Tensor.numel)
        self.settings = settings
        self.states: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> tuple[Tensor, ...]:
        """Apply the gradients and free them; the squared length of each tensor's update."""
        return tuple(
            self._step(place, tensor) for place, tensor in enumerate(self.params) if tensor.grad is not None
        )

    def _step(self, place: int, tensor: Tensor) -> Tensor:
        if place not in self.states:
            steps = torch.zeros((), dtype=torch.float32, device=tensor.device)
            self.states[place] = steps, torch.zeros_like(tensor), torch.zeros_like(tensor)
        steps, means, squares = self.states[place]
        steps += 1
        before = tensor.detach().clone()
        assert tensor.grad is not None
        torch._fused_adam_(
            [tensor],
            [tensor.grad],
            [means],
            [squares],
            [],
            [steps],
            lr=self.settings.learning_rate,
            beta1=self.settings.betas[0],
            beta2=self.settings.betas[1],
            weight_decay=0.0,
            eps=self.settings.eps,
            amsgrad=False,
            maximize=False,
        )
        tensor.grad = None
        return squared_distance(tensor.detach(), before)


def squared_distance(one: Tensor, other: Tensor) -> Tensor:
    """The sum of squared differences of two tensors on one device, a float64 scalar."""
    return one.double().sub_(other).pow_(2).sum()


def _autocast(device: str, precision: str) -> AbstractContextManager[None]:
    types = {"fp16-amp": torch.float16, "bf16": torch.bfloat16}
    if precision not in types:
        return nullcontext()
    return torch.autocast(device, dtype=types[precision])
