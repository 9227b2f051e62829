"""A module of `transformers` that weights are put into."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from benchmark.models.any_architecture.configuration import positions_of


@dataclass
class LoadedModule:
    """A configuration and a module built by it.

    writable: tokens, from the first on, that the tokenizer knows. portable: whether it computes the same bits on every
    CPU that can (`portable_module`). trees: for each length of text up to which it was tried, whether prefix trees are
    scored right in one pass (`probe`).
    """

    module: PreTrainedModel
    writable: int
    portable: bool = False
    trees: dict[int, bool] = field(default_factory=dict)
    bound: object = None
    """The network whose weights the module holds now."""

    @property
    def settings(self) -> PreTrainedConfig:
        """Configuration of the text model."""
        return self.module.config.get_text_config()

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding."""
        return int(self.settings.vocab_size)

    @property
    def hidden_size(self) -> int:
        """Width of the layers."""
        return int(self.settings.hidden_size)

    @property
    def max_position_embeddings(self) -> int:
        """Positions that a text may have."""
        return positions_of(self.module.config)

    def bind(self, params: Mapping[str, Tensor], owner: object) -> None:
        """Let the module hold these weights, without a copy; `owner` is whoever asks for it."""
        if self.bound is owner:
            return
        for name, parameter in self.module.named_parameters():
            parameter.data = params[name].detach()
        self.bound = owner

    def release(self) -> None:
        """Let go of the weights that the module holds; the next network gives it its own."""
        for parameter in self.module.parameters():
            parameter.data = torch.empty(0, dtype=parameter.dtype, device=parameter.device)
        self.bound = None
