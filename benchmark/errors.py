"""The two ways in which a command says no: refused input, and a check that did not hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """Input is refused; the message is one line that says what, where and how to mend it (exit code 2)."""


class CheckFailed(RuntimeError):
    """The command ran and what it checks did not hold (exit code 1)."""


@contextmanager
def told_of(source: str | Path, *copies: Path, in_front: bool = True) -> Iterator[None]:
    """Refusals inside the block name ``source``, what the user gave, in place of ``copies`` made of it.

    A refusal that names neither gets the source in front, unless ``in_front`` is false.
    """
    try:
        yield
    except InputError as error:
        told = str(error)
        for copy in copies:
            told = told.replace(str(copy), str(source))
        named = not in_front or told != str(error) or told.startswith(str(source))
        raise InputError(told if named else f"{source}: {told}") from None
