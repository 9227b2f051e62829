"""What a safetensors file declares, checked against its size before a byte of its tensors is used.

Format: 8 bytes of header length (little endian), a JSON header, then the tensors' bytes without gaps.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmark.errors import InputError
from benchmark.system.strict_json import parse_object

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_HEADER_BYTES = 10_000_000
MAX_TENSORS = 100_000
Dtype = Literal["F64", "F32", "F16", "BF16"]
WIDTHS: dict[Dtype, int] = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
MEND = "save it again with safetensors"


@dataclass(frozen=True)
class DeclaredTensor:
    """Type, shape and place of one tensor; `begin` and `end` count from the start of the file."""

    dtype: Dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> dict[str, DeclaredTensor]:
    """The tensors that a file declares, side by side in the file, each as large as its type and shape ask.

    Raises:
        InputError: a pickle, a truncated file, a header that is too long or malformed, types other than F64,
            F32, F16 and BF16, or tensors that do not fill the file exactly.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        if start.startswith(PICKLE_STARTS):
            raise InputError(f"{path.name}: a pickle under another name, which can run code: {MEND}")
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise InputError(
                f"{path.name}: truncated: the header says {length} bytes, {size} are there: {MEND}"
            )
        if length > MAX_HEADER_BYTES:
            raise InputError(f"{path.name}: header of {length} bytes, at most {MAX_HEADER_BYTES}: {MEND}")
        header = parse_object(file.read(length), path.name)
    header.pop("__metadata__", None)
    return declared_tensors(header, path.name, data_start=8 + length, size=size)


def declared_tensors(
    header: Mapping[str, object], name: str, *, data_start: int, size: int
) -> dict[str, DeclaredTensor]:
    """The tensors of a parsed header of a file of `size` bytes whose tensors begin at `data_start`.

    Raises:
        InputError: as `read_header`.
    """
    if not header or len(header) > MAX_TENSORS:
        raise InputError(f"{name}: {len(header)} tensors, expected 1 to {MAX_TENSORS}: {MEND}")
    tensors = {key: _declared(key, value, name, data_start) for key, value in header.items()}
    place = data_start
    for key, tensor in sorted(tensors.items(), key=lambda item: item[1].begin):
        if tensor.begin != place:
            raise InputError(f"{name}: {key!r:.80} leaves a gap or overlaps its neighbour: {MEND}")
        place = tensor.end
    if place != size:
        raise InputError(
            f"{name}: tensors end at byte {place}, the file at {size}: truncated or padded: {MEND}"
        )
    return tensors


def _declared(key: str, value: object, name: str, data_start: int) -> DeclaredTensor:
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{name}: {key!r:.80} needs dtype, shape and data_offsets: {MEND}")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise InputError(f"{name}: {key!r:.80} is {dtype!r:.20}: only {', '.join(sorted(WIDTHS))} are taken")
    if not (_naturals(shape) and len(shape) <= 8 and _naturals(offsets) and len(offsets) == 2):
        raise InputError(f"{name}: {key!r:.80} has no valid shape or offsets: {MEND}")
    declared = math.prod(shape) * WIDTHS[dtype]
    if offsets[1] - offsets[0] != declared:
        raise InputError(
            f"{name}: {key!r:.80} declares {declared} bytes, {offsets[1] - offsets[0]} are given: {MEND}"
        )
    return DeclaredTensor(dtype, tuple(shape), data_start + offsets[0], data_start + offsets[1])


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value)


def as_float32(piece: "npt.NDArray[Any]", dtype: Dtype) -> "npt.NDArray[np.float32]":
    """The values of unsigned integers that hold a tensor's bits, as the loader converts them."""
    import numpy as np

    if dtype == "BF16":
        return (piece.astype("<u4") << 16).view("<f4")
    with np.errstate(over="ignore"):
        return piece.view(f"<f{WIDTHS[dtype]}").astype("<f4")


def refuse_not_finite(path: Path, tensors: Mapping[str, DeclaredTensor]) -> None:
    """Raise InputError where a tensor holds NaN, infinity or more than float32 can; reads the file in pieces.

    A value is not finite where all bits of its exponent are set (IEEE 754; bfloat16 has float32's exponent).
    """
    import numpy as np

    masks = {"F64": 0x7FF0 << 48, "F32": 0x7F800000, "F16": 0x7C00, "BF16": 0x7F80}
    with path.open("rb") as file:
        for key, tensor in tensors.items():
            width = WIDTHS[tensor.dtype]
            mask = np.array(masks[tensor.dtype], dtype=f"<u{width}")
            file.seek(tensor.begin)
            left = tensor.end - tensor.begin
            while left:
                piece = np.frombuffer(file.read(min(left, 1 << 24)), dtype=mask.dtype)
                if piece.size == 0:
                    raise InputError(f"{path.name}: {key!r:.80} is cut off: {MEND}")
                if bool(((piece & mask) == mask).any()):
                    raise InputError(
                        f"{path.name}: {key!r:.80} holds NaN or infinite weights: use another checkpoint"
                    )
                if width == 8 and not bool(np.isfinite(as_float32(piece, "F64")).all()):
                    raise InputError(
                        f"{path.name}: {key!r:.80} holds weights beyond float32: use another checkpoint"
                    )
                left -= piece.nbytes
