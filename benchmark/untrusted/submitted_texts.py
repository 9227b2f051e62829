"""Texts from a stranger's file or folder: copied first, then read within limits."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmark.corpora.other_formats import refuse_other_format
from benchmark.corpora.text_files import LINES, Limits, hub_texts, known_ending, read_texts
from benchmark.errors import InputError
from benchmark.untrusted.corpus_rules import MAX_TEXT_CHARACTERS, MAX_TEXTS
from benchmark.untrusted.manifest import FileOrigin, HubOrigin
from benchmark.untrusted.safe_files import (
    MAX_CORPUS_BYTES,
    MAX_FOLDER_FILES,
    kind_of,
    sha256_of_files,
    stable_copy,
)

STRANGERS = Limits(
    total_bytes=MAX_CORPUS_BYTES,
    characters=MAX_TEXT_CHARACTERS,
    texts=MAX_TEXTS,
    duplicates=True,
    links=False,
)


def local_texts(source: Path, column: str | None, copy: Path) -> tuple[list[str], FileOrigin]:
    """The texts of a file (one per line, or a table's column) or folder (one per file), copied to `copy` first.

    Raises:
        InputError: links, devices, unknown endings, content beyond the limits, or content that is not text.
    """
    kind = kind_of(source)
    if kind == "folder":
        size = _copy_tree(source, copy)
        if column is not None:
            raise InputError(f"{source}: a folder has no column {column!r}: leave --column out")
        texts = _read(copy, source, None)
        return texts, FileOrigin(
            kind="folder", name=shown_name(source), bytes=size, sha256=_tree_sha256(copy)
        )
    ending = known_ending(source)
    copy = copy.with_suffix(ending)
    stored = stable_copy(source, copy, MAX_CORPUS_BYTES)
    if ending in LINES and column is not None:
        raise InputError(f"{source}: a text file has no column {column!r}: leave --column out")
    texts = _read(copy, source, column)
    return texts, FileOrigin(
        kind="file", name=shown_name(source), column=column, bytes=stored.bytes, sha256=stored.sha256
    )


def remote_texts(source: HubOrigin, limit: int | None) -> list[str]:
    """The texts of a data set of the Hub at its commit.

    Raises:
        InputError: it cannot be downloaded completely, repeats a text, or has content that is refused in local files.
    """
    limits = replace(STRANGERS, duplicates=False)
    texts = hub_texts(source.id, source.revision, column=source.column or "text", limit=limit, limits=limits)
    return [text.text for text in texts]


def _read(copy: Path, source: Path, column: str | None) -> list[str]:
    """The texts of a copy; errors name the source."""
    try:
        if copy.suffix == ".parquet":
            refuse_other_format(copy)
            _refuse_large_table(copy)
        return [text.text for text in read_texts(copy, column=column, limits=STRANGERS)]
    except InputError as error:
        raise InputError(str(error).replace(str(copy), str(source))) from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise InputError(
            f"{source}: not readable as {copy.suffix or 'text'} ({str(error)[:100]}): fix the file"
        ) from None


def _refuse_large_table(copy: Path) -> None:
    """Raise InputError if a Parquet file, however small, declares a content beyond the limits."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(copy)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{copy} is not a readable Parquet file ({str(error)[:100]}): write it again"
        ) from None
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows > MAX_TEXTS or size > 4 * MAX_CORPUS_BYTES:
        raise InputError(
            f"{copy} declares more than {MAX_TEXTS} texts or {4 * MAX_CORPUS_BYTES} bytes: make it smaller"
        )


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
        raise InputError(f"{source}: an empty folder: put one text in each file")
    return size


def _walk(folder: Path, relative: Path) -> Iterator[tuple[Path, Path]]:
    if len(relative.parts) > 8:
        raise InputError(f"{folder}: more than 8 levels of folders: flatten it")
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
    return sha256_of_files(folder, (file.relative_to(folder).as_posix() for file in files))


def shown_name(path: Path) -> str:
    """The last part of a path as printable ASCII, to be shown to people."""
    return ascii(path.resolve().name)[1:-1][:200]
