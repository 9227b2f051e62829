"""A stored head, or another tied tensor, must equal what is used in its place."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tensor_names import (
    EMBEDDING,
    HEAD,
    OTHER_HEAD,
    other_tied,
    state_dict_name,
    stored_name,
)

OF_OPT = {HEAD: EMBEDDING}


def check_head(
    files: Mapping[str, Iterable[str]], path_of: Callable[[str], Path], tied: Mapping[str, str] = OF_OPT
) -> None:
    """Raise InputError if a stored head, or another tied tensor, differs from what it is tied to.

    No model is loaded.

    Args:
        files: names of the tensors in each file of weights.
        path_of: the path at which a file of that name can be read; called only if both tensors are stored.
        tied: names of the model's tensors, by the names of those that are tied to them.
    """
    from benchmark.models.weights import same_values

    places = {key: file for file, keys in files.items() for key in keys}
    of_opt = {state_dict_name(key): key for key in places} if tied is OF_OPT else None
    for pair in tied.items():
        one, other = (of_opt.get(name) if of_opt else stored_name(places, name) for name in pair)
        if one is None or other is None or one == other:
            continue
        if not same_values(path_of(places[one]), one, path_of(places[other]), other):
            told = OTHER_HEAD if tied is OF_OPT else other_tied(*pair)
            raise InputError(f"{places[one]}: {told}")
