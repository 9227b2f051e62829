"""A text of a corpus, from the corpus to the run that it drives, and the file in which the stage `corpus` stores it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.schema.stored_columns import TEXTS
from benchmark.system.content_hash import digest

ID_LENGTH = 16


@dataclass(frozen=True)
class CorpusText:
    """One text: its row in the corpus (from 0), an id that depends on its content alone, and its characters."""

    index: int
    text_id: str
    text: str


def text_id(text: str) -> str:
    """The first 16 hex digits of the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def fingerprint(texts: Iterable[str]) -> str:
    """sha256 over the texts in their order."""
    return digest(list(texts))


def text_table(corpora: Mapping[str, Iterable[CorpusText]]) -> pa.Table:
    """All texts of some corpora, by name, with the columns of `schema.stored_columns.TEXTS`."""
    rows = [(name, text.index, text.text_id, text.text) for name, texts in corpora.items() for text in texts]
    columns = list(zip(*rows, strict=True)) or [()] * len(TEXTS)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, TEXTS, strict=True)], schema=TEXTS
    )


def stored_texts(folder: Path) -> list[CorpusText]:
    """The texts that the stage `corpus` wrote to its folder."""
    rows = pq.read_table(folder / "texts.parquet").to_pylist()
    return [CorpusText(row["index"], row["text_id"], row["text"]) for row in rows]
