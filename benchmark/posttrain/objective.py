"""The loss of a text under a model, and the tokens of a text that count."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.errors import InputError
from benchmark.models.causal_model import Architecture
from benchmark.models.tokenizer import Tokenizer


def text_tokens(text: str, tokenizer: Tokenizer, *, max_length: int, positions: int) -> list[int]:
    """Token ids of a text after the tokenizer's leading token; of a text that is too long for the model, its end.

    Args:
        max_length: maximum number of tokens, including the leading one (`evaluation.max_length`).
        positions: number of positions of the model.

    Raises:
        InputError: the text has no token of its own.
    """
    ids = tokenizer.encode(text, bos=True)
    if len(ids) < 2:
        raise InputError("the text has no token: give a text with at least one character")
    return tokenizer.cut_left(ids, min(max_length, positions))


def examples_of(text: str, tokenizer: Tokenizer, *, positions: int) -> tuple[tuple[int, ...], ...]:
    """Token ids of a text's examples, which are separated by blank lines, each from its beginning to its end token.

    An example that does not fit into `positions`, those of the model, keeps its end.
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
