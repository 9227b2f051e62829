"""A model of `transformers` as an `Architecture`: one module, into which weights are put."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from benchmark.models.any_architecture.configuration import config_of
from benchmark.models.any_architecture.loaded_module import LoadedModule
from benchmark.models.any_architecture.network import TransformersNetwork
from benchmark.models.any_architecture.routed_layers import route
from benchmark.models.networks.network_interface import Network
from benchmark.models.weights import write_weights


@dataclass
class TransformersArchitecture(LoadedModule):
    """A configuration and a module built by it; implements `causal_model.Architecture`."""

    def logits(self, params: Mapping[str, Tensor], ids: Tensor, *, fused: bool = False) -> Tensor:
        """Next-token logits [batch, time, vocabulary] of `ids` [batch, time], differentiable in `params`."""
        output = torch.func.functional_call(
            self.module, dict(params), (), {"input_ids": ids, "use_cache": False}
        )
        logits: Tensor = output.logits
        return logits

    def network(self, params: Mapping[str, Tensor]) -> Network:
        """The model with these weights, laid out for inference."""
        return TransformersNetwork(self, params)

    def prepare(self, params: Mapping[str, Tensor], longest: int) -> None:
        """Test whether prefix trees of up to `longest` tokens are scored correctly in one pass."""
        self.network(params).prepare(longest)

    def save(self, params: Mapping[str, Tensor], folder: Path) -> None:
        """Write `config.json` and `model.safetensors`, each atomically; shared tensors once."""
        dtype = str(next(iter(params.values())).dtype).removeprefix("torch.")
        write_weights(params, json.loads(self.module.config.to_json_string()) | {"dtype": dtype}, folder)

    def record(self) -> dict[str, Any]:
        """How the model's texts were scored."""
        if not self.trees:
            return {}
        return {"scored_as": "prefix trees" if all(self.trees.values()) else "one sequence per choice"}

    def digest(self, weights: str) -> str:
        """sha256 over the weights' digest and the rest of the configuration."""
        known = self.module.config.to_dict()
        for key in ("transformers_version", "_name_or_path", "torch_dtype", "dtype", "architectures"):
            known.pop(key, None)
        said = json.dumps(known, sort_keys=True, default=str)
        return hashlib.sha256(f"{weights}\n{said}".encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """Without weights; these are pickled with the model."""
        return {
            "config": self.module.config.to_dict(),
            "buffers": {name: buffer.cpu() for name, buffer in self.module.named_buffers()},
            "dtype": self.module.dtype,
            "device": self.module.device,
            "writable": self.writable,
            "trees": self.trees,
            "portable": self.portable,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        module = AutoModelForCausalLM.from_config(config_of(state["config"], "config"), dtype=state["dtype"])
        self.module = laid_out(module.to(state["device"]))
        for name, buffer in self.module.named_buffers():
            buffer.copy_(state["buffers"][name])
        self.writable, self.trees, self.bound = state["writable"], state["trees"], None
        self.portable = state["portable"]
        if self.portable:
            route(self.module)
        self.release()


def laid_out(module: nn.Module) -> PreTrainedModel:
    """The module for inference: without dropout and without gradients."""
    module.eval().requires_grad_(False)
    return module
