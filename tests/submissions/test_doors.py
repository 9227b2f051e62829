"""Files of people's tools at every door: the same texts or the same refusal, and the user's own path in it."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.commands.single_run import find_text
from benchmark.corpora.open_corpus import open_corpus
from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus
from benchmark.settings.corpus_specs import FileCorpus
from benchmark.settings.load import load_settings
from benchmark.system.strict_yaml import read_yaml

WITH_AN_EMPTY_CELL = pa.BufferOutputStream()
pq.write_table(pa.table({"text": ["one", None, "two"]}), WITH_AN_EMPTY_CELL)
FILES: dict[str, tuple[str, bytes, str]] = {
    "trailing comma": (
        "a.csv",
        b'text,label\n"The first text, in full.",1,\n"The second text, in full.",2,\n',
        "row 1, line 2, has 3 fields, the header has 2",
    ),
    "comma without quotes": ("a.csv", b"id,text\n1,one\n2,a hill, and a mill\n", "row 2, line 3, has 3 fields"),
    "short row": ("a.csv", b"text,id\none,1\ntwo\n", "row 2, line 3, has 1 field"),
    "open quote": ("a.csv", b'text\none\n"two\nthree\n', "row 2, line 3, has a quote that does not close"),
    "semicolons": ("a.csv", b"id;text\r\n1;one\r\n2;two\r\n", "by semicolons (';')"),
    "tabs": ("a.csv", b"id\ttext\n1\tone\n2\ttwo\n", "by tabs"),
    "no header": ("a.csv", b"The first text.\nThe second text.\nThe third text.\n", "reads like a text"),
    "NUL": ("a.csv", b"text\no\0ne\ntwo\n", "NUL"),
    "name twice": ("a.csv", b"text,text\none,1\ntwo,2\n", "2 columns 'text'"),
    "no such column": ("a.csv", b"id,body\n1,one\n2,two\n", "no column 'text'"),
    "Macintosh lines in a table": ("a.csv", b"text\rone\rtwo\r", "bare carriage returns"),
    "Macintosh lines": ("a.txt", b"one\rtwo\rthree", "bare carriage returns"),
    "Excel's Unicode text": ("a.txt", "id\ttext\r\n1\tone\r\n".encode("utf-16"), "is UTF-16"),
    "UTF-16 without a mark": ("a.csv", "text\none\ntwo\n".encode("utf-16-le"), "as UTF-16 does"),
    "UTF-16, big end first": ("a.csv", b"\xfe\xff" + "text\none\n".encode("utf-16-be"), "is UTF-16"),
    "UTF-32": ("a.jsonl", "text\none\n".encode("utf-32"), "is UTF-32"),
    "another key": (
        "a.jsonl",
        b'{"text":"one here"}\n{"content":"two here"}\n{"text":"three here"}\n',
        "row 2 has no 'text', where the rows before it have their text (keys: content)",
    ),
    "another key first": ("a.jsonl", b'{"body":"one"}\n{"text":"two"}\n', "row 2 has no 'body'"),
    "two keys for the text": ("a.jsonl", b'{"body":"one"}\n{"body":"two","text":"x"}\n', "row 2 has a 'text' beside"),
    "no key": ("a.jsonl", b'{"text":"one"}\n{}\n', "row 2 has no 'text'"),
    "a key twice": ("a.jsonl", b'{"text":"one"}\n{"text":"two","text":"three"}\n', "line 2 is not plain JSON"),
    "null": ("a.jsonl", b'{"text":"one"}\n{"text":null}\n', "row 2 has nothing instead of a text"),
    "a number": ("a.jsonl", b'{"text":"one"}\n\n{"text":2}\n', "row 2 has int instead of a text"),
    "an empty cell of Parquet": ("a.parquet", WITH_AN_EMPTY_CELL.getvalue().to_pybytes(), "row 2 has nothing"),
    "titles before texts": ("a.jsonl", b'{"title":"a"}\n{"title":"b","body":"c"}\n', "row 2 has a 'body' beside"),
    "a pointer": ("a.parquet", b"version https://git-lfs.github.com/spec/v1\n", "`git lfs pull`"),
    "an ending alone": (".csv", b"text\none\ntwo\n", "call it texts.csv"),
    "joined files": ("a.txt", "one\n\ufefftwo\n".encode(), "line 2 holds a byte order mark"),
    "nested without end": ("a.jsonl", b'{"text":"one"}\n' + b"[" * 100_000, "line 2 is not plain JSON"),
}  # fmt: skip


Doors = dict[str, Callable[[Path], object]]


def refusals(doors: Doors, path: Path) -> dict[str, str]:
    """What each door says of a file that none of them takes."""
    told = {}
    for door, enter in doors.items():
        with pytest.raises(InputError) as refused:
            enter(path)
        told[door] = str(refused.value)
    return told


@pytest.fixture
def doors(repository: Path) -> Doors:
    """All that reads a corpus: two commands on strangers' files, a run on one, a stage on one of the settings."""
    settings = load_settings(repository / "params.yaml")
    return {
        "submit check": check_file,
        "submit corpus": lambda path: submit_corpus("mine", str(path), params=repository / "params.yaml"),
        "run --corpus": lambda path: find_text(str(path), 0, settings, repository),
        "kind: file": lambda path: open_corpus(FileCorpus(kind="file", path=str(path)), repository),
    }


