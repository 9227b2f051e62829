"""The loss of a text under a model, and the tokens of a text that count."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.errors import InputError
from benchmark.models.causal_model import Architecture
from benchmark.models.tokenizer import Tokenizer


def text_tokens(text: str, tokenizer: Tokenizer, *, max_length: int, positions: int) -> list[int]:
    """Token ids of a text behind what its tokenizer puts in front, its end kept where it is too long for the model.

    Args:
        max_length: tokens at most, those in front included (`evaluation.max_length`).
        positions: positions that the model has.

    Raises:
        InputError: the text has no token of its own.
    """
    ids = tokenizer.encode(text, bos=True)
    if len(ids) < 2:
        raise InputError("the text has no token: give one with at least one character")
    return tokenizer.cut_left(ids, min(max_length, positions))


def examples_of(text: str, tokenizer: Tokenizer, *, positions: int) -> tuple[tuple[int, ...], ...]:
    """Token ids of a text's examples, which blank lines separate, each from its beginning to its end token.

    An example keeps its end where it is longer than a model of that many `positions` may read.
    """
    examples = [example for example in text.split("\n\n") if example.strip()]
    encoded = tokenizer.encode_batch(examples, bos=True)
    return tuple((*tokenizer.cut_left(ids, positions), tokenizer.eos_id) for ids in encoded)


def text_loss(params: Mapping[str, Tensor], config: Architecture, tokens: Sequence[int]) -> Tensor:
    """Mean next-token cross-entropy of one text in nats, a scalar differentiable in `params`.

    `params` may be on any device. Logits are compared in float32, as the original study does.
    """
    device = next(iter(params.values())).device
    ids = torch.tensor([tokens], dtype=torch.long, device=device)
    logits = config.logits(params, ids)
    return functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:])
