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


def random_opt(config: OptConfig, scale: float = 1.0, seed: int = 0) -> OptModel:
    """A model whose weights are normal numbers times `scale`."""
    generator, shapes = torch.Generator().manual_seed(seed), config.shapes().items()
    return OptModel(config, {name: scale * torch.randn(shape, generator=generator) for name, shape in shapes})


def write_model(
    folder: Path, *, rows: int = len(WORDS), hidden: int = 8, positions: int = 32, **random: float
) -> None:
    """A folder as `save_pretrained` writes it: one layer, random weights, a byte-level tokenizer."""
    save_opt(random_opt(OptConfig(rows, hidden, 1, 2, 2 * hidden, positions, hidden), **random), folder)
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


def shard(folder: Path, first: str) -> None:
    """Split the weights over two files and an index; the first file holds the tensor `first` alone."""
    params = load((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors").unlink()
    index = {name: "a.safetensors" if name == first else "b.safetensors" for name in params}
    for file in set(index.values()):
        save_file({name: params[name] for name in params if index[name] == file}, folder / file)
    edit_json(folder / "model.safetensors.index.json", weight_map=index)
