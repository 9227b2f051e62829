"""The floor: a plain forward pass over the needed positions, without trees, cache, requests or metrics.

Every document is one causal sequence with as many positions as the engine needs for it, including decoded tokens.
Sequences of similar length share a batch. Logits are computed at as many positions as the engine reads.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.bench.counting import sequence_lengths
from benchmark.evaluation.batched_scoring import LOGITS_BYTES
from benchmark.evaluation.logits import LogitSpace, rows_at_once
from benchmark.evaluation.prepare import Prepared
from benchmark.models.causal_model import CausalModel
from benchmark.models.networks.opt_forward import OptNetwork
from benchmark.models.opt import OptConfig, causal_hidden


@dataclass(frozen=True)
class FloorBatch:
    """Token ids [sequences, length] and the flat indices of positions whose logits are computed."""

    ids: Tensor
    read: Tensor


def floor_batches(prepared: Prepared, model: CausalModel, *, batch_tokens: int = 2048) -> list[FloorBatch]:
    """Random tokens in the lengths that the prepared documents need, longest first."""
    generator = torch.Generator().manual_seed(0)
    limit = model.config.max_position_embeddings
    lengths = sorted(((min(size, limit), read) for size, read in sequence_lengths(prepared)), reverse=True)
    batches = []
    start = 0
    while start < len(lengths):
        longest = lengths[start][0]
        chosen = lengths[start : start + max(1, batch_tokens // longest)]
        ids = torch.randint(model.config.vocab_size, (len(chosen), longest), generator=generator)
        read = [row * longest + torch.arange(size - n, size) for row, (size, n) in enumerate(chosen)]
        batches.append(FloorBatch(ids.to(model.device), torch.cat(read).to(model.device)))
        start += len(chosen)
    return batches


@torch.inference_mode()
def floor_pass(model: CausalModel, batches: list[FloorBatch]) -> float:
    """Run all batches and sum one log-probability per read position, so that all results are computed."""
    assert isinstance(model.config, OptConfig)
    network = OptNetwork(model.config, model.params)
    space = LogitSpace(network, rows_at_once(network, LOGITS_BYTES))
    total = torch.zeros((), dtype=torch.float64, device=model.device)
    for batch in batches:
        hidden = causal_hidden(model.params, model.config, batch.ids, fused=True)
        read = hidden.flatten(0, 1)[batch.read]
        for start in range(0, len(read), space.rows):
            stop = min(start + space.rows, len(read))
            total += space.log_softmax(read, start, stop)[:, 0].double().sum()
    return float(total)
