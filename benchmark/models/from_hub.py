"""Models from the Hugging Face Hub at a pinned commit, as a folder of safetensors.

Most of OPT's repositories hold pickled weights only. A pickle can run code when it is read, so these are refused
unless ``allow_pickle_weights`` is set and the repository and commit are among ``PICKLED_OPT``. Then PyTorch's
restricted unpickler (``weights_only=True``: tensors and plain containers, nothing else) reads them once and
they are written as safetensors. The pickle itself never enters the model's folder.

Files are fetched one by one: ``snapshot_download`` would fetch every safetensors file, whether or not the index
names it, and would not check the sha256 of what is in the cache.
"""

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import InputError, naming_source
from benchmark.models.any_architecture.config_file import ADAPTER, read_model_config, refuse_adapter
from benchmark.models.tensor_names import EMBEDDING, HEAD, INDEX, SINGLE, index_files
from benchmark.public_data.hub_files import check_pin, hub_file
from benchmark.system.files import whole_folder

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
    "added_tokens.json",
    "tokenizer.model",
)


def fetch(repository: str, revision: str, destination: Path, *, allow_pickle_weights: bool = False) -> Path:
    """Put ``config.json``, weights and tokenizer of a Hub model into ``destination``; returns that folder.

    All files appear there, or none. Raises ``InputError`` on a revision that is not a full commit, a ``config.json``
    without a ``model_type``, pickled weights that may not be converted, and if the Hub cannot be reached.
    """
    check_pin(repository, revision)
    with whole_folder(destination) as folder:
        with naming_source(f"{repository}@{revision}", folder):
            _fetch_config(repository, revision, folder)
            _fetch_weights(repository, revision, folder, allow_pickle_weights)
        for file in TOKENIZER_FILES:
            path = hub_file(repository, revision, file)
            if path is not None:
                shutil.copyfile(path, folder / file)
    return destination


def _fetch_config(repository: str, revision: str, folder: Path) -> None:
    path = hub_file(repository, revision, "config.json")
    if path is None:
        raise InputError(f"{repository}@{revision} has no config.json: name a model's repository")
    shutil.copyfile(path, folder / "config.json")
    read_model_config(folder)
    try:
        adapter = hub_file(repository, revision, ADAPTER)
    except InputError:  # without the Hub, what is not in its cache counts as absent
        adapter = None
    refuse_adapter([ADAPTER] if adapter else [], f"{repository}@{revision}")


def _fetch_weights(repository: str, revision: str, folder: Path, allow_pickle_weights: bool) -> None:
    files = _weight_files(repository, revision, SINGLE)
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
    """The file ``name``, or its index and the index's shards; empty if there is neither."""
    whole = hub_file(repository, revision, name)
    if whole is not None:
        return [whole]
    index = hub_file(repository, revision, f"{name}.index.json")
    if index is None:
        return []
    files = [index]
    for shard in index_files(index.read_bytes(), f"{repository}@{revision} {index.name}"):
        file = hub_file(repository, revision, shard)
        if file is None:
            raise InputError(
                f"{repository}@{revision} lacks {shard}, which its index names: use another commit"
            )
        files.append(file)
    return files


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
        (target / INDEX).write_text(content, encoding="utf-8")


def _convert(shard: Path, target: Path) -> list[str]:
    import torch
    from safetensors.torch import save_file

    try:
        loaded = torch.load(shard, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{shard.name} is not a plain pickle of tensors ({reason}): do not use it"
        ) from error
    if not isinstance(loaded, dict) or not all(isinstance(t, torch.Tensor) for t in loaded.values()):
        raise InputError(f"{shard.name} holds more than tensors: do not use it")
    # A head that differs from the embedding is kept, so that the loader compares and refuses it.
    embedding = loaded.get(EMBEDDING, loaded.get(EMBEDDING.removeprefix("model.")))
    head = loaded.get(HEAD)
    if head is not None and embedding is not None and torch.equal(head, embedding):
        del loaded[HEAD]
    tensors = {key: tensor.contiguous() for key, tensor in loaded.items()}
    save_file(tensors, target, metadata={"format": "pt"})
    return list(tensors)
