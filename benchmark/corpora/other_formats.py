"""Files of another format than their ending says, which would be read as wrong texts or refused for a wrong reason."""

import json
from pathlib import Path

from benchmark.errors import InputError
from benchmark.public_data.delimited_texts import HEADERS

_UNPACK = "unpack it"
_SIGNATURES = {
    b"PK\x03\x04": ("a ZIP archive, as .xlsx and .docx files are", "save a table as CSV, a document as text"),
    b"\xd0\xcf\x11\xe0": ("a file of an older Office", "save a table as CSV, a document as text"),
    b"\x1f\x8b": ("compressed by gzip", _UNPACK),
    b"\xfd7zXZ": ("compressed by xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", _UNPACK),
    b"%PDF-": ("a PDF", "save its text as plain text"),
    b"{\\rtf": ("a document in RTF", "save it as plain text"),
    b"PAR1\x15": ("a Parquet file", "name it .parquet"),
    b"version https://git-lfs.github.com/spec/": ("a pointer of Git LFS, not the file", "`git lfs pull`"),
}
"""First bytes, what they say a file is, and the remedy."""


def refuse_other_format(path: Path) -> None:
    """Raise ``InputError`` where the first bytes of a file are those of another format, or of a web page."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a file that can") from None
    ending = path.suffix.lower()
    for signature, (what, remedy) in _SIGNATURES.items():
        if head.startswith(signature) and not (ending == ".parquet" and signature.startswith(b"PAR1")):
            raise InputError(f"{path} is {what}: {remedy}")
    page = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith((b"<!doctype html", b"<html"))
    if page and ending in ("", ".txt", ".text", ".csv", ".jsonl"):
        raise InputError(
            f"{path} is a web page (HTML): fetch the file itself; give pages that are texts as .jsonl or a folder of "
            ".html files"
        )


def refuse_structured_lines(content: str, path: Path) -> None:
    """Raise ``InputError`` where a text file of one text per line holds JSON or a table."""
    lines = [line.strip() for line in content.split("\n") if line.strip()]
    first = lines[0] if lines else ""
    if _is_json(first, dict) or _is_json(content, (dict, list)):
        raise InputError(
            f"{path} holds JSON, not one text per line: write one object with the key 'text', or one string, per line "
            "and name it .jsonl"
        )
    tabs = {line.count("\t") for line in lines}
    named = any(
        separator in first
        and HEADERS & {name.strip(' "').casefold() for name in first.split(separator)}
        and len({line.count(separator) for line in lines}) == 1
        for separator in ",;\t|"
    )
    if named or first.strip('"').casefold() == "text" or (len(lines) > 1 and len(tabs) == 1 and tabs != {0}):
        raise InputError(
            f"{path} holds a table, not one text per line: separate its columns by commas, call that of the texts "
            "'text', and name it .csv; give texts that hold tabs as .jsonl"
        )


def _is_json(text: str, kind: type | tuple[type, ...]) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, kind) and bool(value)
