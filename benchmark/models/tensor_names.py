"""Names and shapes of a model's stored tensors, and the files that an index names. Light: nothing is loaded."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmark.errors import InputError
from benchmark.system.strict_json import parse_object

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
EMBEDDING = "model.decoder.embed_tokens.weight"
HEAD = "lm_head.weight"
# Never loaded: the head, which the embedding stands for, and a marker that fairseq's converter left in OPT's files.
IGNORED = (HEAD, "model.decoder.version")
OTHER_HEAD = (
    f"{HEAD} differs from {EMBEDDING}, which would be scored in its place: only a tied head is known, so use a "
    "model whose head and embedding are one tensor"
)


def other_tied(name: str, first: str) -> str:
    """What is said of a stored tensor that differs from the one that it is tied to."""
    return (
        f"{name} differs from {first}, to which it is tied by config.json: set tie_word_embeddings to false, or save "
        "the model again"
    )


def stored_name(names: Iterable[str], wanted: str) -> str | None:
    """The name under which a tensor of a model is stored, which may lack a prefix or have one more."""
    for name in names:
        if name == wanted or wanted.endswith(f".{name}") or name.endswith(f".{wanted}"):
            return name
    return None


def state_dict_name(stored: str) -> str:
    """The name in `OPTForCausalLM`'s state dict of a stored tensor, which may lack the prefix `model.`."""
    return "model." + stored if stored.startswith("decoder.") else stored


def index_files(index: bytes, source: str) -> list[str]:
    """The files that the index of a sharded model names, sorted; all lie beside it.

    Raises:
        InputError: the index is not plain JSON, has no `weight_map`, or names a file of another folder.
    """
    names = parse_object(index, source).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise InputError(f"{source} has no weight_map: save the model again")
    for name in names.values():
        if not isinstance(name, str) or Path(name).name != name:
            raise InputError(f"{source} names {name!r:.100}, not a file of its folder: save the model again")
    return sorted(set(names.values()))


def match_shapes(
    stored: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], source: str
) -> None:
    """Raise InputError unless the tensors are those that `config.json` asks for, in their shapes.

    A stored head must have the embedding's shape.
    """
    expected = {**expected, **({HEAD: expected[EMBEDDING]} if HEAD in stored else {})}
    for name, shape in expected.items():
        if name not in stored:
            raise InputError(f"{source}: {name} is missing, config.json asks for it: correct config.json")
        if stored[name] != shape:
            tied = ", which is the embedding's: tie them" if name == HEAD else ": correct either"
            raise InputError(f"{source}: {name} has shape {stored[name]}, config.json says {shape}{tied}")
    if unknown := sorted(stored.keys() - expected.keys() - set(IGNORED)):
        raise InputError(f"{source}: unknown tensor {unknown[0]!r:.80}: correct config.json")
