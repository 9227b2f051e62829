"""The settings of an arm that go to its generator as keyword arguments: their names and types."""

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmark.errors import InputError
from benchmark.settings.names import nearest


def bound(
    function: Callable[..., Any], options: Mapping[str, Any], where: str, known: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The keyword arguments of a generator, each checked against its annotation.

    Args:
        function: a generator of attempts; its first parameter is the start of the run.
        options: settings as they were read from YAML.
        where: of the settings, for messages.
        known: names of the settings that all arms have.

    Raises:
        InputError: a setting has no parameter or another type, or a parameter without a default is not set.
    """
    parameters = list(inspect.signature(function).parameters.values())[1:]
    names = {one.name: one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)}
    hints = typing.get_type_hints(function)
    for name in options:
        if name not in names:
            raise InputError(f"{where}.{name}: unknown key{nearest(name, [*names, *known])}")
    for name, one in names.items():
        if one.default is one.empty and name not in options:
            raise InputError(f"{where}.{name}: not set, and its arm has no default for it")
    return {name: _typed(value, hints.get(name, Any), f"{where}.{name}") for name, value in options.items()}


def _typed(value: Any, hint: Any, where: str) -> Any:
    try:
        # As JSON, so that a list may stand for a tuple and everything else is strict.
        return TypeAdapter(hint).validate_json(json.dumps(value), strict=True)
    except (ValidationError, ValueError, TypeError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{where}: {value!r}: {said}") from None
