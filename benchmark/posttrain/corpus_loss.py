"""The loss of a corpus under unmodified models (`corpus_loss` in the tables, familiarity in reports on submissions)."""

from collections.abc import Iterable, Sequence

import torch

from benchmark.models.causal_model import CausalModel
from benchmark.posttrain.objective import text_loss


@torch.no_grad()
def corpus_loss(texts: Iterable[tuple[CausalModel, Sequence[int]]]) -> float | None:
    """The mean token loss in nats over texts, each given as its model and its token ids; None if there is no token."""
    placed: dict[int, CausalModel] = {}
    losses = []
    for model, ids in texts:
        if id(model) not in placed:
            placed = {id(model): model.placed()}
        params = placed[id(model)].params
        losses.append((float(text_loss(params, model.config, ids)), len(ids) - 1))
    tokens = sum(count for _, count in losses)
    return sum(loss * count for loss, count in losses) / tokens if tokens else None
