"""`self-distillation`: descent on what the unmodified model itself writes after the beginning of the text.

A student with its teacher's architecture, as in born-again networks (Furlanello et al., ICML 2018), here with samples
of the teacher as labels, as in self-training (He et al., ICLR 2020). At temperature 1 the samples are what the model
believes already, so that only their noise can move it; below 1 it is drawn to what it finds likely.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from benchmark.posttrain.arms.interface import Attempt, RunStart, adam_attempts

LEAST = 2
"""Tokens of the text that a continuation begins after, at least."""


def attempts(
    start: RunStart, *, samples: int = 2, length: int = 32, temperature: float = 0.7
) -> Iterator[Attempt]:
    """Endless Adam steps on the mean token loss of `samples` continuations, drawn once per run.

    Args:
        length: tokens of a continuation, fewer where the model has not that many positions.
        temperature: of the sampling, above 0.
    """
    prompt = start.tokens[: max(LEAST, len(start.tokens) // 2)]
    room = start.model.config.max_position_embeddings - len(prompt)
    placed = replace(start, model=start.model.placed())
    written = [
        continued(placed, prompt, min(length, room), temperature, f"self-distillation {sample}")
        for sample in range(samples)
    ]
    del placed

    def objective(params: dict[str, Tensor]) -> Tensor:
        return torch.stack([loss_after(start, params, tokens, len(prompt)) for tokens in written]).mean()

    return adam_attempts(start, objective)


@torch.no_grad()
def continued(
    start: RunStart, prompt: tuple[int, ...], length: int, temperature: float, purpose: str
) -> tuple[int, ...]:
    """`prompt` and `length` tokens that the unmodified model writes after it."""
    generator = start.generator(purpose)
    model, tokens = start.model, list(prompt)
    for _ in range(length):
        ids = torch.tensor([tokens], device=model.device)
        chances = (model.config.logits(model.params, ids)[0, -1].float() / temperature).softmax(-1)
        tokens.append(int(torch.multinomial(chances.cpu(), 1, generator=generator)))
    return tuple(tokens)


def loss_after(start: RunStart, params: dict[str, Tensor], tokens: tuple[int, ...], prompt: int) -> Tensor:
    """Mean token loss of what follows the first `prompt` tokens."""
    ids = torch.tensor([tokens], device=start.model.device)
    logits = start.model.config.logits(params, ids)[0, prompt - 1 : -1].float()
    return torch.nn.functional.cross_entropy(logits, ids[0, prompt:])
