"""Model folders: which implementation loads one, and what its `config.json` says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmark.models.causal_model import CausalModel
from benchmark.models.opt import OptConfig, load_opt, read_config


def load_model(
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    vocab_rows: int | None = None,
) -> CausalModel:
    """Load a model folder: `config.json` and safetensors (one file, or several with an index).

    `vocab_rows` is the number of tokens of the tokenizer. The native implementation cuts its embedding after them; the
    one over `transformers` never writes another token.

    Raises:
        InputError: a missing or damaged file, pickled weights, weights that do not fit the configuration or are not
            finite, or code beside the model.
    """
    folder = Path(folder)
    if is_native(folder):
        return load_opt(folder, device=device, dtype=dtype, vocab_rows=vocab_rows)
    from benchmark.models.any_architecture.loading import load_any

    return load_any(folder, device=torch.device(device), dtype=dtype, vocab_rows=vocab_rows)


def is_native(folder: Path) -> bool:
    """Whether the native implementation loads the model; also if there is no model, which it then reports."""
    try:
        raw = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return True
    return not isinstance(raw, dict) or not isinstance(raw.get("model_type"), str) or is_native_config(raw)


def is_native_config(raw: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is of a form that `benchmark.models.opt` computes."""
    return (
        raw.get("model_type") == "opt"
        and raw.get("activation_function", "relu") == "relu"
        and raw.get("tie_word_embeddings", True) is True
    )


def shape_of(folder: Path) -> OptConfig:
    """The shape of a model, to estimate its cost; for other architectures, that of an OPT model of the same size.

    Raises:
        InputError: no readable configuration.
    """
    if is_native(folder):
        return read_config(folder / "config.json")
    from benchmark.models.any_architecture.declared import declared_model

    declared = declared_model(json.loads((folder / "config.json").read_bytes()))
    hidden, layers = declared.hidden_size, declared.num_hidden_layers
    outside = (declared.vocab_size + declared.max_position_embeddings) * hidden
    wide = max(hidden, (declared.parameters - outside) // (2 * layers * hidden) - 2 * hidden)
    return OptConfig(declared.vocab_size, hidden, layers, 1, wide, declared.max_position_embeddings, hidden)


def vocabulary_rows(folder: Path) -> int:
    """Rows of the embedding, as `config.json` says.

    Raises:
        InputError: no readable configuration.
    """
    if is_native(folder):
        return read_config(folder / "config.json").vocab_size
    from benchmark.models.any_architecture.configuration import checked_config

    return int(checked_config(folder).get_text_config().vocab_size)
