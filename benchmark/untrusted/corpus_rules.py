"""Which texts a submitted corpus may have, and how they are stored: unchanged, as data."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import InputError

MIN_TEXTS = 2
MAX_TEXTS = 100_000
MAX_TEXT_CHARACTERS = 1_000_000


def distinct_texts(texts: Sequence[str], source: str | Path) -> tuple[list[str], int]:
    """The texts without repetitions, in their order, and the number of repetitions.

    A text is the unit of replication, so with a repeated one the same run would count twice. Everything else is
    checked when texts are read (`submitted_texts`). The message names `source`.

    Raises:
        InputError: fewer than two distinct texts.
    """
    distinct = list(dict.fromkeys(texts))
    if len(distinct) < MIN_TEXTS:
        raise InputError(
            f"{source}: {len(distinct)} distinct text(s) in {len(texts)}: one text drives one run, so give at least "
            f"{MIN_TEXTS} (3 for any verdict; a text file holds one text per line, which ends at LF or CRLF)"
        )
    return distinct, len(texts) - len(distinct)


def write_texts(texts: Sequence[str], path: Path) -> None:
    """Write one JSON object per line with the key `text`, in ASCII, so that no text can disturb a terminal."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
