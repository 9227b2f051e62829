"""Model weights on disk: safetensors only, checked before use, written atomically, and identified by a digest."""

import functools
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmark.errors import InputError
from benchmark.models.tensor_names import (
    EMBEDDING,
    HEAD,
    IGNORED,
    INDEX,
    OTHER_HEAD,
    SINGLE,
    index_files,
    match_shapes,
    state_dict_name,
)
from benchmark.system.files import replacing, write_text
from benchmark.system.strict_json import POINTER, refuse_unfetched

PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth", "model.ckpt")
PIECE = 1 << 22
"""Values of a tensor that are read at once where a file is only checked."""


def read_weights(folder: Path, *, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of a model folder, as ``dtype`` on ``device``; a tensor at a time, so the peak is one copy.

    The head is left out, since the embedding stands for it. Raises InputError where the folder holds no
    safetensors, a file is damaged, a tensor is stored twice, a weight is not finite as ``dtype``, or the head
    is not the embedding.
    """
    params: dict[str, Tensor] = {}
    for path in weight_files(folder):
        with _opened(path) as file:
            for stored in file.keys():  # noqa: SIM118 - safe_open is not a mapping
                name = state_dict_name(stored)
                if name in params:
                    raise InputError(f"{path}: {name} is stored twice: save the model again")
                tensor = file.get_tensor(stored)
                _refuse_not_finite(tensor, stored, path, dtype)
                params[name] = tensor.to(device=device, dtype=dtype)
    if HEAD in params and EMBEDDING in params and not torch.equal(params[HEAD], params[EMBEDDING]):
        raise InputError(f"{folder}: {OTHER_HEAD}")
    for name in IGNORED:
        params.pop(name, None)
    return params


@contextmanager
def stored_slices(folder: Path) -> Iterator[dict[str, Any]]:
    """Every stored tensor of a model folder by its name; each is read when it is sliced.

    Raises:
        InputError: as `weight_files`; a damaged file, or a name in two files.
    """
    with ExitStack() as stack:
        found: dict[str, Any] = {}
        for path in weight_files(folder):
            file = stack.enter_context(_opened(path))
            for name in file.keys():  # noqa: SIM118 - safe_open is not a mapping
                if name in found:
                    raise InputError(f"{path}: {name} is stored twice: save the model again")
                found[name] = file.get_slice(name)
        yield found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file ({error}): fetch it again") from None


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder.

    Raises:
        InputError: there are none, an index names none, or a file is empty or a pointer of git-lfs.
    """
    files = _named_files(folder)
    for path in files:
        with path.open("rb") as file:
            refuse_unfetched(file.read(len(POINTER)), str(path))
    return files


def _named_files(folder: Path) -> list[Path]:
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        names = index_files((folder / INDEX).read_bytes(), str(folder / INDEX))
        if missing := [name for name in names if not (folder / name).is_file()]:
            raise InputError(f"{folder / INDEX} names {missing[0]!r:.100}, which is not there: add that file")
        return [folder / name for name in names]
    pickled = [name for name in PICKLES if (folder / name).exists()]
    if pickled:
        raise InputError(
            f"{folder} holds pickled weights ({pickled[0]}), which can run code: convert to {SINGLE}"
        )
    raise InputError(f"no {SINGLE} in {folder}: name a folder that holds a model's safetensors")


def _refuse_not_finite(tensor: Tensor, name: str, path: Path, dtype: torch.dtype) -> None:
    if not tensor.is_floating_point():
        raise InputError(
            f"{path}: {name} is {tensor.dtype}, not a floating-point type: use weights without quantisation"
        )
    check_tensor_finite(tensor, name, path)
    if torch.finfo(tensor.dtype).max > torch.finfo(dtype).max and not bool(tensor.to(dtype).isfinite().all()):
        raise InputError(
            f"{path}: {name} holds weights beyond {str(dtype).removeprefix('torch.')}: use another checkpoint"
        )


def check_finite(path: Path, unused: Callable[[str], bool] = lambda _: False) -> None:
    """Raise InputError where a tensor of a safetensors file is not finite in float32; reads the file in pieces.

    Tensors that no model reads (`unused`) are left out.
    """
    with _opened(path) as file:
        for name in itertools.filterfalse(unused, file.keys()):
            for piece in _pieces(file, name):
                _refuse_not_finite(piece, name, path, torch.float32)


def same_values(first: Path, one: str, second: Path, other: str) -> bool:
    """Whether two stored tensors have the same shape and, in float32, the same values; reads them in pieces."""
    with _opened(first) as left, _opened(second) as right:
        if left.get_slice(one).get_shape() != right.get_slice(other).get_shape():
            return False
        pairs = zip(_pieces(left, one), _pieces(right, other), strict=True)
        return all(torch.equal(ours.float(), theirs.float()) for ours, theirs in pairs)


def _pieces(file: Any, name: str) -> Iterator[Tensor]:
    """A stored tensor, some rows at a time."""
    stored = file.get_slice(name)
    shape = stored.get_shape()
    if not shape:
        yield file.get_tensor(name)
        return
    rows = max(1, PIECE // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        yield stored[start : start + rows]


def check_tensor_finite(tensor: Tensor, name: str, path: Path) -> None:
    """Raise InputError where a weight is NaN or infinite."""
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{path}: {name} holds NaN or infinite weights: use another checkpoint")


def check_shapes(params: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], folder: Path) -> None:
    """Raise InputError unless ``params`` are the ``expected`` tensors, no more, no fewer, in their shapes."""
    match_shapes({name: tuple(tensor.shape) for name, tensor in params.items()}, expected, str(folder))


def write_weights(params: Mapping[str, Tensor], config: Mapping[str, object], folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``, each replaced in one step."""
    stored = {name: tensor.detach().contiguous().cpu() for name, tensor in sorted(params.items())}
    with replacing(folder / SINGLE) as temporary:
        save_file(stored, str(temporary), metadata={"format": "pt"})
    write_text(folder / "config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")


def weights_sha256(params: Mapping[str, Tensor]) -> str:
    """sha256 over every tensor's name, type, shape and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(params):
        tensor = params[name].detach().contiguous().cpu()
        digest.update(f"{name} {str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weights_digest(params: Mapping[str, Tensor]) -> str:
    """Digest of weights where they are: `weights_sha256` on a CPU, on any other device `device_digest`.

    The digests of two devices differ. Equal weights on one device have one digest.
    """
    cpu = all(tensor.device.type == "cpu" for tensor in params.values())
    return weights_sha256(params) if cpu else device_digest(params)


DIGEST_TRAFFIC = 7
"""Bytes that `device_digest` reads and writes for each byte of float32 weights: a word, its factor and their product,
and the product again for the sum; the factors and products stay in a GPU's cache."""
FACTORS = 1 << 21
"""Words that are multiplied at once, each by a factor of its own."""


@torch.no_grad()
def device_digest(params: Mapping[str, Tensor]) -> str:
    """`sum64-` and a digest of the weights, computed on their device in one pass; 8 bytes of 8 MiB are copied from it.

    Each 32-bit word is multiplied by an odd factor of its place in a piece of `FACTORS` words, and the products of a
    piece are summed modulo 2^64; sums of integers do not depend on their order. sha256 covers the sums with names,
    types and shapes. It tells weights apart that differ by accident (words that differ have products that differ); it
    is no defence against someone who looks for a collision.
    """
    names = sorted(params)
    sums = [_sums(params[name].detach().contiguous()) for name in names]
    found = iter(torch.cat(sums).tolist() if sums else [])
    digest = hashlib.sha256()
    for name, own in zip(names, sums, strict=True):
        kind, shape = str(params[name].dtype).removeprefix("torch."), tuple(params[name].shape)
        digest.update(f"{name} {kind} {shape} {[next(found) for _ in own]}\n".encode())
    return f"sum64-{digest.hexdigest()}"


@functools.cache
def _factors(device: torch.device) -> Tensor:
    """An odd factor [FACTORS] for each place in a piece, int64: the places, mixed as splitmix64 does."""
    mixed = torch.arange(1, FACTORS + 1, device=device) * -0x61C8864680B583EB
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        mixed = (mixed ^ (mixed >> shift)) * factor
    return (mixed ^ (mixed >> 31)) | 1


def _sums(tensor: Tensor) -> Tensor:
    """The sum of each piece's products, int64."""
    flat = tensor.reshape(-1)
    words = flat.view(torch.int32) if flat.element_size() % 4 == 0 else flat.view(torch.uint8)
    pieces = torch.split(words, FACTORS) if len(words) else ()
    factors = _factors(tensor.device)
    sums = [(piece * factors[: len(piece)]).sum() for piece in pieces]
    return torch.stack(sums) if sums else torch.zeros(0, dtype=torch.int64, device=tensor.device)
