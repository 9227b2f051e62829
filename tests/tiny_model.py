"""A tiny OPT model in a folder, and edits of its files, for tests of loaders and of submissions."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from benchmark.models.opt import OptConfig, OptModel, save_opt

WORDS = ["<s>", "<pad>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
Params = dict[str, torch.Tensor]


def write_tokenizer(folder: Path, vocabulary: dict[str, int]) -> None:
    """A byte-level tokenizer without merges: one token per byte."""
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))


def write_model(
    folder: Path, *, rows: int = len(WORDS), hidden: int = 8, positions: int = 32, seed: int = 0
) -> None:
    """A folder as `save_pretrained` writes it: one layer, random weights, a byte-level tokenizer."""
    config = OptConfig(rows, hidden, 1, 2, 2 * hidden, positions, hidden)
    generator = torch.Generator().manual_seed(seed)
    params = {name: torch.randn(shape, generator=generator) for name, shape in config.shapes().items()}
    save_opt(OptModel(config, params), folder)
    write_tokenizer(folder, {word: number for number, word in enumerate(WORDS)})


def edit_json(path: Path, **fields: object) -> None:
    """Set keys of a JSON file, which may be missing; None removes a key."""
    raw = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    edited = {key: value for key, value in (raw | fields).items() if value is not None}
    path.write_text(json.dumps(edited), encoding="utf-8")


def add_token(folder: Path, word: str, number: int) -> None:
    """Give the tokenizer's vocabulary another token, or a token another id."""
    raw = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    raw["model"]["vocab"][word] = number
    (folder / "tokenizer.json").write_text(json.dumps(raw), encoding="utf-8")


def change_weights(folder: Path, change: Callable[[Params], Params | object]) -> None:
    """Apply `change` to the tensors of a folder; it edits them or returns new ones."""
    # Not `load_file`: its tensors stay mapped to the file, which is written below.
    params = load((folder / "model.safetensors").read_bytes())
    changed = change(params)
    changed = changed if isinstance(changed, dict) else params
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