@pytest.mark.parametrize("case", FILES)
def test_every_door_refuses_a_file_with_the_same_words(tmp_path: Path, doors: Doors, case: str) -> None:
    name, content, said = FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    told = refusals(doors, path)
    assert said in told["submit check"]
    assert told["submit check"].startswith(str(path))
    assert len(set(told.values())) == 1, told


@pytest.mark.parametrize("ending", [".tsv", ".json", ".xlsx", ".md"])
def test_no_door_takes_a_file_of_another_ending_for_one_text(
    tmp_path: Path, doors: Doors, ending: str
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_text(json.dumps([{"text": "one"}, {"text": "two"}]), encoding="utf-8")
    assert len(refusals(doors, path)) == len(doors)


def test_a_table_of_excel_holds_the_texts_of_a_text_file_of_the_same_lines(
    repository: Path, tmp_path: Path
) -> None:
    texts = ["Grüße aus Köln", "日本語のテキスト", "נוסח עברי"]
    table, lines = tmp_path / "excel.csv", tmp_path / "lines.txt"
    rows = "".join(f"{number},{text}\r\n" for number, text in enumerate(texts))
    table.write_bytes(f"\ufeffid,text\r\n{rows}".encode())
    lines.write_bytes("".join(f"{text}\r\n" for text in texts).encode())
    settings = load_settings(repository / "params.yaml")
    for name, path in (("table", table), ("lines", lines)):
        submit_corpus(name, str(path), params=repository / "params.yaml")
        spec = FileCorpus.model_validate(read_yaml(repository / "params.yaml")["corpora"][name])
        assert [text.text for text in open_corpus(spec, repository)] == texts
        assert [find_text(str(path), place, settings, repository)[1].text for place in range(3)] == texts


def test_the_command_refuses_with_one_line_and_adds_nothing(
    tmp_path: Path, refusal: Callable[..., str], refused: Callable[..., str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(FILES["trailing comma"][1])
    for said in (refusal("submit", "check", str(path)), refused("corpus", path)):
        assert f"{path} is not a CSV table (row 1, line 2, has 3" in said


CASES = {
    "trailing_comma.csv": "row 1, line 2, has 3 fields",
    "unquoted_comma.csv": "row 1, line 2, has 3 fields",
    "semicolon.csv": "by semicolons",
    "mixed_keys.jsonl": "row 2 has no 'text'",
}


@pytest.mark.parametrize("name", CASES)
def test_files_of_peoples_tools_are_refused(data_dir: Path, doors: Doors, name: str) -> None:
    path = data_dir / "cases" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    for told in refusals(doors, path).values():
        assert CASES[name] in told and str(path) in told
