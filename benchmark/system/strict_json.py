"""JSON written by strangers: bounded in size and depth, no doubled keys, objects only."""

import json
from typing import Any

from benchmark.errors import InputError

# Keys by which the Hub's libraries load code that lies beside a model.
CODE_KEYS = frozenset({"auto_map", "custom_pipelines", "trust_remote_code", "custom_generate"})


def parse_object(data: bytes, source: str) -> dict[str, Any]:
    """The JSON object of `data`.

    Raises:
        InputError: not UTF-8, not JSON, too deep, a doubled key, a number that is not finite, or no object.
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refused_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: no plain JSON ({str(error)[:120]}): write it again") from None
    if not isinstance(value, dict):
        raise InputError(f"{source}: expected a JSON object, found {type(value).__name__}")
    return value


def refuse_code(value: object, source: str) -> None:
    """Raise InputError where a key, however deep, names code to be loaded.

    `trust_remote_code: false` asks for nothing and passes.
    """
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            for key in sorted(CODE_KEYS & item.keys()):
                if item[key] not in (False, None):
                    raise InputError(f"{source}: '{key}' asks for code of the submitter to be run: remove it")
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refused_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
