"""Results of a function kept by what its arguments say."""

import functools
from collections.abc import Callable
from typing import Any


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """`functools.cache` for arguments that are not hashable: calls with the same `repr` of arguments are the same."""
    found: dict[str, Any] = {}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        key = repr((args, sorted(kwargs.items())))
        if key not in found:
            found[key] = function(*args, **kwargs)
        return found[key]

    return call
