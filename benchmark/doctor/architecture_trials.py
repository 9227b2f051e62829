"""Small models of other architectures with drawn weights: a base score and a run of each."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmark.doctor import trials
from benchmark.models.weights import write_weights
from benchmark.settings.track_settings import Settings

SIZES = {
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "intermediate_size": 600,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}
MODELS: dict[str, dict[str, Any]] = {
    "llama, grouped heads": SIZES | {"model_type": "llama", "num_key_value_heads": 2},
    "gpt_neox, exact GELU": SIZES | {"model_type": "gpt_neox", "hidden_act": "gelu"},
}
"""One with grouped heads, SiLU and root mean squares; one with the GELU that torch gives to oneDNN."""
ARM = "gap"
SCALE = 0.1
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def digests(settings: Settings) -> Iterator[tuple[str, str]]:
    """For each model, the digest of its base score and that of a run of gradient ascent."""
    for name, shape in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            write_model(shape, Path(folder))
            base = trials.stored_base(settings, Path(folder))
            yield f"base of {name}", trials.base_digest(base)
            yield f"run of {name}", dict(trials.runs(settings, base, [ARM]))[ARM]


def write_model(shape: dict[str, Any], folder: Path) -> None:
    """A model folder with drawn weights and the tokenizer of the stored model."""
    for file in TOKENIZER:
        (folder / file).write_bytes((trials.STORED / file).read_bytes())
    rows = json.loads((trials.STORED / "config.json").read_bytes())["vocab_size"]
    tokens = {"vocab_size": rows, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    write_drawn(shape | tokens, folder, scale=SCALE)


def write_drawn(config: dict[str, Any], folder: Path, *, scale: float) -> None:
    """The configuration and normal weights of a standard deviation of `scale`, those of norms around 1."""
    from benchmark.models.any_architecture.declared import declared_model

    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(size, generator=generator) * scale + (len(size) == 1 and name.endswith("weight"))
        for name, size in declared_model(config).tensors.items()
    }
    write_weights(weights, config, folder)
