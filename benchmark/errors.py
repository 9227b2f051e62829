"""The errors that a command reports in one line: refused input, a failed check, and files that fail."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """Input is refused; the message is one line that says what is wrong, where, and how to fix it (exit code 2)."""


class CheckFailed(RuntimeError):
    """The command ran, and what it checks does not hold (exit code 1)."""


FULL = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}
)
"""Faults of the machine that name no file when they come up while a file is written."""


def is_of_the_machine(error: OSError) -> bool:
    """Whether the error is about a file outside this package, or about a disk; otherwise it is the program's."""
    if error.filename is None or isinstance(error.filename, int):
        return error.errno in FULL
    return Path(__file__).parent not in Path(os.fsdecode(error.filename)).absolute().parents


def os_refusal(error: OSError) -> str:
    """The error as one line that names the file, where it has one, and what to do."""
    name = error.filename2 or error.filename
    where = "a file" if name is None else os.fsdecode(name)
    advice = "make room" if error.errno in FULL else "check this path, or name another"
    return f"{where}: {error.strerror or error}: {advice}"


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
