"""`lora`: descent on the text through low-rank updates of some matrices (Hu et al., ICLR 2022), merged for scoring.

The adapters, their initial values and their scale are those of the package `peft`. Their products are computed here,
since those of `peft` depend on the CPU.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmark.arithmetic.products import batched
from benchmark.errors import InputError
from benchmark.posttrain.arms.interface import Attempt, RunStart, adam_attempts

ADAPTER = "default"
COPIES = SCORED_COPIES = 2.0
"""The base model's weights, and at most as many of merged matrices with their gradients."""
HOST_COPIES = 1.0
"""In the machine's memory: the weights of the step before."""


def attempts(
    start: RunStart, *, rank: int = 4, alpha: int = 8, targets: tuple[str, ...] = ("q_proj", "v_proj")
) -> Iterator[Attempt]:
    """Endless Adam steps on the mean token loss of the text, in the adapters alone.

    Args:
        rank: of the update of each matrix.
        alpha: the update is alpha / rank times the product of its factors.
        targets: last parts of the matrices' names, without `.weight`.

    Raises:
        InputError: `peft` is not installed, or no matrix has such a name.
    """
    layers = adapted(start, rank, alpha, targets)
    trained = {
        f"{name} {side}": getattr(layer, f"lora_{side}")[ADAPTER].weight
        for name, layer in layers.items()
        for side in "AB"
    }

    placed = start.model.placed().params

    def merged(factors: dict[str, Tensor]) -> dict[str, Tensor]:
        params = dict(placed)
        for name, layer in layers.items():
            product = batched(factors[f"{name} B"][None], factors[f"{name} A"][None])[0]
            params[name] = params[name] + product * layer.scaling[ADAPTER]
        return params

    return adam_attempts(start, start.loss, trained, merged)


def adapted(start: RunStart, rank: int, alpha: int, targets: tuple[str, ...]) -> dict[str, Any]:
    """Layers of `peft` with an adapter, by the names of the tensors that they update."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise InputError("arms: 'lora' needs the package peft: pip install 'gapbench[lora]'") from None
    names = [
        name
        for name, tensor in start.model.params.items()
        if tensor.ndim == 2 and name.removesuffix(".weight").rpartition(".")[2] in targets
    ]
    most = min((min(start.model.params[name].shape) for name in names), default=0)
    if not 1 <= rank <= most:
        ranks = f"from 1 to {most}, which the smallest matrix has, " if names else ""
        raise InputError(
            f"arms: 'lora': rank {rank}, targets {', '.join(targets)}: give a rank {ranks}and the ends of "
            "names of matrices of the model, such as q_proj"
        )
    matrices = torch.nn.ModuleList()
    for name in names:
        rows, columns = start.model.params[name].shape
        matrices.append(torch.nn.Linear(columns, rows, bias=False, device=start.model.device))
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=[str(place) for place in range(len(names))])
    with torch.random.fork_rng():
        torch.manual_seed(start.generator("lora").initial_seed())
        inject_adapter_in_model(config, matrices)
    return dict(zip(names, matrices, strict=True))
