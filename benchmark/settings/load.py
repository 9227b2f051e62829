"""Read settings from a `params.yaml`. No other module does this.

Unknown keys, names that DVC or a shell could misread, and values out of range are refused with one line
that says what, where and how to fix it.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from benchmark.errors import InputError
from benchmark.settings.arm_specs import UNKNOWN
from benchmark.settings.names import nearest
from benchmark.settings.section import Section
from benchmark.settings.task_suite import BY_NAME, BY_TASKS
from benchmark.settings.track_settings import Settings
from benchmark.system.strict_json import walk
from benchmark.system.strict_yaml import OddNumber, parse_yaml, read_yaml


def load_settings(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Settings of one track.

    Args:
        path: the track's `params.yaml`.
        overrides: `key=value` with a dotted key and a YAML value, as `--set` takes them.

    Raises:
        InputError: one line that names the key, the fault and the nearest known key.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping of sections such as 'models' and 'corpora'")
    for override in overrides:
        _apply(raw, override)
    settings = validate(raw, str(path))
    return settings.placed(path.resolve().parent)


def validate(raw: Mapping[str, Any], source: str) -> Settings:
    """Typed settings from plain data.

    Raises:
        InputError: one line that names the key and the fault.
    """
    for where, value in walk(raw):
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{source}: {where}: {value} is not a finite number: write one that is")
        if isinstance(value, OddNumber):
            raise InputError(
                f"{source}: {where}: {value} is another number to other readers of YAML: write decimal digits, or "
                "text in quotes"
            )
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{source}: {describe(error)}") from None


def _apply(raw: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise InputError(f"--set {override!r}: expected key=value, such as posttrain.max_steps=5")
    if parts[0] not in Settings.model_fields:
        raise InputError(f"--set {key}: no section '{parts[0]}'{nearest(parts[0], Settings.model_fields)}")
    target = raw
    for part in parts[:-1]:
        child = target.setdefault(part, {})
        if not isinstance(child, dict):
            raise InputError(f"--set {key}: '{part}' has no keys of its own")
        target = child
    target[parts[-1]] = parse_yaml(value, f"--set {key}")


def describe(error: ValidationError) -> str:
    """The first fault of a validation as one line: where, what, and the nearest known key."""
    faults = error.errors(include_url=False)
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = [str(part) for part in first["loc"]]
    kinds = {"micro", "hub", "folder", "original", "file", BY_NAME, BY_TASKS}
    shown = ".".join(part for part in where if part not in kinds)
    if first["type"] == "extra_forbidden":
        known = _known_keys(where[:-1])
        return f"{shown}: unknown key{nearest(where[-1], sorted(known))}"
    if first["type"] == UNKNOWN:
        return f"{shown}.{first['ctx']['key']}: {first['msg']}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in _REMEDIES:
        message = f"found {repr(first['input'])[:80]}: {_REMEDIES[first['type']]}"
    return f"{shown}: {message}" if shown else message


_REMEDIES = {
    "string_type": "write text, in quotes if it is made of digits",
    "int_type": "write a whole number, without quotes and without a decimal point",
    "float_type": "write a number, without quotes and with a decimal point, such as 0.5",
    "bool_type": "write true or false, without quotes",
    "tuple_type": "write a list in brackets, such as [a, b]",
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type"), "write a mapping, such as {key: value}"
    ),
    "union_tag_not_found": "name its kind, as in {kind: micro, ...}",
    "invalid_key": "a key is text: write 0.5 with a decimal point, and names made of digits in quotes",
}


def _known_keys(where: Sequence[str]) -> set[str]:
    """Names of the fields of the section at `where` (a path as pydantic reports it)."""
    sections: list[type[Section]] = [Settings]
    for part in where:
        fields = [section.model_fields[part] for section in sections if part in section.model_fields]
        if fields:
            sections = [found for field in fields for found in _sections(field.annotation)]
        else:  # a name in a mapping, which leaves the sections, or the kind that chooses one of them
            of_kind = [
                one
                for one in sections
                if Literal[part] == getattr(one.model_fields.get("kind"), "annotation", None)
            ]
            sections = of_kind or sections
    return {name for section in sections for name in section.model_fields}


def _sections(annotation: Any) -> list[type[Section]]:
    """The sections that a field's type names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _sections(inner)]
