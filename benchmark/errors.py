"""The two errors that a command reports in one line: refused input, and a failed check."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """Input is refused; the message is one line that says what is wrong, where, and how to fix it (exit code 2)."""


class CheckFailed(RuntimeError):
    """The command ran, and what it checks does not hold (exit code 1)."""


@contextmanager
def naming_source(source: str | Path, *copies: Path, prefix: bool = True) -> Iterator[None]:
    """Refusals inside the block name ``source``, which the user gave, instead of ``copies`` made of it.

    A refusal that names neither begins with the source, unless ``prefix`` is false.
    """
    try:
        yield
    except InputError as error:
        message = str(error)
        for copy in copies:
            message = message.replace(str(copy), str(source))
        named = not prefix or message != str(error) or message.startswith(str(source))
        raise InputError(message if named else f"{source}: {message}") from None
