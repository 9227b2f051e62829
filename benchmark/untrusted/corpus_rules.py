"""What the texts of a submitted corpus may be, and how they are stored: unchanged, as data."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import InputError

MIN_TEXTS = 2
MAX_TEXTS = 100_000
MAX_TEXT_CHARACTERS = 1_000_000


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], int]:
    """The texts without repetitions, in their order, and the number of repetitions.

    A text is the unit of replication, so a repeated one would count the same run twice.

    Raises:
        InputError: a text that is blank, too long, or holds NUL or half a surrogate pair; fewer than two
            distinct texts, or too many.
    """
    if len(texts) > MAX_TEXTS:
        raise InputError(f"{len(texts)} texts, at most {MAX_TEXTS} are accepted: submit a sample")
    for number, text in enumerate(texts):
        _check_text(number, text)
    distinct = list(dict.fromkeys(texts))
    if len(distinct) < MIN_TEXTS:
        raise InputError(
            f"{len(distinct)} distinct text(s): one text drives one run, so give at least {MIN_TEXTS} "
            "(3 for any verdict; a text file holds one text per line)"
        )
    return distinct, len(texts) - len(distinct)


def _check_text(number: int, text: str) -> None:
    if not text.strip():
        raise InputError(f"text {number} has no token: it is empty or blank, remove it")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InputError(f"text {number} has {len(text)} characters, at most {MAX_TEXT_CHARACTERS}: split it")
    if "\0" in text:
        raise InputError(f"text {number} holds a NUL character at {text.index(chr(0))}: remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"text {number} holds half a surrogate pair at {error.start}: it is not Unicode text"
        ) from None


def write_texts(texts: Sequence[str], path: Path) -> None:
    """Write one JSON object per line with the key `text`, in ASCII, so that no text can disturb a terminal."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
