"""Corpora as texts: tables, text files and folders read strictly; one text drives one run.

A table's text is in the column ``text``, or the one named, or the only one (``delimited_texts.py``). A plain text
file has one text per line (LF or CRLF); a folder has one text per file, in the order of their paths. A file of a
folder whose first line ends at CRLF is read with LF line ends. Files with other endings are refused.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmark.corpora.other_formats import refuse_other_format, refuse_structured_lines
from benchmark.corpora.texts import CorpusText, text_id
from benchmark.errors import InputError
from benchmark.public_data.delimited_texts import TABLES, UNREAD, check_line, table_texts
from benchmark.public_data.file_readers import read_by_line, read_whole
from benchmark.public_data.hub_files import check_pin, hub_file, hub_listing
from benchmark.public_data.public_files import locate

LINES = ("", ".txt", ".text")
"""Endings of files with one text per line."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffd")
"""Letters and symbols that show nothing, and the one that stands for a character that was lost."""


@dataclass(frozen=True)
class Limits:
    """Limits on the size of a corpus; the defaults suit one's own files, files from outside need tighter ones."""

    total_bytes: int = 4 << 30
    characters: int | None = None
    texts: int | None = None
    duplicates: bool = True
    links: bool = True


OWN = Limits()


def read_texts(
    source: str | Path, *, column: str | None = None, limit: int | None = None, limits: Limits = OWN
) -> tuple[CorpusText, ...]:
    """The texts of a file or folder in their order, at most the first ``limit``.

    Raises ``InputError``, with the place, on a missing file or column, invalid UTF-8, NUL characters, an
    empty text, or what ``limits`` forbids.
    """
    path = Path(source)
    if not limits.links and (path.is_symlink() or any(part.is_symlink() for part in path.rglob("*"))):
        raise InputError(f"{path} is or holds a symbolic link: give regular files")
    if not path.exists():
        raise InputError(f"{path} does not exist: name a file or folder of texts")
    files = _files(path)
    size = sum(file.stat().st_size for file in files)
    if size > limits.total_bytes:
        raise InputError(f"{path} holds {size} bytes, {limits.total_bytes} are allowed: cut it down")
    ending = "" if path.is_dir() else known_ending(path)
    for file in files:
        refuse_other_format(file)
    if path.is_dir():
        found: Iterable[tuple[str, str]] = ((str(file), _whole(file)) for file in files)
    else:
        found = table_texts(path, column) if ending in TABLES else _lines(path)
    return _checked(found, str(path), limits, limit)


def known_ending(path: Path) -> str:
    """The ending of a file in lower case; raises ``InputError`` where files of that ending are not read."""
    ending = path.suffix.lower()
    if not ending and path.name.startswith("."):
        raise InputError(f"{path}: the name is an ending alone: call it texts{path.name}, say")
    if ending in UNREAD:
        raise InputError(
            f"{path} is a table of ending {ending!r}, which is not read: save it as .csv, .jsonl or .parquet"
        )
    if ending not in (*LINES, *TABLES):
        raise InputError(
            f"{path}: ending {ending!r:.20} is not known: give .txt (one text per line), .csv, .jsonl, "
            ".parquet, or a folder, in which each file is one text"
        )
    return ending


def original_texts(name: str, *, limit: int | None = None) -> tuple[CorpusText, ...]:
    """A corpus of the original study: ``github``, ``pile-cc`` or ``lm_extraction``."""
    return read_texts(locate(f"official-gap/data/train_data/{name}.csv"), column="text", limit=limit)


