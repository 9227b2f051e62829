"""The `config.json` of a model folder: read and checked here by all that load, check or plan a model."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.system.strict_json import parse_object, refuse_code, walk

ADAPTER = "adapter_config.json"


def read_model_config(folder: Path) -> dict[str, Any]:
    """The object of `config.json`.

    Raises:
        InputError: no such file, not plain JSON, a key twice, code asked for, quantised weights, weights under another
            name, no `model_type`, a `tie_word_embeddings` that is neither true nor false, or an adapter beside it.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"no config.json in {folder}: give a folder that save_pretrained wrote")
    raw = parse_object(path.read_bytes(), str(path))
    refuse_code(raw, str(path))
    for where, value in walk(raw):
        if "_implementation" in where and isinstance(value, str) and "/" in value:
            raise InputError(f"{path}: {where} {value!r:.60} asks for code of the Hub: remove it")
    if raw.pop("quantization_config", None):
        raise InputError(f"{path}: quantised weights are not accepted: save the model unquantised")
    if raw.get("transformers_weights") is not None:
        raise InputError(
            f"{path}: transformers_weights names another file of weights: remove it, and name the weights "
            "model.safetensors"
        )
    if not isinstance(tied := raw.get("tie_word_embeddings", True), bool):
        raise InputError(f"{path}: tie_word_embeddings is {tied!r:.40}: write true or false, or remove it")
    if not isinstance(raw.get("model_type"), str):
        raise InputError(f"{path}: no model_type: save the model with save_pretrained")
    refuse_adapter((file.name for file in folder.iterdir()), str(folder))
    return raw


def refuse_adapter(names: Iterable[str], where: str) -> None:
    """Raise InputError where an adapter lies beside a model: it would be left out."""
    for name in sorted(names):
        if name == ADAPTER or name.startswith("adapter_model."):
            raise InputError(
                f"{where}: {name!r:.100} belongs to an adapter, which would be left out: merge it into the weights "
                "(merge_and_unload of peft, then save_pretrained), or remove it"
            )
