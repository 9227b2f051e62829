"""OPT-architecture language models as a configuration and a dictionary of tensors, with their plain forward.

The names of the tensors are those of ``transformers.OPTForCausalLM``'s state dict; ``lm_head`` is tied to the
embedding and not stored. ``transformers`` itself is never imported: that import costs seconds a process.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.arithmetic.products import attention, batched, causal_mask, linear
from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import read_model_config
from benchmark.models.causal_model import CausalModel
from benchmark.models.networks.network_interface import Network
from benchmark.models.networks.opt_forward import OptNetwork
from benchmark.models.networks.opt_shape import (
    LAYER_NORM_EPSILON,
    POSITION_OFFSET,
    POSITIONS,
    PREFIX,
    OptShape,
)
from benchmark.models.tensor_names import EMBEDDING
from benchmark.models.tokenizer import Tokenizer
from benchmark.models.weights import check_shapes, read_weights, weights_sha256, write_weights

__all__ = [
    "EMBEDDING",
    "OptConfig",
    "OptModel",
    "Tokenizer",
    "causal_hidden",
    "causal_logits",
    "load_opt",
    "read_config",
    "save_opt",
    "weights_sha256",
]


@dataclass(frozen=True)
class OptConfig(OptShape):
    """An OPT-architecture model's configuration; implements ``causal_model.Architecture``."""

    @classmethod
    def from_folder(cls, folder: Path) -> "OptConfig":
        """Read ``folder/config.json``; refuses what is not an OPT decoder with relu and tied embeddings."""
        return read_config(Path(folder) / "config.json")

    @property
    def portable(self) -> bool:
        """All products go through ``benchmark.arithmetic.products``."""
        return True

    def logits(self, params: Mapping[str, Tensor], ids: Tensor, *, fused: bool = False) -> Tensor:
        """``causal_logits``."""
        return causal_logits(params, self, ids, fused=fused)

    def network(self, params: Mapping[str, Tensor]) -> Network:
        """The model with these weights, laid out for inference."""
        return OptNetwork(self, params)

    def prepare(self, params: Mapping[str, Tensor], longest: int) -> None:
        """Nothing: trees of any length are right."""

    def save(self, params: Mapping[str, Tensor], folder: Path) -> None:
        """``save_opt``."""
        save_opt(OptModel(self, dict(params)), folder)

    def release(self) -> None:
        """Nothing: a network's tensors are its own."""

    def record(self) -> dict[str, object]:
        """Nothing: trees are always right."""
        return {}

    def digest(self, weights: str) -> str:
        """That of the weights, whose names and shapes say all but the number of heads."""
        return weights

    def to_json(self) -> dict[str, object]:
        """The configuration as the Hub's ``config.json``, complete enough for ``transformers`` to load it."""
        written: dict[str, object] = asdict(self)
        written["_remove_final_layer_norm"] = written.pop("remove_final_layer_norm")
        return written | {
            "architectures": ["OPTForCausalLM"],
            "model_type": "opt",
            "activation_function": "relu",
            "tie_word_embeddings": True,
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "activation_dropout": 0.0,
            "layerdrop": 0.0,
            "torch_dtype": "float32",
        }


@dataclass
class OptModel(CausalModel):
    """A configuration and its tensors, keyed by their names in ``OPTForCausalLM``'s state dict."""

    config: OptConfig


def read_config(path: Path) -> OptConfig:
    """Read a ``config.json``; raises InputError where the architecture is not one that is known here."""
    raw = read_model_config(path.parent)
    if raw["model_type"] != "opt":
        raise InputError(
            f"{path}: model_type is {raw['model_type']!r:.60}, only 'opt' is known: use an OPT model"
        )
    for key, wanted in (("activation_function", "relu"), ("tie_word_embeddings", True)):
        if raw.get(key, wanted) != wanted:
            raise InputError(
                f"{path}: {key} is {raw[key]!r}, only {wanted!r} is known: use a model that has it"
            )
    raw = {"remove_final_layer_norm": raw.get("_remove_final_layer_norm", False)} | raw
    if raw.get("word_embed_proj_dim") is None:
        raw["word_embed_proj_dim"] = raw.get("hidden_size")
    values: dict[str, Any] = {}
    for field in fields(OptConfig):
        value = raw.get(field.name, field.default)
        if isinstance(value, bool) != (field.type is bool) or not isinstance(value, int):
            raise InputError(f"{path}: {field.name} is {raw.get(field.name)!r}: correct config.json")
        if field.type is int and (value < 0 or (value == 0 and not field.name.endswith("_id"))):
            raise InputError(f"{path}: {field.name} is {value}, which no model can have: correct config.json")
        values[field.name] = value
    config = OptConfig(**values)
    if config.hidden_size % config.num_attention_heads:
        heads = config.num_attention_heads
        raise InputError(
            f"{path}: hidden_size {config.hidden_size} is no multiple of {heads} heads: correct config.json"
        )
    return config


