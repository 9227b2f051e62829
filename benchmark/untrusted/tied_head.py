"""A stored head against the embedding that stands for it, in the bytes of their files: no model is loaded."""

import math
from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tensor_names import EMBEDDING, HEAD, OTHER_HEAD, state_dict_name
from benchmark.untrusted.safetensors_header import WIDTHS, DeclaredTensor, as_float32

PIECE = 1 << 21
"""Values that are compared at once."""
Place = tuple[str, DeclaredTensor]
"""A file's name, and a tensor in it."""


def head_and_embedding(headers: Mapping[str, Mapping[str, DeclaredTensor]]) -> tuple[Place, Place] | None:
    """Where the head and the embedding lie that stands for it; None unless both are stored."""
    places = {
        state_dict_name(key): (file, tensor)
        for file, tensors in headers.items()
        for key, tensor in tensors.items()
    }
    return (places[HEAD], places[EMBEDDING]) if {HEAD, EMBEDDING} <= places.keys() else None


def refuse_other_head(places: tuple[Place, Place], files: Mapping[str, Path]) -> None:
    """Raise InputError where a stored head is not the embedding; `files` holds the paths of their files."""
    (file, head), (other, embedding) = places
    if not equal_tensors(files[file], head, files[other], embedding):
        raise InputError(f"{file}: {OTHER_HEAD}")


def equal_tensors(first: Path, one: DeclaredTensor, second: Path, other: DeclaredTensor) -> bool:
    """Whether two tensors, of one file or of two, have the same shape and values; read in pieces.

    Tensors of different types are compared as float32, which is what the loader makes of both.
    """
    import numpy as np

    if one.shape != other.shape:
        return False
    count = math.prod(one.shape)
    with first.open("rb") as left, second.open("rb") as right:
        left.seek(one.begin)
        right.seek(other.begin)
        for start in range(0, count, PIECE):
            size = min(PIECE, count - start)
            pieces = (
                as_float32(np.frombuffer(file.read(size * WIDTHS[kind]), dtype=f"<u{WIDTHS[kind]}"), kind)
                for file, kind in ((left, one.dtype), (right, other.dtype))
            )
            if not np.array_equal(next(pieces), next(pieces)):
                return False
    return True
