"""The header of a safetensors file, checked against the file's size before any tensor is used.

Format: 8 bytes of header length (little endian), a JSON header, then the tensors' bytes without gaps. The header is
read here and not by `safetensors`, which ignores unknown fields, allows a key twice and cannot check a file on the
Hub.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import InputError
from benchmark.system.strict_json import POINTER, parse_object, refuse_unfetched

MAX_HEADER_BYTES = 10_000_000
MAX_TENSORS = 100_000
Dtype = Literal["F64", "F32", "F16", "BF16"]
WIDTHS: dict[str, int] = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
FIX = "save it again with safetensors"
BUFFERS = {"BOOL": 1, "U8": 1}
"""Bytes of the types that only tensors which no model reads may have: the causal masks of older GPT-NeoX files."""

Unused = Callable[[str], bool]
"""Whether the architecture leaves a stored tensor of that name unread."""


def none_unused(_: str) -> bool:
    """Every stored tensor is read."""
    return False


@dataclass(frozen=True)
class DeclaredTensor:
    """Type, shape and place of one tensor; `begin` and `end` count from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path, unused: Unused = none_unused) -> dict[str, DeclaredTensor]:
    """The tensors that a file declares, side by side in the file, each as large as its type and shape ask.

    Those that are `unused` may have the types of `BUFFERS` too.

    Raises:
        InputError: a pointer of git-lfs, a pickle, a truncated file, a header that is too long or malformed, types
            other than F64, F32, F16 and BF16, or tensors that do not fill the file exactly.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        refuse_unfetched(file.read(len(POINTER)), path.name)
        file.seek(0)
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if start.startswith(PICKLE_STARTS) and length > MAX_HEADER_BYTES:
            raise InputError(f"{path.name}: a pickle under another name, which can run code: {FIX}")
        if len(start) < 8 or length > size - 8:
            raise InputError(
                f"{path.name}: truncated: the header says {length} bytes, the file has {size}: {FIX}"
            )
        if length > MAX_HEADER_BYTES:
            raise InputError(f"{path.name}: header of {length} bytes, at most {MAX_HEADER_BYTES}: {FIX}")
        header = parse_object(file.read(length), path.name)
    header.pop("__metadata__", None)
    tensors = declared_tensors(header, path.name, unused)
    end = max(tensor.end for tensor in tensors.values())
    if end != size - 8 - length:
        raise InputError(
            f"{path.name}: tensors of {end} bytes, the file has {size - 8 - length}: truncated or padded: {FIX}"
        )
    return tensors


def declared_tensors(
    header: Mapping[str, object], name: str, unused: Unused = none_unused
) -> dict[str, DeclaredTensor]:
    """The tensors of the parsed header of the file `name`, which follow one another without gaps.

    Raises:
        InputError: as `read_header`.
    """
    if not header or len(header) > MAX_TENSORS:
        raise InputError(f"{name}: {len(header)} tensors, expected 1 to {MAX_TENSORS}: {FIX}")
    tensors = {
        key: _declared(key, value, name, WIDTHS | BUFFERS if unused(key) else WIDTHS)
        for key, value in header.items()
    }
    place = 0
    for key, tensor in sorted(tensors.items(), key=lambda item: item[1].begin):
        if tensor.begin != place:
            raise InputError(f"{name}: {key!r:.80} leaves a gap or overlaps its neighbour: {FIX}")
        place = tensor.end
    return tensors


def _declared(key: str, value: object, name: str, widths: Mapping[str, int]) -> DeclaredTensor:
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{name}: {key!r:.80} needs dtype, shape and data_offsets: {FIX}")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in widths:
        raise InputError(
            f"{name}: {key!r:.80} is {dtype!r:.20}: only {', '.join(sorted(WIDTHS))} are accepted"
        )
    if not (_naturals(shape) and len(shape) <= 8 and _naturals(offsets) and len(offsets) == 2):
        raise InputError(f"{name}: {key!r:.80} has no valid shape or offsets: {FIX}")
    declared = math.prod(shape) * widths[dtype]
    if offsets[1] - offsets[0] != declared:
        raise InputError(
            f"{name}: {key!r:.80} declares {declared} bytes, its offsets {offsets[1] - offsets[0]}: {FIX}"
        )
    return DeclaredTensor(dtype, tuple(shape), *offsets)


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value)
