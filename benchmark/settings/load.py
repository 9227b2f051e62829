"""Read settings from a `params.yaml`. No other module does this.

Unknown keys, names that DVC or a shell could misread, and values out of range are refused with one line
that says what, where and how to fix it.
"""

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
from benchmark.system.strict_yaml import parse_yaml, read_yaml


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
    return f"{shown}: {message}" if shown else message


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
