"""A causal language model of any architecture: what the engine, the arms and the stages need of one.

To add an implementation: a class with the methods of `Architecture`, and a line in `model_folders`. No other module
names an architecture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from benchmark.models.networks.network_interface import Network


class Architecture(Protocol):
    """What stays the same while a model's weights change."""

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding, that is logits."""

    @property
    def hidden_size(self) -> int:
        """Width of the layers."""

    @property
    def max_position_embeddings(self) -> int:
        """Positions that a text may have."""

    @property
    def portable(self) -> bool:
        """Whether all its products go through `benchmark.arithmetic.products`."""

    def logits(self, params: Mapping[str, Tensor], ids: Tensor, *, fused: bool = False) -> Tensor:
        """Next-token logits [batch, time, vocabulary] of `ids` [batch, time], differentiable in `params`.

        Rows are padded on the right, if at all. `fused` may take a faster attention, equal up to rounding.
        """

    def network(self, params: Mapping[str, Tensor]) -> Network:
        """The model with these weights, laid out for inference."""

    def prepare(self, params: Mapping[str, Tensor], longest: int) -> None:
        """Find out how texts of up to `longest` tokens are to be scored, before work is given to several processes."""

    def save(self, params: Mapping[str, Tensor], folder: Path) -> None:
        """Write `config.json` and `model.safetensors` into `folder`, each file whole or not at all."""

    def record(self) -> dict[str, Any]:
        """What `run.json` and `base.json` say of how the model was scored; empty where there is nothing to say."""

    def digest(self, weights: str) -> str:
        """Digest of the model, given that of its weights (`weights_sha256`)."""

    def release(self) -> None:
        """Let go of weights that the last network held."""


@dataclass(frozen=True)
class StoredWeights:
    """The model folder that weights can be read from again, how many rows of the embedding, and their sha256."""

    folder: str
    rows: int
    sha256: str


@dataclass
class CausalModel:
    """An architecture and its tensors by name; tensors that a model shares stand there once.

    Attributes:
        home: where the model is computed, if its tensors wait in the machine's memory; None: where they are.
        stored: a model that is pickled takes this along in place of its tensors. A copy by `replace` has none.
    """

    config: Architecture
    params: dict[str, Tensor]
    home: torch.device | None = None
    stored: StoredWeights | None = field(default=None, init=False, compare=False, repr=False)

    def parameters_count(self) -> int:
        """Number of parameters, each distinct tensor once, embeddings included."""
        return sum(tensor.numel() for tensor in self.params.values())

    @property
    def device(self) -> torch.device:
        """Where the model is computed."""
        return next(iter(self.params.values())).device if self.home is None else self.home

    def placed(self) -> "CausalModel":
        """The model with its tensors on its device; the same tensors if they are there."""
        return CausalModel(
            self.config, {name: tensor.to(self.device) for name, tensor in self.params.items()}
        )

    @property
    def dtype(self) -> torch.dtype:
        """Type of the tensors."""
        return next(iter(self.params.values())).dtype
