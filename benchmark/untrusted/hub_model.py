"""A submitted model on the Hub: small files and headers are fetched; nothing is loaded or run.

If a tied tensor is stored, its files and those of what it is tied to are fetched too, to compare them.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import refuse_adapter
from benchmark.models.tensor_names import INDEX
from benchmark.public_data.hub_files import check_pin, hub_file, hub_listing, hub_refusal
from benchmark.untrusted.manifest import HubOrigin
from benchmark.untrusted.model_folder import (
    SMALL_FILES,
    ModelFacts,
    check_config,
    check_declared,
    facts,
    unused_tensors,
    weight_files,
)
from benchmark.untrusted.safe_files import MAX_SMALL_BYTES
from benchmark.untrusted.safetensors_header import (
    FIX,
    MAX_HEADER_BYTES,
    DeclaredTensor,
    Unused,
    declared_tensors,
)
from benchmark.untrusted.tied_head import OF_OPT, check_head

MAX_REMOTE_BYTES = 60_000_000_000


def check_remote_model(source: HubOrigin, folder: Path) -> ModelFacts:
    """Facts of a Hub model at its commit; its small files are written to the new `folder`.

    Raises:
        InputError: no safetensors, files beyond the size limits, what `check_model` refuses, or a Hub that is out of
            reach, refuses the files or breaks off.
    """
    check_pin(source.id, source.revision)
    where = f"{source.id}@{source.revision}"
    sizes = hub_listing(source.id, source.revision, kind="model")
    folder.mkdir()
    for name in (*SMALL_FILES, INDEX):
        if name in sizes:
            _fetch(source, name, sizes[name], folder / name)
    refuse_adapter(sizes, where)
    index = (folder / INDEX).read_bytes() if INDEX in sizes else None
    shards = weight_files(sizes, index, where)
    total = sum(sizes[shard] for shard in shards)
    if total > MAX_REMOTE_BYTES:
        raise InputError(f"{where}: {total} bytes of weights, at most {MAX_REMOTE_BYTES} are accepted")
    config = check_config(folder / "config.json")
    unused = unused_tensors(config)
    headers = {shard: remote_header(source, shard, sizes[shard], unused) for shard in shards}
    check_declared(headers, config)
    check_head(headers, lambda shard: _whole(source, shard), getattr(config, "tied", OF_OPT))
    return facts(config, folder, headers, total)


def remote_header(source: HubOrigin, name: str, size: int, unused: Unused) -> Mapping[str, DeclaredTensor]:
    """The tensors that a safetensors file of the Hub declares, checked against its `size` as `read_header` does.

    Raises:
        InputError: a header that is malformed or does not fit the file, or a Hub that refuses it or breaks off.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, NotASafetensorsRepoError, SafetensorsParsingError

    try:
        parsed = HfApi().parse_safetensors_file_metadata(source.id, name, revision=source.revision)
    except (SafetensorsParsingError, NotASafetensorsRepoError) as error:
        raise InputError(f"{name}: not a readable safetensors header ({str(error)[:100]})") from None
    except (HTTPError, OSError) as error:
        raise hub_refusal(source.id, source.revision, name, error) from None
    header = {
        key: {
            "dtype": str(tensor.dtype),
            "shape": list(tensor.shape),
            "data_offsets": list(tensor.data_offsets),
        }
        for key, tensor in parsed.tensors.items()
    }
    tensors = declared_tensors(header, name, unused)
    end = max(tensor.end for tensor in tensors.values())
    if not 8 < size - end <= 8 + MAX_HEADER_BYTES:
        raise InputError(f"{name}: tensors of {end} bytes in a file of {size}: truncated or padded: {FIX}")
    return tensors


def _whole(source: HubOrigin, name: str) -> Path:
    """A file in the Hub's local cache, which the stage that runs the model uses too."""
    path = hub_file(source.id, source.revision, name)
    if path is None:
        raise InputError(f"{source.id}@{source.revision}: {name} cannot be downloaded whole: try again")
    return path


def _fetch(source: HubOrigin, name: str, size: int, target: Path) -> None:
    if size > MAX_SMALL_BYTES:
        raise InputError(f"{source.id}: {name} has {size} bytes, at most {MAX_SMALL_BYTES} are accepted")
    path = _whole(source, name)
    if path.stat().st_size > MAX_SMALL_BYTES:
        raise InputError(f"{source.id}: {name} is larger than the Hub says: try again")
    shutil.copyfile(path, target)
