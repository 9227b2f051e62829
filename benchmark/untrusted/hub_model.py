"""A submitted model of the Hub: small files and headers are fetched; nothing is loaded or run.

Where a head is stored, the files that hold it and the embedding are fetched too, to be compared.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import CheckFailed, InputError
from benchmark.public_data.hub_files import check_pin, hub_file, hub_listing
from benchmark.untrusted.model_folder import (
    INDEX,
    SMALL_FILES,
    ModelFacts,
    check_config,
    check_declared,
    facts,
    joined,
    weight_files,
)
from benchmark.untrusted.safe_files import MAX_SMALL_BYTES
from benchmark.untrusted.safetensors_header import DeclaredTensor, declared_tensors
from benchmark.untrusted.submission_source import HubSource
from benchmark.untrusted.tied_head import head_and_embedding, refuse_other_head

MAX_REMOTE_BYTES = 60_000_000_000


def check_remote_model(source: HubSource, folder: Path) -> ModelFacts:
    """Facts of a Hub model at its commit; its small files are put into the new `folder`.

    Raises:
        InputError: no safetensors, files beyond the caps, or what `check_model` refuses.
        CheckFailed: the Hub broke off.
    """
    check_pin(source.id, source.revision)
    where = f"{source.id}@{source.revision}"
    sizes = hub_listing(source.id, source.revision, kind="model")
    folder.mkdir()
    for name in (*SMALL_FILES, INDEX):
        if name in sizes:
            _fetch(source, name, sizes[name], folder / name)
    index = (folder / INDEX).read_bytes() if INDEX in sizes else None
    shards = weight_files(sizes, index, where)
    total = sum(sizes[shard] for shard in shards)
    if total > MAX_REMOTE_BYTES:
        raise InputError(f"{where}: {total} bytes of weights, at most {MAX_REMOTE_BYTES} are taken")
    config = check_config(folder / "config.json")
    headers = {shard: remote_header(source, shard, sizes[shard]) for shard in shards}
    declared = joined(headers)
    check_declared(declared, config.shapes())
    places = head_and_embedding(headers)
    if places is not None:
        refuse_other_head(places, {shard: _whole(source, shard) for shard, _ in places})
    return facts(config, folder, declared, total)


def remote_header(source: HubSource, name: str, size: int) -> Mapping[str, DeclaredTensor]:
    """The tensors that a safetensors file of the Hub declares, checked against its `size`.

    Raises:
        InputError: a header that is malformed or does not fit the file.
        CheckFailed: the Hub broke off.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, NotASafetensorsRepoError, SafetensorsParsingError

    try:
        parsed = HfApi().parse_safetensors_file_metadata(source.id, name, revision=source.revision)
    except (SafetensorsParsingError, NotASafetensorsRepoError) as error:
        raise InputError(f"{name}: no readable safetensors header ({str(error)[:100]})") from None
    except (HTTPError, OSError) as error:
        raise CheckFailed(
            f"nothing was submitted: {source.id} broke off ({str(error)[:100]}): try again"
        ) from None
    header = {
        key: {
            "dtype": str(tensor.dtype),
            "shape": list(tensor.shape),
            "data_offsets": list(tensor.data_offsets),
        }
        for key, tensor in parsed.tensors.items()
    }
    end = max((tensor.data_offsets[1] for tensor in parsed.tensors.values()), default=0)
    return declared_tensors(header, name, data_start=size - end, size=size)


def _whole(source: HubSource, name: str) -> Path:
    """A file of weights in the Hub's local cache, where the stage that runs the model looks for it too."""
    found = hub_file(source.id, source.revision, name)
    if found is None:
        raise InputError(f"{source.id}@{source.revision}: {name} cannot be had whole: try again")
    return found


def _fetch(source: HubSource, name: str, size: int, target: Path) -> None:
    if size > MAX_SMALL_BYTES:
        raise InputError(f"{source.id}: {name} has {size} bytes, at most {MAX_SMALL_BYTES} are taken")
    found = hub_file(source.id, source.revision, name)
    if found is None or found.stat().st_size > MAX_SMALL_BYTES:
        raise InputError(f"{source.id}@{source.revision}: {name} cannot be had whole: try again")
    shutil.copyfile(found, target)