def hub_texts(
    dataset: str, revision: str, *, column: str = "text", limit: int | None = None, limits: Limits = OWN
) -> tuple[CorpusText, ...]:
    """Texts of a Hub data set at a commit: its tables under ``train`` if it has any, otherwise all, by name.

    Files are downloaded one by one until there are ``limit`` texts; no code of the data set runs.
    """
    check_pin(dataset, revision)
    listing = hub_listing(dataset, revision, kind="dataset")
    tables = [name for name in listing if Path(name).suffix.lower() in TABLES]
    chosen = [name for name in tables if "train" in name] or tables
    if not chosen:
        raise InputError(f"{dataset}@{revision} has no CSV, JSONL or Parquet file: choose another data set")
    if limit is None and sum(listing[name] for name in chosen) > limits.total_bytes:
        raise InputError(
            f"{dataset}@{revision} is larger than {limits.total_bytes} bytes: set a number of texts"
        )

    def rows() -> Iterator[tuple[str, str]]:
        for name in chosen:
            path = hub_file(dataset, revision, name, kind="dataset")
            if path is not None:
                yield from table_texts(path, column)

    return _checked(rows(), f"{dataset}@{revision}", limits, limit)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    inside = (file for file in path.rglob("*") if file.is_file())
    visible = (file for file in inside if not any(p.startswith(".") for p in file.relative_to(path).parts))
    return sorted(visible, key=lambda file: file.relative_to(path).as_posix())


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """One text per line; lines end at LF or CRLF, blank lines are left out."""
    content = read_by_line(path)
    refuse_structured_lines(content, path)
    for number, line in enumerate(content.split("\n"), 1):
        text = line.removesuffix("\r")
        if text.strip():
            check_line(text, f"{path} line {number}", "give as .jsonl")
            yield f"{path} line {number}", text


def _whole(file: Path) -> str:
    """A file of a folder as one text."""
    ending = file.suffix.lower()
    # Source code has settings in JSON files; those of data hold an array.
    settings = ending == ".json" and not read_whole(file).lstrip().startswith("[")
    if ending in (*TABLES, *UNREAD) and not settings:
        raise InputError(
            f"{file} is a table, and a folder holds one text per file: take it out, or give it alone as the corpus"
        )
    content = read_whole(file)
    return content.replace("\r\n", "\n") if content.partition("\n")[0].endswith("\r") else content


def _checked(
    found: Iterable[tuple[str, str]], source: str, limits: Limits, limit: int | None
) -> tuple[CorpusText, ...]:
    texts: list[CorpusText] = []
    first: dict[str, str] = {}
    size = 0
    for index, (place, text) in enumerate(islice(found, limit)):
        size += len(text)
        if size > limits.total_bytes:
            raise InputError(f"{source} unfolds into more than {limits.total_bytes} characters: cut it down")
        if limits.texts is not None and index >= limits.texts:
            raise InputError(f"{source} holds more than {limits.texts} texts: cut it down")
        check_text(text, place, limits)
        identity = text_id(text)
        if not limits.duplicates and identity in first:
            raise InputError(f"{place} repeats {first[identity]}: give each text once")
        first.setdefault(identity, place)
        texts.append(CorpusText(index, identity, text))
    if not texts:
        raise InputError(f"{source} holds no text: give one or more")
    check_count(len(texts), limit, source)
    return tuple(texts)


def check_count(count: int, wanted: int | None, source: str) -> None:
    """Raise ``InputError`` if a corpus has fewer texts than are wanted."""
    if wanted is not None and count < wanted:
        raise InputError(f"{source} holds {count} texts, {wanted} are asked for: ask for {count} or fewer")


def check_text(text: str, place: str, limits: Limits) -> None:
    """Raise ``InputError`` if a text is empty, too long, or contains an invalid character; `place` names the text."""
    if "\0" in text:
        raise InputError(f"{place} holds a NUL character: give plain text")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InputError(f"{place} holds half a surrogate pair, which is no character: fix its escapes")
    if not any(_is_visible(character) for character in text):
        raise InputError(f"{place} is empty: give a text, or remove it")
    if limits.characters is not None and len(text) > limits.characters:
        raise InputError(f"{place} has {len(text)} characters, {limits.characters} are allowed: cut it")


def _is_visible(character: str) -> bool:
    """False for white space, control and format characters, marks without a letter, and blank letters."""
    seen = unicodedata.category(character) not in ("Cc", "Cf", "Mn", "Me") and character not in _BLANK
    return seen and not character.isspace()
