"""Models from the Hugging Face Hub at a pinned commit, as a folder of safetensors.

OPT's repositories hold pickled weights only. A pickle can run code when it is read, so these are refused
unless ``allow_pickle_weights`` is set and the repository and commit are among ``PICKLED_OPT``; then PyTorch's
restricted unpickler (``weights_only=True``: tensors and plain containers, nothing else) reads them once and
they are written as safetensors. The pickle itself never enters the model's folder.
"""

import json
import pickle
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import InputError, told_of
from benchmark.models.tensor_names import EMBEDDING, HEAD
from benchmark.public_data.hub_files import check_pin, hub_file

PICKLED_OPT = {
    "facebook/opt-125m": "27dcfa74d334bc871f3234de431e71c6eeba5dd6",
    "facebook/opt-350m": "08ab08cc4b72ff5593870b5d527cf4230323703c",
    "facebook/opt-1.3b": "3f5c25d0bc631cb57ac65913f76e22c2dfb61d62",
    "facebook/opt-2.7b": "905a4b602cda5c501f1b3a2650a4152680238254",
    "facebook/opt-6.7b": "a45aa65bbeb77c1558bc99bedc6779195462dab0",
}
"""The commits whose pickles may be converted."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


def fetch(repository: str, revision: str, destination: Path, *, allow_pickle_weights: bool = False) -> Path:
    """Put ``config.json``, weights and tokenizer of a Hub model into ``destination``; returns that folder.

    The files appear there all or not at all. Raises ``InputError`` on a revision that is no full commit, a
    model that is no OPT, weights only as pickles that may not be converted, and a Hub out of reach.
    """
    check_pin(repository, revision)
    destination = Path(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as name:
        folder = Path(name)
        with told_of(f"{repository}@{revision}", folder):
            _fetch_config(repository, revision, folder)
            _fetch_weights(repository, revision, folder, allow_pickle_weights)
        for file in TOKENIZER_FILES:
            path = hub_file(repository, revision, file)
            if path is not None:
                shutil.copyfile(path, folder / file)
        destination.mkdir(exist_ok=True)
        for written in sorted(folder.iterdir()):
            written.replace(destination / written.name)
    return destination


def _fetch_config(repository: str, revision: str, folder: Path) -> None:
    path = hub_file(repository, revision, "config.json")
    if path is None:
        raise InputError(f"{repository}@{revision} has no config.json: name a model's repository")
    try:
        kind = json.loads(path.read_bytes()).get("model_type")
    except (ValueError, AttributeError):
        kind = None
    if kind != "opt":
        raise InputError(
            f"{repository}@{revision} is a model of type {kind!r}: only OPT's architecture is known"
        )
    shutil.copyfile(path, folder / "config.json")


def _fetch_weights(repository: str, revision: str, folder: Path, allow_pickle_weights: bool) -> None:
    files = _weight_files(repository, revision, "model.safetensors")
    if files:
        for file in files:
            shutil.copyfile(file, folder / file.name)
        return
    known = PICKLED_OPT.get(repository) == revision
    if not (allow_pickle_weights and known):
        way_out = (
            "set allow_pickle_weights to have them read by PyTorch's restricted unpickler and converted"
            if known
            else "convert them to safetensors and name that folder or repository"
        )
        raise InputError(
            f"{repository}@{revision} has no safetensors, and pickled weights can run code: {way_out}"
        )
    pickles = [
        file for file in _weight_files(repository, revision, "pytorch_model.bin") if file.suffix == ".bin"
    ]
    if not pickles:
        raise InputError(f"{repository}@{revision} has no weights: name a model's repository")
    convert_pickles(pickles, folder)


def _weight_files(repository: str, revision: str, name: str) -> list[Path]:
    """The one file ``name``, or its index and the index's shards; empty where there is neither."""
    whole = hub_file(repository, revision, name)
    if whole is not None:
        return [whole]
    index = hub_file(repository, revision, f"{name}.index.json")
    if index is None:
        return []
    files = [index]
    for shard in sorted(set(_weight_map(index, f"{repository}@{revision}").values())):
        file = hub_file(repository, revision, shard)
        if file is None:
            raise InputError(f"{repository}@{revision} lacks {shard}, which its index names: take another")
        files.append(file)
    return files


def _weight_map(index: Path, source: str) -> dict[str, str]:
    try:
        weight_map: dict[str, str] = json.loads(index.read_bytes())["weight_map"]
        plain = all(isinstance(f, str) and Path(f).name == f for f in weight_map.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        plain = False
    if not plain:
        raise InputError(f"{source}: {index.name} names no plain list of files: use another commit")
    return weight_map


def convert_pickles(shards: Sequence[Path], target: Path) -> None:
    """Write ``pytorch_model.bin``, or its shards, as safetensors into the folder ``target``.

    Only tensors are accepted; PyTorch's ``weights_only`` unpickler refuses everything that could run code.
    """
    index: dict[str, str] = {}
    for shard in shards:
        name = shard.name.replace("pytorch_model", "model").removesuffix(".bin") + ".safetensors"
        index |= dict.fromkeys(_convert(shard, target / name), name)
    if len(shards) > 1:
        content = json.dumps({"metadata": {}, "weight_map": index}, indent=1, sort_keys=True)
        (target / "model.safetensors.index.json").write_text(content, encoding="utf-8")


def _convert(shard: Path, target: Path) -> list[str]:
    import torch
    from safetensors.torch import save_file

    try:
        loaded = torch.load(shard, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{shard.name} is no plain pickle of tensors ({reason}): do not use it") from error
    if not isinstance(loaded, dict) or not all(isinstance(t, torch.Tensor) for t in loaded.values()):
        raise InputError(f"{shard.name} holds more than tensors: do not use it")
    # A head that is not the embedding beside it is kept, for the loader to compare and refuse.
    embedding = loaded.get(EMBEDDING, loaded.get(EMBEDDING.removeprefix("model.")))
    head = loaded.get(HEAD)
    if head is not None and embedding is not None and torch.equal(head, embedding):
        del loaded[HEAD]
    tensors = {key: tensor.contiguous() for key, tensor in loaded.items()}
    save_file(tensors, target, metadata={"format": "pt"})
    return list(tensors)
