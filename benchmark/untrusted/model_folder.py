"""A submitted model folder: copied file by file, and checked against its configuration without loading it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import read_model_config, refuse_adapter
from benchmark.models.from_hub import TOKENIZER_FILES
from benchmark.models.tensor_names import INDEX, SINGLE, index_files, match_shapes, state_dict_name
from benchmark.untrusted.safe_files import MAX_MODEL_BYTES, MAX_SMALL_BYTES, kind_of, list_folder, stable_copy
from benchmark.untrusted.safetensors_header import (
    FIX,
    DeclaredTensor,
    Dtype,
    Unused,
    none_unused,
    read_header,
)
from benchmark.untrusted.tied_head import OF_OPT, check_head

Headers = Mapping[str, Mapping[str, DeclaredTensor]]
"""The declared tensors by file of weights."""
SMALL_FILES = ("config.json", *TOKENIZER_FILES)
PICKLE_ENDINGS = (
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".pkl",
    ".pickle",
    ".joblib",
    ".npy",
    ".npz",
    ".msgpack",
    ".h5",
)
CODE_ENDINGS = (".py", ".pyc", ".so", ".sh", ".dll", ".dylib")
ARCHITECTURES = frozenset({"OPTForCausalLM", "OPTModel"})
LIMITS = {
    "vocab_size": 1_000_000,
    "hidden_size": 32_768,
    "num_hidden_layers": 256,
    "num_attention_heads": 1_024,
    "ffn_dim": 262_144,
    "max_position_embeddings": 1_000_000,
    "word_embed_proj_dim": 32_768,
}


@dataclass(frozen=True)
class ModelFacts:
    """The facts about a model that a person reviews.

    Attributes:
        parameters: each distinct tensor once, with embeddings, without rows after the largest id, as in runs.
        vocabulary: number of tokens.
        gaps: number of unused ids below the largest; their rows are kept.
        tokenizer: sha256 of the tokenizer.
        weights_bytes: size of the files of weights.
    """

    architecture: str
    parameters: int
    layers: int
    hidden: int
    positions: int
    vocabulary: int
    gaps: int
    tokenizer: str
    dtypes: tuple[Dtype, ...]
    weights_bytes: int


def refuse_unsafe_names(names: Iterable[str], where: str) -> None:
    """Raise InputError where a file could run code when something loads it."""
    for name in sorted(names):
        ending = Path(name).suffix.lower()
        if ending in PICKLE_ENDINGS:
            raise InputError(f"{where}: {name!r:.100} may hold a pickle, which can run code: remove it")
        if ending in CODE_ENDINGS:
            raise InputError(
                f"{where}: {name!r:.100} is code, and code in a submission is never run: remove it"
            )


def weight_files(names: Iterable[str], index: bytes | None, where: str) -> list[str]:
    """The files that hold the weights: one, or those that an index names.

    Raises:
        InputError: there are none, or the index names a file that is not in the folder.
    """
    present = set(names)
    if SINGLE in present:
        return [SINGLE]
    if index is None:
        raise InputError(f"{where}: no {SINGLE}: give a folder that save_pretrained wrote")
    shards = index_files(index, f"{where}: {INDEX}")
    for shard in shards:
        if not shard.endswith(".safetensors"):
            raise InputError(f"{where}: {INDEX} names {shard!r:.100}, no safetensors file: {FIX}")
        if shard not in present:
            raise InputError(f"{where}: {INDEX} names {shard!r:.100}, which is not there: add that file")
    return shards


def copy_model(source: Path, target: Path) -> list[str]:
    """Copy the files that a model consists of into a new folder; returns the names of the others.

    Raises:
        InputError: links, devices, pickles or code in the folder, missing files, or files beyond the size limit.
    """
    if kind_of(source) != "folder":
        raise InputError(f"{source}: a file: give the folder that save_pretrained wrote")
    names = list_folder(source)
    refuse_unsafe_names(names, str(source))
    refuse_adapter(names, str(source))
    target.mkdir()
    if INDEX in names and SINGLE not in names:
        stable_copy(source / INDEX, target / INDEX, MAX_SMALL_BYTES)
        shards = weight_files(names, (target / INDEX).read_bytes(), str(source))
    else:
        shards = weight_files(names, None, str(source))
    small = [name for name in SMALL_FILES if name in names]
    for name in small:
        stable_copy(source / name, target / name, MAX_SMALL_BYTES)
    left = MAX_MODEL_BYTES
    for name in shards:
        left -= stable_copy(source / name, target / name, left).bytes
    return sorted(set(names) - {*small, *shards, INDEX})


def check_model(folder: Path) -> ModelFacts:
    """Check a model folder without loading its weights.

    Raises:
        InputError: a configuration of an unknown architecture or that asks for code, a damaged tokenizer or one
            with an id beyond the embedding's rows, weights that do not fit the configuration or are not finite,
            a head that is not the embedding.
    """
    from benchmark.models.weights import check_finite

    config = check_config(folder / "config.json")
    names = list_folder(folder)
    index = (folder / INDEX).read_bytes() if INDEX in names else None
    shards = weight_files(names, index, str(folder))
    unused = unused_tensors(config)
    headers = {shard: read_header(folder / shard, unused) for shard in shards}
    check_declared(headers, config)
    for shard in shards:
        check_finite(folder / shard, unused)
    check_head(headers, folder.joinpath, getattr(config, "tied", OF_OPT))
    return facts(config, folder, headers, sum((folder / shard).stat().st_size for shard in shards))


def check_declared(headers: Headers, config: Any) -> None:
    """Raise InputError unless the declared tensors are those of the configuration, each once, in their shapes.

    Tensors that the architecture leaves unread are left out.
    """
    from benchmark.models.opt import OptConfig

    is_native, unused = isinstance(config, OptConfig), unused_tensors(config)
    declared: dict[str, tuple[int, ...]] = {}
    for file, tensors in headers.items():
        for key, tensor in tensors.items():
            name = state_dict_name(key) if is_native else key
            if name in declared:
                raise InputError(f"{file}: {name!r:.80} is stored twice: save the model again")
            if not unused(key):
                declared[name] = tensor.shape
    if is_native:
        match_shapes(declared, config.shapes(), "weights")
        return
    from benchmark.models.any_architecture.declared import check_declared_tensors

    check_declared_tensors(declared, config)


def unused_tensors(config: Any) -> Unused:
    """Which stored tensors the model of a checked configuration leaves unread."""
    from benchmark.models.opt import OptConfig

    unused: Unused = none_unused if isinstance(config, OptConfig) else config.leaves_unread
    return unused


def facts(config: Any, folder: Path, headers: Headers, weights_bytes: int) -> ModelFacts:
    """The facts that a person reviews, from checked declarations and the tokenizer of `folder`.

    Raises:
        InputError: the tokenizer is damaged or has a token without a row in the embedding.
    """
    from benchmark.untrusted.tokenizer_file import check_tokenizer

    tokenizer = check_tokenizer(folder, rows=config.vocab_size)
    unused = unused_tensors(config)
    stored = {
        tensor.dtype for tensors in headers.values() for key, tensor in tensors.items() if not unused(key)
    }
    architecture, parameters = named_and_counted(config, tokenizer.n_rows)
    return ModelFacts(
        architecture=architecture,
        parameters=parameters,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        positions=config.max_position_embeddings,
        vocabulary=tokenizer.n_tokens,
        gaps=tokenizer.n_rows - tokenizer.n_tokens,
        tokenizer=tokenizer.digest,
        dtypes=tuple(dtype for dtype in get_args(Dtype) if dtype in stored),
        weights_bytes=weights_bytes,
    )


def named_and_counted(config: Any, rows: int) -> tuple[str, int]:
    """The class of a checked configuration, and its parameters as runs have them."""
    from benchmark.models.opt import OptConfig

    if not isinstance(config, OptConfig):
        return config.architecture, config.parameters
    parameters = sum(math.prod(shape) for shape in config.shapes().values())
    return "OPTForCausalLM", parameters - (config.vocab_size - rows) * config.word_embed_proj_dim


def check_config(path: Path) -> Any:
    """The `OptConfig` or `DeclaredModel` of a `config.json`; its numbers are checked before anything is allocated.

    Raises:
        InputError: as `read_model_config`; an unknown architecture, numbers out of bounds.
    """
    from benchmark.models.model_folders import is_native_config
    from benchmark.models.opt import read_config

    raw = read_model_config(path.parent)
    if not is_native_config(raw):
        from benchmark.models.any_architecture.declared import declared_model

        return declared_model(raw)
    named = raw.get("architectures")
    if named is not None and (not isinstance(named, list) or not ARCHITECTURES.issuperset(map(str, named))):
        raise InputError(f"config.json: architectures {named!r:.100}: an OPT model is an OPTForCausalLM")
    for key, limit in LIMITS.items():
        value = raw.get(key)
        if isinstance(value, int) and value > limit:
            raise InputError(f"config.json: {key} is {str(value)[:30]}, at most {limit} is accepted")
    return read_config(path)
