"""A stored head must equal the embedding, which is used in its place."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tensor_names import EMBEDDING, HEAD, OTHER_HEAD, state_dict_name


def check_head(files: Mapping[str, Iterable[str]], path_of: Callable[[str], Path]) -> None:
    """Raise InputError if a stored head differs from the embedding. No model is loaded.

    Args:
        files: names of the tensors in each file of weights.
        path_of: the path at which a file of that name can be read; called only if both tensors are stored.
    """
    places = {state_dict_name(key): (file, key) for file, keys in files.items() for key in keys}
    if {HEAD, EMBEDDING} <= places.keys():
        from benchmark.models.weights import same_values

        (file, head), (other, embedding) = places[HEAD], places[EMBEDDING]
        if not same_values(path_of(file), head, path_of(other), embedding):
            raise InputError(f"{file}: {OTHER_HEAD}")