def load_opt(
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    vocab_rows: int | None = None,
) -> OptModel:
    """Load a model folder: ``config.json`` and safetensors (one file, or several with an index).

    ``vocab_rows`` keeps the first rows of the embedding only, as ``resize_token_embeddings(len(tokenizer))``
    does. InputError on a missing file, pickled weights, an unknown architecture, wrong shapes, weights
    that are not finite, or a head that is not the embedding.
    """
    folder = Path(folder)
    config = OptConfig.from_folder(folder)
    params = read_weights(folder, device=torch.device(device), dtype=dtype)
    check_shapes(params, config.shapes(), folder)
    if vocab_rows is not None and vocab_rows != config.vocab_size:
        if not 0 < vocab_rows < config.vocab_size:
            rows = config.vocab_size
            raise InputError(f"{folder}: {vocab_rows} tokens need as many rows, the embedding has {rows}")
        params[EMBEDDING] = params[EMBEDDING][:vocab_rows].clone()
        config = replace(config, vocab_size=vocab_rows)
    return OptModel(config, {name: params[name] for name in config.shapes()})


def save_opt(model: OptModel, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors`` into ``folder``, each file whole or not at all."""
    written = model.config.to_json() | {"torch_dtype": str(model.dtype).removeprefix("torch.")}
    write_weights(model.params, written, Path(folder))


def causal_logits(
    params: Mapping[str, Tensor], config: OptConfig, ids: Tensor, *, fused: bool = False
) -> Tensor:
    """Next-token logits [batch, time, vocabulary] of ``ids`` [batch, time], differentiable in ``params``.

    Positions count from the first column, so shorter rows are padded on the right and their padding ignored.
    The order of operations is that of ``transformers``' eager attention (query scaled before the product,
    softmax in float32); ``fused`` takes torch's fused kernel, which is faster and equal up to rounding.
    """
    return linear(causal_hidden(params, config, ids, fused=fused), params[EMBEDDING])


def causal_hidden(
    params: Mapping[str, Tensor], config: OptConfig, ids: Tensor, *, fused: bool = False
) -> Tensor:
    """What ``causal_logits`` multiplies with the embedding: [batch, time, embedding width]."""
    length = ids.shape[1]
    hidden = functional.embedding(ids, params[EMBEDDING])
    if config.projected:
        hidden = linear(hidden, params[PREFIX + "project_in.weight"])
    hidden = hidden + params[POSITIONS][POSITION_OFFSET : POSITION_OFFSET + length]
    mask = None if fused else causal_mask(length, hidden.dtype, hidden.device)
    for index in range(config.num_hidden_layers):
        hidden = _layer(hidden, params, config, f"{PREFIX}layers.{index}.", mask)
    if config.final_norm:
        hidden = _norm(hidden, params, config, PREFIX + "final_layer_norm")
    if config.projected:
        hidden = linear(hidden, params[PREFIX + "project_out.weight"])
    return hidden


def _layer(
    hidden: Tensor, params: Mapping[str, Tensor], config: OptConfig, name: str, mask: Tensor | None
) -> Tensor:
    before = config.do_layer_norm_before
    residual = hidden
    if before:
        hidden = _norm(hidden, params, config, name + "self_attn_layer_norm")
    hidden = residual + _attention(hidden, params, config, name + "self_attn.", mask)
    if not before:
        hidden = _norm(hidden, params, config, name + "self_attn_layer_norm")
    residual = hidden
    if before:
        hidden = _norm(hidden, params, config, name + "final_layer_norm")
    hidden = residual + _linear(functional.relu(_linear(hidden, params, name + "fc1")), params, name + "fc2")
    return hidden if before else _norm(hidden, params, config, name + "final_layer_norm")


def _attention(
    hidden: Tensor, params: Mapping[str, Tensor], config: OptConfig, name: str, mask: Tensor | None
) -> Tensor:
    batch, length, _ = hidden.shape

    def heads(tensor: Tensor) -> Tensor:
        return tensor.view(batch, length, config.num_attention_heads, config.head_dim).transpose(1, 2)

    query = heads(_linear(hidden, params, name + "q_proj") * config.head_dim**-0.5)
    key = heads(_linear(hidden, params, name + "k_proj"))
    value = heads(_linear(hidden, params, name + "v_proj"))
    if mask is None:
        mixed = attention(query, key, value, None, 1.0)
    else:
        weights = batched(query, key.transpose(2, 3)) + mask
        weights = functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
        mixed = batched(weights, value)
    return _linear(mixed.transpose(1, 2).reshape(batch, length, -1), params, name + "out_proj")


def _linear(hidden: Tensor, params: Mapping[str, Tensor], name: str) -> Tensor:
    return linear(hidden, params[name + ".weight"], params.get(name + ".bias"))


def _norm(hidden: Tensor, params: Mapping[str, Tensor], config: OptConfig, name: str) -> Tensor:
    weight, bias = params.get(name + ".weight"), params.get(name + ".bias")
    return functional.layer_norm(hidden, (config.hidden_size,), weight, bias, LAYER_NORM_EPSILON)
