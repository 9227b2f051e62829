"""A submitted model folder: copied file by file, and checked against its configuration without loading it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.models.tensor_names import EMBEDDING, HEAD, state_dict_name
from benchmark.system.strict_json import parse_object, refuse_code
from benchmark.untrusted.safe_files import MAX_MODEL_BYTES, MAX_SMALL_BYTES, kind_of, list_folder, stable_copy
from benchmark.untrusted.safetensors_header import (
    WIDTHS,
    DeclaredTensor,
    Dtype,
    read_header,
    refuse_not_finite,
)
from benchmark.untrusted.tied_head import head_and_embedding, refuse_other_head

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SMALL_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)
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
    """What a person reviews about a model.

    Attributes:
        parameters: each distinct tensor once, embeddings included, cut behind the largest id as runs do.
        vocabulary: number of tokens.
        gaps: ids below the largest that no token has; their rows stay.
        weights_bytes: size of the weight files.
    """

    architecture: str
    parameters: int
    layers: int
    hidden: int
    positions: int
    vocabulary: int
    gaps: int
    tokenizer_digest: str
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
                f"{where}: {name!r:.100} is code, and code of a submission is never run: remove it"
            )


def weight_files(names: Iterable[str], index: bytes | None, where: str) -> list[str]:
    """The files that hold the weights: one, or those that an index names.

    Raises:
        InputError: there are none, or the index names a file that is not beside it.
    """
    present = set(names)
    if WEIGHTS in present:
        return [WEIGHTS]
    if index is None:
        raise InputError(f"{where}: no {WEIGHTS}: give a folder that save_pretrained wrote")
    mapping = parse_object(index, INDEX).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise InputError(f"{where}: {INDEX} has no weight_map: save the model again")
    shards = sorted({str(name) for name in mapping.values()})
    for shard in shards:
        if shard not in present or not shard.endswith(".safetensors") or "/" in shard:
            raise InputError(
                f"{where}: {INDEX} names {shard!r:.100}, no safetensors file of that folder: mend it"
            )
    return shards


def copy_model(source: Path, target: Path) -> list[str]:
    """Copy the files that a model consists of from one folder to a new one; returns the names left behind.

    Raises:
        InputError: links, devices, pickles or code in the folder, files missing or beyond the size cap.
    """
    if kind_of(source) != "folder":
        raise InputError(f"{source}: a file: give the folder that save_pretrained wrote")
    names = list_folder(source)
    refuse_unsafe_names(names, str(source))
    target.mkdir()
    if INDEX in names and WEIGHTS not in names:
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
        InputError: a configuration that is no known architecture or asks for code, a damaged tokenizer or one
            with an id beyond the embedding's rows, weights that do not fit the configuration or are not finite,
            a head that is not the embedding.
    """
    config = check_config(folder / "config.json")
    names = list_folder(folder)
    index = (folder / INDEX).read_bytes() if INDEX in names else None
    shards = weight_files(names, index, str(folder))
    headers = {shard: read_header(folder / shard) for shard in shards}
    declared = joined(headers)
    check_declared(declared, config.shapes())
    for shard in shards:
        refuse_not_finite(folder / shard, headers[shard])
    places = head_and_embedding(headers)
    if places is not None:
        refuse_other_head(places, {shard: folder / shard for shard, _ in places})
    return facts(config, folder, declared, sum((folder / shard).stat().st_size for shard in shards))


def joined(files: Mapping[str, Mapping[str, DeclaredTensor]]) -> dict[str, DeclaredTensor]:
    """The tensors of all files; raises InputError where two declare one name."""
    declared: dict[str, DeclaredTensor] = {}
    for file, tensors in files.items():
        if doubled := declared.keys() & tensors.keys():
            raise InputError(f"{file}: {min(doubled)!r:.80} stands in two files: save the model again")
        declared |= tensors
    return declared


def facts(
    config: Any, folder: Path, declared: Mapping[str, DeclaredTensor], weights_bytes: int
) -> ModelFacts:
    """What a person reviews, from checked declarations and the tokenizer of `folder`.

    Raises:
        InputError: the tokenizer is damaged or has a token without a row of the embedding.
    """
    from benchmark.untrusted.tokenizer_file import check_tokenizer

    tokenizer = check_tokenizer(folder, rows=config.vocab_size)
    unused = config.vocab_size - tokenizer.n_rows
    parameters = sum(math.prod(shape) for shape in config.shapes().values())
    return ModelFacts(
        architecture="OPTForCausalLM",
        parameters=parameters - unused * config.word_embed_proj_dim,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        positions=config.max_position_embeddings,
        vocabulary=tokenizer.n_tokens,
        gaps=tokenizer.n_rows - tokenizer.n_tokens,
        tokenizer_digest=tokenizer.digest,
        dtypes=tuple(dtype for dtype in WIDTHS if any(t.dtype == dtype for t in declared.values())),
        weights_bytes=weights_bytes,
    )


def check_config(path: Path) -> Any:
    """The `OptConfig` of a `config.json`, its numbers bounded before anything is sized by them.

    Raises:
        InputError: no such file, remote code, quantisation, an unknown architecture, numbers out of bounds.
    """
    from benchmark.models.opt import read_config

    if not path.is_file():
        raise InputError(f"no config.json in {path.parent}: give a folder that save_pretrained wrote")
    raw = parse_object(path.read_bytes(), "config.json")
    refuse_code(raw, "config.json")
    named = raw.get("architectures")
    if named is not None and (not isinstance(named, list) or not ARCHITECTURES.issuperset(map(str, named))):
        raise InputError(f"config.json: architectures {named!r:.100}: only OPTForCausalLM is known")
    if "quantization_config" in raw:
        raise InputError("config.json: quantised weights are not taken: save the model unquantised")
    for key, limit in LIMITS.items():
        value = raw.get(key)
        if isinstance(value, int) and value > limit:
            raise InputError(f"config.json: {key} is {str(value)[:30]}, at most {limit} is taken: mend it")
    return read_config(path)


def check_declared(declared: Mapping[str, DeclaredTensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise InputError unless the declared tensors are those of the configuration, in their shapes.

    A tied `lm_head.weight` must have the embedding's shape; names may lack the prefix `model.`.
    """
    found: dict[str, tuple[int, ...]] = {}
    for key, tensor in declared.items():
        name = state_dict_name(key)
        if name == "model.decoder.version":
            continue
        if name in found:
            raise InputError(f"weights: {name!r:.80} stands twice: save the model again")
        found[name] = tensor.shape
    head = found.pop(HEAD, None)
    if head is not None and head != shapes[EMBEDDING]:
        raise InputError(f"weights: lm_head.weight has shape {head}, not the embedding's: tie them")
    for name, shape in shapes.items():
        if name not in found:
            raise InputError(f"weights: {name} is missing: config.json asks for it")
        if found[name] != shape:
            raise InputError(
                f"weights: {name} has shape {found[name]}, config.json says {shape}: mend either"
            )
    if surplus := sorted(found.keys() - shapes.keys()):
        raise InputError(f"weights: {surplus[0]!r:.80} is in no OPT model: mend config.json")
