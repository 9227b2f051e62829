"""`many-texts`: descent or ascent over many texts in minibatches: continued pretraining as people do it.

Gururangan et al. (ACL 2020) call it adaptive pretraining. The setting `texts` says how many texts of the corpus a run
has; no two runs share one.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmark.errors import InputError
from benchmark.posttrain.arms.interface import Attempt, RunStart, adam_attempts


def attempts(start: RunStart, *, batch: int = 2, ascend: bool = False) -> Iterator[Attempt]:
    """Endless Adam steps, each on the mean token loss of `batch` texts.

    Raises:
        InputError: a batch has no text, or more than there are.
    """
    if not 1 <= batch <= len(start.texts):
        raise InputError(
            f"arms: 'many-texts': batch is {batch} and a run has {len(start.texts)} texts: set `texts`"
        )
    batches = batches_of(start, batch)

    def objective(params: dict[str, Tensor]) -> Tensor:
        texts = next(batches)
        total = torch.stack([start.loss(params, tokens) * (len(tokens) - 1) for tokens in texts]).sum()
        loss = total / sum(len(tokens) - 1 for tokens in texts)
        return -loss if ascend else loss

    return adam_attempts(start, objective)


def batches_of(start: RunStart, size: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Endless batches of texts: all texts in random order, then in another, and so on; a short rest is left out."""
    generator = start.generator("many-texts")
    while True:
        order = torch.randperm(len(start.texts), generator=generator).tolist()
        for place in range(0, len(order) - size + 1, size):
            yield tuple(start.texts[number] for number in order[place : place + size])
