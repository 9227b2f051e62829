"""Corpora and names that are refused with one line, nothing written, nothing executed."""

import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus
from benchmark.untrusted import safe_files, submitted_texts

CAP = 1_000_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"

NAMES = [
    "..", ".", "a/b", "/etc/passwd", "a b", "a.b", "x; touch f", "$(touch f)", "`touch f`", "a&b", "a|b",
    "a\nb", "a\0b", "-rf", "a--b", "a-", "Seen", "é", "", "350", "1e5", "0x1f", "true", "no", "null",
    "nan", "inf",
    "y", "on", "none", "${track.name}", "{{x}}", "a" * 61,
    "seen", "micro-1", "gap",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["corpus", "model"])
def test_names_are_refused(
    texts_file: Path, model_template: Path, refused: Callable[..., str], name: str, kind: str
) -> None:
    assert "name" in refused(kind, texts_file if kind == "corpus" else model_template, name)


@pytest.mark.parametrize("kind", ["corpus", "model"])
def test_the_name_of_another_submission_is_refused(
    repository: Path, texts_file: Path, model_template: Path, refused: Callable[..., str], kind: str
) -> None:
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    assert "taken" in refused(kind, texts_file if kind == "corpus" else model_template)


def lines(folder: Path, *content: bytes, name: str = "source.txt") -> Path:
    path = folder / name
    path.write_bytes(b"\n".join(content))
    return path


def parquet(folder: Path, column: pa.Array, name: str = "text") -> Path:
    path = folder / "source.parquet"
    pq.write_table(pa.table({name: column}), path)
    return path


def link(folder: Path) -> Path:
    lines(folder, b"one", b"two")
    (folder / "link.txt").symlink_to(folder / "source.txt")
    return folder / "link.txt"


def folder_with_link(folder: Path) -> Path:
    inner = folder / "texts"
    inner.mkdir()
    lines(inner, b"one", name="a.txt")
    (inner / "b.txt").symlink_to("/etc/passwd")
    return inner


def linked_folder(folder: Path) -> Path:
    lines(folder, b"one", name="a.txt")
    (folder / "link").symlink_to(folder)
    return folder / "link"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.txt")
    return folder / "pipe.txt"


def unix_socket(folder: Path) -> Path:
    path = Path("/tmp") / f"gapbench-{os.getpid()}.txt"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.close()
    path.rename(folder / "socket.txt")
    return folder / "socket.txt"


def folder_with_pipe(folder: Path) -> Path:
    inner = folder / "texts"
    (inner / "deep").mkdir(parents=True)
    os.mkfifo(inner / "deep" / "pipe")
    return inner


def sparse(folder: Path) -> Path:
    path = folder / "huge.txt"
    with path.open("wb") as file:
        file.truncate(CAP + 1)
    return path


def empty_folder(folder: Path) -> Path:
    (folder / "texts").mkdir()
    return folder / "texts"


def unfolding(folder: Path) -> Path:
    """A few kilobytes of Parquet that hold 400 texts of 20 kB: eight times the cap of these tests."""
    path = parquet(folder, pa.array([f"{number}" + "x" * 20_000 for number in range(400)]))
    assert path.stat().st_size < CAP
    return path


def pickled(folder: Path) -> Path:
    return lines(folder, pickle.dumps(["one", "two"]))


