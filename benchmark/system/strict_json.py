"""JSON from strangers: bounded in depth, no key twice, an object; and a walk through nested values."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.errors import InputError

# Keys by which the Hub's libraries load code that lies beside a model.
CODE_KEYS = frozenset({"auto_map", "custom_pipelines", "trust_remote_code", "custom_generate"})

POINTER = b"version https://git-lfs.github.com/spec/"


def refuse_unfetched(start: bytes, source: str) -> None:
    """Raise InputError where a file that begins with `start` is empty or a pointer of git-lfs."""
    if not start:
        raise InputError(f"{source}: an empty file, truncated to 0 bytes: copy or download it again")
    if start.startswith(POINTER):
        raise InputError(
            f"{source}: a pointer of git-lfs in place of the file: run `git lfs pull` in its clone"
        )


def parse_object(data: bytes, source: str) -> dict[str, Any]:
    """The JSON object of `data`.

    Raises:
        InputError: empty, a pointer of git-lfs, not UTF-8, not JSON, too deep, a key twice, a number that is not
            finite, or no object.
    """
    refuse_unfetched(data, source)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: not plain JSON ({str(error)[:120]}): write it again") from None
    if not isinstance(value, dict):
        raise InputError(f"{source}: expected a JSON object, got {type(value).__name__}")
    return value


def refuse_code(value: object, source: str) -> None:
    """Raise InputError where a key, however deep, names code to be loaded.

    `trust_remote_code: false` asks for nothing and passes.
    """
    for _, item in walk(value):
        for key in sorted(CODE_KEYS & item.keys()) if isinstance(item, dict) else ():
            if item[key] not in (False, None):
                raise InputError(f"{source}: '{key}' asks to run the submitter's code: remove it")


def walk(value: object) -> Iterator[tuple[str, Any]]:
    """`value` and everything inside its mappings, lists and tuples, in order, each with its dotted keys."""
    left: list[tuple[str, Any]] = [("", value)]
    while left:
        where, item = left.pop()
        yield where, item
        if isinstance(item, Mapping):
            left += reversed(
                [(f"{where}.{key}" if where else str(key), inner) for key, inner in item.items()]
            )
        elif isinstance(item, list | tuple):
            left += [(where, inner) for inner in reversed(item)]


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` for `json`; raises ValueError where a key is given twice."""
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key is given twice")
    return unique


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
