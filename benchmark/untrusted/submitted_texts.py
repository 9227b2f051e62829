"""Texts out of a file or folder that a stranger made: copied first, then read within bounds."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.corpora.text_files import LINES, Limits, check_text, hub_texts, read_texts
from benchmark.errors import InputError
from benchmark.public_data.delimited_texts import TABLES, text_column
from benchmark.untrusted.corpus_rules import MAX_TEXT_CHARACTERS, MAX_TEXTS
from benchmark.untrusted.manifest import FileOrigin, HubOrigin
from benchmark.untrusted.safe_files import MAX_CORPUS_BYTES, MAX_FOLDER_FILES, kind_of, sha256_of, stable_copy
from benchmark.untrusted.submission_source import HubSource

STRANGERS = Limits(
    total_bytes=MAX_CORPUS_BYTES,
    characters=MAX_TEXT_CHARACTERS,
    texts=MAX_TEXTS,
    duplicates=True,
    links=False,
)


def local_texts(source: Path, column: str | None, copy: Path) -> tuple[list[str], FileOrigin]:
    """The texts of a file (a line each, or a table's column) or folder (a file each), copied to `copy` first.

    Raises:
        InputError: links, devices, unknown endings, more than the caps, or content that is no text.
    """
    kind = kind_of(source)
    if kind == "folder":
        size = _copy_tree(source, copy)
        if column is not None:
            raise InputError(f"{source}: a folder has no column {column!r}: leave --column out")
        texts = _shielded(copy, source, None)
        return texts, FileOrigin(kind="folder", name=_name(source), bytes=size, sha256=_tree_sha256(copy))
    ending = source.suffix.lower()
    if ending not in (*LINES, *TABLES):
        raise InputError(
            f"{source}: ending {ending!r:.20} is not known: give .txt (a text a line), .csv, .jsonl, "
            ".parquet or a folder"
        )
    copy = copy.with_suffix(ending)
    stored = stable_copy(source, copy, MAX_CORPUS_BYTES)
    if ending in LINES and column is not None:
        raise InputError(f"{source}: a text file has no column {column!r}: leave --column out")
    texts = _parquet(copy, source, column) if ending == ".parquet" else _shielded(copy, source, column)
    origin = FileOrigin(
        kind="file", name=_name(source), column=column, bytes=stored.bytes, sha256=stored.sha256
    )
    return texts, origin


def remote_texts(source: HubSource, limit: int | None) -> tuple[list[str], HubOrigin]:
    """The texts of a data set of the Hub at its commit.

    Raises:
        InputError: it cannot be fetched whole, repeats a text, or holds what a local file may not hold.
    """
    strict = Limits(
        STRANGERS.total_bytes, STRANGERS.characters, STRANGERS.texts, duplicates=False, links=False
    )
    found = hub_texts(source.id, source.revision, column=source.column or "text", limit=limit, limits=strict)
    origin = HubOrigin(kind="hub", id=source.id, revision=source.revision, column=source.column)
    return [text.text for text in found], origin


def _shielded(copy: Path, source: Path, column: str | None) -> list[str]:
    """`read_texts` on the copy, its faults told of the source."""
    try:
        return [text.text for text in read_texts(copy, column=column, limits=STRANGERS)]
    except InputError as error:
        raise InputError(str(error).replace(str(copy), str(source))) from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise InputError(
            f"{source}: not readable as {copy.suffix or 'text'} ({str(error)[:100]}): mend it"
        ) from None


def _parquet(copy: Path, source: Path, column: str | None) -> list[str]:
    """A string column of a Parquet file, a few rows at a time: a small file may unfold into a huge table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(copy) as file:
            wanted = text_column(file.schema_arrow.names, column, str(source))
            kind = file.schema_arrow.field(wanted).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise InputError(f"{source}: column {wanted!r:.60} is {kind!s:.60}: give a column of strings")
            if file.metadata.num_rows > MAX_TEXTS or _unfolded(file.metadata) > 4 * MAX_CORPUS_BYTES:
                raise InputError(
                    f"{source}: unfolds beyond {MAX_TEXTS} texts or {4 * MAX_CORPUS_BYTES} bytes"
                )
            return _strings(file, wanted, source)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{source}: no readable Parquet file ({str(error)[:100]}): write it again") from None


def _unfolded(metadata: Any) -> int:
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


def _strings(file: Any, column: str, source: Path) -> list[str]:
    texts: list[str] = []
    size = 0
    for batch in file.iter_batches(batch_size=64, columns=[column]):
        size += batch.nbytes
        if size > 2 * MAX_CORPUS_BYTES:
            raise InputError(
                f"{source}: unfolds into more than {2 * MAX_CORPUS_BYTES} bytes: give fewer texts"
            )
        values = batch.column(0).to_pylist()
        for value in values:
            place = f"{source} row {len(texts) + 1}"
            if value is None:
                raise InputError(f"{place} has nothing in place of a text: give a text, or remove it")
            check_text(value, place, STRANGERS)
            texts.append(value)
    return texts


def _copy_tree(source: Path, target: Path) -> int:
    """Copy the visible files of a folder and those below it; returns their bytes."""
    size = files = 0
    for file, relative in _walk(source, Path()):
        files += 1
        if files > MAX_FOLDER_FILES:
            raise InputError(f"{source}: more than {MAX_FOLDER_FILES} files: join them into one table")
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        size += stable_copy(file, place, MAX_CORPUS_BYTES - size).bytes
    if not files:
        raise InputError(f"{source}: an empty folder: give one text a file")
    return size


def _walk(folder: Path, relative: Path) -> Iterator[tuple[Path, Path]]:
    if len(relative.parts) > 8:
        raise InputError(f"{folder}: more than 8 folders deep: flatten it")
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}: give a folder that can be read") from None
    for name in names:
        if name.startswith("."):
            continue
        path = folder / name
        if kind_of(path) == "folder":
            yield from _walk(path, relative / name)
        else:
            yield path, relative / name


def _tree_sha256(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_of(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _name(path: Path) -> str:
    """The last part of a path as printable ASCII: it is shown to people."""
    return ascii(path.resolve().name)[1:-1][:200]