SOURCES: dict[str, tuple[Callable[[Path], Path | str], str]] = {
    "nothing there": (lambda d: d / "absent.txt", "No such file"),
    "symbolic link": (link, "symbolic link"),
    "link inside a folder": (folder_with_link, "symbolic link"),
    "link to a folder": (linked_folder, "symbolic link"),
    "device": (lambda d: "/dev/zero", "device"),
    "terminal": (lambda d: "/dev/tty", "device"),
    "pipe": (pipe, "pipe"),
    "pipe deep inside a folder": (folder_with_pipe, "pipe"),
    "socket": (unix_socket, "socket"),
    "beyond the size cap": (sparse, "bytes"),
    "invalid UTF-8": (lambda d: lines(d, b"one", b"tw\xffo"), "UTF-8"),
    "a pickle": (pickled, "UTF-8"),
    "NUL byte": (lambda d: lines(d, b"one", b"tw\0o"), "NUL"),
    "half a surrogate pair": (
        lambda d: lines(d, b'{"text":"a"}', b'{"text":"\\ud800"}', name="a.jsonl"),
        "surrogate",
    ),
    "empty file": (lambda d: lines(d), "holds no text"),
    "empty folder": (empty_folder, "empty folder"),
    "one text": (lambda d: lines(d, b"only one"), "1 distinct"),
    "one text twice": (lambda d: lines(d, b"the same", b"the same"), "1 distinct"),
    "empty text in CSV": (lambda d: lines(d, b"text,id", b"one,1", b'"",2', name="a.csv"), "empty"),
    "blank text in JSONL": (lambda d: lines(d, b'{"text":"a"}', b'{"text":" \\n"}', name="a.jsonl"), "empty"),
    "empty CSV": (lambda d: lines(d, name="a.csv"), "CSV"),
    "JSONL without the column": (
        lambda d: lines(d, b'{"a":1,"b":2}', b'{"a":2,"b":3}', name="a.jsonl"),
        "column",
    ),
    "JSONL that is not JSON": (lambda d: lines(d, b'{"text":"a"}', b"{", name="a.jsonl"), "JSON"),
    "JSONL of objects": (lambda d: lines(d, b'{"text":{"a":"b"}}', name="a.jsonl"), "dict"),
    "Parquet without the column": (lambda d: parquet(d, pa.array([{"b": "c"}]), "a"), "struct"),
    "Parquet of lists": (lambda d: parquet(d, pa.array([["a"], ["b"]])), "list"),
    "Parquet of structs": (lambda d: parquet(d, pa.array([{"a": "b"}, {"a": "c"}])), "struct"),
    "Parquet of bytes": (lambda d: parquet(d, pa.array([b"one", b"two"])), "binary"),
    "Parquet of numbers": (lambda d: parquet(d, pa.array([1, 2])), "int64"),
    "Parquet of no Parquet": (lambda d: lines(d, b"one", b"two", name="a.parquet"), "Parquet"),
    "truncated Parquet": (lambda d: truncated(parquet(d, pa.array(["one", "two"]))), "Parquet"),
    "Parquet that unfolds": (unfolding, "declares more than"),
    "unknown ending": (lambda d: lines(d, b"one", b"two", name="texts.xlsx"), "ending"),
    "archive": (lambda d: lines(d, b"PK\x03\x04", name="texts.zip"), "ending"),
    "web address": (lambda d: "https://example.org/texts.txt", "scheme"),
    "Hub without a commit": (lambda d: "hf://owner/name", "pin"),
    "Hub at a branch": (lambda d: "hf://owner/name@main", "pin"),
    "Hub at a short commit": (lambda d: f"hf://owner/name@{COMMIT[:12]}", "pin"),
    "Hub at an upper-case commit": (lambda d: f"hf://owner/name@{COMMIT.upper()}", "pin"),
    "Hub outside": (lambda d: f"hf://../../etc@{COMMIT}", "owner/name"),
    "Hub column that DVC would replace": (lambda d: f"hf://owner/name@{COMMIT}:${{track.name}}", "column"),
    "no source": (lambda d: "", "source"),
    "NUL in the source": (lambda d: "a\0b", "source"),
}


def truncated(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-20])
    return path


@pytest.mark.parametrize("case", SOURCES)
def test_sources_are_refused(
    tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(submitted_texts, "MAX_CORPUS_BYTES", CAP)
    make, said = SOURCES[case]
    source = tmp_path / "brought"
    source.mkdir()
    assert said in refused("corpus", make(source))


def test_a_text_of_no_token_is_refused(
    repository: Path, tmp_path: Path, model_template: Path, refused: Callable[..., str]
) -> None:
    """A tokenizer that knows no capital letter has no token for a text of them."""
    rung = repository / "data" / "micro" / "models" / "micro-1"
    shutil.copytree(model_template, rung / "0")
    tokenizer = json.loads((rung / "0" / "tokenizer.json").read_text(encoding="utf-8"))
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        del tokenizer["model"]["vocab"][letter]
    (rung / "0" / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (rung / "model.json").write_text('{"parameters": 3000}', encoding="utf-8")
    said = refused("corpus", lines(tmp_path, b"some small letters", b"ABC", b"more"))
    assert "text 1 has no token under the tokenizer of micro-1" in said


def test_the_check_refuses_the_same_files(tmp_path: Path) -> None:
    for number, (case, (make, _)) in enumerate(SOURCES.items()):
        source = tmp_path / str(number)
        source.mkdir()
        made = make(source)
        if isinstance(made, Path) and case not in {"Parquet that unfolds", "beyond the size cap"}:
            with pytest.raises(InputError):
                check_file(made)


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = lines(tmp_path, b"one", b"two")
    read = os.read

    def read_and_append(handle: int, size: int) -> bytes:
        with source.open("ab") as file:
            file.write(b"x")
        return read(handle, size)[:3]

    monkeypatch.setattr(safe_files.os, "read", read_and_append)
    with pytest.raises(InputError, match=r"changed while it was read|more than 50 bytes"):
        safe_files.stable_copy(source, tmp_path / "copy", 50)


def test_a_link_put_in_the_way_of_the_data_is_refused(
    repository: Path, texts_file: Path, tmp_path: Path
) -> None:
    (repository / "submissions").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(InputError, match="symbolic link"):
        submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_names_whose_cells_would_collide_are_refused(repository: Path, texts_file: Path) -> None:
    params = repository / "params.yaml"
    text = params.read_text(encoding="utf-8").replace("  micro-2:", "  micro-1-far:")
    params.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="micro-1-far-seen"):
        submit_corpus("far-seen", str(texts_file), params=params)
    assert params.read_text(encoding="utf-8") == text
