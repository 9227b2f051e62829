"""Corpora as texts: what is read from each form, and what is refused."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.corpora.text_files import Limits, hub_texts, original_texts, read_texts
from benchmark.corpora.texts import fingerprint, stored_texts, text_id, text_table
from benchmark.errors import InputError
from benchmark.system.files import write_parquet


def words(source: Path, **arguments) -> list[str]:
    return [text.text for text in read_texts(source, **arguments)]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_records_end_at_newlines_only(tmp_path):
    path = write(tmp_path / "a.csv", 'doc_id,text\n1,"two\nlines"\n2,bare\rreturn\n3,"NA"\n')
    assert words(path) == ["two\nlines", "bare\rreturn", "NA"]


def test_jsonl_takes_objects_and_plain_strings(tmp_path):
    assert words(write(tmp_path / "a.jsonl", '{"text": "one", "n": 1}\n{"text": "two"}\n\n')) == [
        "one",
        "two",
    ]
    assert words(write(tmp_path / "b.jsonl", '"one"\n\n"two"')) == ["one", "two"]


def test_parquet_reads_the_named_column(tmp_path):
    pq.write_table(pa.table({"n": [1, 2], "body": ["one", "two"]}), tmp_path / "a.parquet")
    assert words(tmp_path / "a.parquet", column="body") == ["one", "two"]


def test_the_only_column_needs_no_name(tmp_path):
    assert words(write(tmp_path / "a.csv", "body\none\n")) == ["one"]


def test_a_folder_is_one_text_a_file_in_order_of_path(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.txt", "a.txt", "sub/c.py", ".hidden"):
        write(tmp_path / name, f"{name}\nits second line")
    assert words(tmp_path) == [f"{name}\nits second line" for name in ("a.txt", "b.txt", "sub/c.py")]


@pytest.mark.parametrize("name", ["a.txt", "a.TEXT", "a"])
def test_a_text_file_is_one_text_a_line(tmp_path, name):
    path = write(tmp_path / name, "\ufeffone\r\n \t\n  two, indented\r\nthree\u2028inside")
    assert words(path) == ["one", "  two, indented", "three\u2028inside"]
    assert [text.index for text in read_texts(path, limit=2)] == [0, 1]


def test_line_ends_of_a_file_in_a_folder_are_no_part_of_its_text(tmp_path):
    write(tmp_path / "a.py", "import os\r\n\r\nos\r\n")
    write(tmp_path / "b.py", "import os\n'a\r\nb'\n")
    assert words(tmp_path) == ["import os\n\nos\n", "import os\n'a\r\nb'\n"]


def test_settings_in_json_are_a_text_of_a_folder(tmp_path):
    write(tmp_path / "a.js", "main()\n")
    write(tmp_path / "package.json", '{"name": "a"}\n')
    assert words(tmp_path) == ["main()\n", '{"name": "a"}\n']


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text\none\n", r"a\.csv is a table, and a folder holds one text per file"),
        ("a.jsonl", '"one"\n', "is a table"),
        ("a.json", "[]", "is a table"),
        ("a.py", "", r"a\.py is empty"),
    ],
)
def test_a_file_of_a_folder_that_is_no_text_is_refused(tmp_path, name, content, message):
    write(tmp_path / name, content)
    with pytest.raises(InputError, match=message):
        read_texts(tmp_path)


CONTENT = {
    "a mark between quotes": ("a.csv", 'text\n"\ufeffusing A;\nb"\n"c\rd"\n', ["\ufeffusing A;\nb", "c\rd"]),
    "a mark and a return, as pandas writes them": (
        "a.csv",
        "id,text\n1,\ufeffa\n2,b\rc\n",
        ["\ufeffa", "b\rc"],
    ),
    "separators between quotes": ("a.csv", 'text\n"a; b"\n"c; d"\n', ["a; b", "c; d"]),
    "some separators": ("a.csv", "text\na; b\nc; d; e\n", ["a; b", "c; d; e"]),
    "a column that is numbers of rows": ("a.csv", "#,text\n1,a\n2,b\n", ["a", "b"]),
    "only one key": ("a.jsonl", '{"title": "a"}\n{"title": "b"}\n', ["a", "b"]),
    "a letter and its mark": ("a.txt", "e\u0301\n\U0001f600\ufe0f\n", ["e\u0301", "\U0001f600\ufe0f"]),
    "brackets and commas": (
        "a.txt",
        "[1] text, a\n{b}, c\n\td\n\te\n",
        ["[1] text, a", "{b}, c", "\td", "\te"],
    ),
    "a usual header": ("a.csv", "abstract\nOne.\nTwo.\n", ["One.", "Two."]),
    "lines of code that end alike": ("a.csv", "text\nx = 1;\ny = 2;\n", ["x = 1;", "y = 2;"]),
    "prose with a usual header between commas": (
        "a.txt",
        "We release models, code, and data.\nHere, we study ascent.\n",
        ["We release models, code, and data.", "Here, we study ascent."],
    ),
    "an indented block": ("a.txt", "\ta\n\tb\n", ["\ta", "\tb"]),
}


@pytest.mark.parametrize("case", CONTENT)
def test_what_a_text_may_hold_is_kept(tmp_path, case):
    name, content, expected = CONTENT[case]
    assert words(write(tmp_path / name, content)) == expected


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path):
    assert words(write(tmp_path / "a.csv", "\ufefftext\none\n")) == ["one"]
    assert words(write(tmp_path / "a.txt", "\ufeffone")) == ["one"]


def test_the_index_is_the_row_and_the_id_follows_the_content_alone(tmp_path):
    first = read_texts(write(tmp_path / "a.jsonl", '"x"\n"y"\n'))
    other = read_texts(write(tmp_path / "b.csv", "text\ny\nx\n"))
    assert [text.index for text in first] == [0, 1]
    assert [text.text_id for text in first] == [text.text_id for text in reversed(other)]
    assert first[0].text_id == text_id("x") and len(first[0].text_id) == 16


def test_the_fingerprint_follows_content_and_order():
    assert len({fingerprint(texts) for texts in (["x", "y"], ["y", "x"], ["xy"])}) == 3


def test_stored_texts_are_the_texts(tmp_path):
    texts = read_texts(write(tmp_path / "a.jsonl", '"x"\n"y\\u2028z"\n'))
    write_parquet(tmp_path / "texts.parquet", text_table({"name": texts}))
    assert stored_texts(tmp_path) == list(texts)


def test_a_limit_takes_the_first_and_looks_no_further(tmp_path):
    path = write(tmp_path / "a.jsonl", '"x"\n"y"\n3\n')
    assert words(path, limit=2) == ["x", "y"]


REFUSED = {
    "not UTF-8": ("a.txt", b"ok\xff", {}, "not UTF-8 at byte 2"),
    "NUL in text": ("a.txt", b"a\0b", {}, "NUL"),
    "NUL in CSV": ("a.csv", b"text\na\0b\n", {}, "NUL"),
    "NUL in JSON": ("a.jsonl", '"a\\u0000b"', {}, "row 1 holds a NUL"),
    "half a surrogate": ("a.jsonl", '"\\ud800"', {}, "half a surrogate pair"),
    "empty file": ("a.txt", "", {}, "holds no text"),
    "blank lines only": ("a.txt", " \n\t\r\n", {}, "holds no text"),
    "another ending": ("notes.md", "a\nb\n", {}, "ending '.md' is not known: give .txt"),
    "an ending alone": (".csv", "text\na\n", {}, "call it texts.csv"),
    "NUL in a line": ("a.txt", b"a\nb\0", {}, "line 2 holds a NUL"),
    "blank text": ("a.jsonl", '"x"\n" "\n', {}, "row 2 is empty"),
    "invisible text": ("a.jsonl", '"x"\n"\\u00a0\\u200b"\n', {}, "row 2 is empty"),
    "two tables joined": ("a.csv", "text\na\ntext\nb\n", {}, "row 2 repeats the header"),
    "two tables of Excel joined": (
        "a.csv",
        "id,text\n1,a\n\ufeffID, Text\n2,b\n",
        {},
        "row 2 repeats the header",
    ),
    "titles before texts": (
        "a.jsonl",
        '{"title": "a"}\n{"title": "b", "body": "c"}\n',
        {},
        "row 2 has a 'body' beside 'title', the only key of the rows before it: .* --column",
    ),
    "objects and strings": (
        "a.jsonl",
        '"a"\n{"text": "b"}\n',
        {},
        "row 2 is an object, unlike the rows before",
    ),
    "strings and objects": (
        "a.jsonl",
        '{"text": "a"}\n"b"\n',
        {},
        "row 2 is no object, unlike the rows before",
    ),
    "a column of strings": (
        "a.jsonl",
        '"a"\n"b"\n',
        {"column": "body"},
        "has no column 'body': leave the column",
    ),
    "an array": ("a.jsonl", '[{"text": "a"}]', {}, "row 1 is a JSON array: write one object"),
    "JSON over lines": (
        "a.jsonl",
        '{\n"text": "a"\n}\n',
        {},
        r"line 1 is not JSON .*one whole object, .* per line",
    ),
    "a blank in a key": (
        "a.jsonl",
        '{"id": "1", " text": "a"}',
        {},
        r"no column 'text' \(columns: id, ' text'\)",
    ),
    "no header, no blanks": ("a.csv", "今天\n明天\n", {}, "begins with '今天', which reads like a text"),
    "no header, one word": ("a.csv", "apple\npear\n", {}, "put the header 'text' above it"),
    "colons": ("a.csv", "id:text\n1:a\n", {}, "columns that no comma separates"),
    "records between quotes": ("a.csv", '"id,text"\n"1,a"\n', {}, "quote none together"),
    "rows between quotes": (
        "a.csv",
        'id,text\n"1,a"\n',
        {},
        "row 1 is one field between quotes, the header has 2",
    ),
    "semicolons in rows": ("a.csv", "text\n1;a\n2;b\n", {}, "has 1 ';' in every row"),
    "a line for Excel": (
        "a.csv",
        "sep=,\nid,text,n\n1,a,2\n",
        {},
        "begins with 'sep=,', a line for Excel alone: remove",
    ),
    "a comment": ("a.csv", "# a note\nid,text\n1,a\n", {}, "begins with the comment '# a note': remove"),
    "joined files": ("a.txt", "a\n\ufeffb\n", {}, "line 2 holds a byte order mark.*remove the mark"),
    "joined files, no line end": ("a.txt", "a\ufeffb\n", {}, "line 1 holds a byte order mark"),
    "joined JSON lines": (
        "a.jsonl",
        '"a"\n\ufeff"b"\n',
        {},
        "line 2 holds a byte order mark.*remove the mark",
    ),
    "joined tables": ("a.csv", "text\na\n\ufeffb\n", {}, "row 2 holds a byte order mark"),
    "joined tables, no line end": ("a.csv", "text\na\ufefftext\nb\n", {}, "row 1 holds a byte order mark"),
    "joined tables of columns": ("a.csv", "text,id\na,1\n\ufeffb,2\n", {}, "row 2 holds a byte order mark"),
    "Macintosh lines among others": (
        "a.txt",
        "a\rb\nc\n",
        {},
        "line 1 holds a bare carriage return.*LF or CRLF",
    ),
    "Macintosh rows among others": ("a.csv", "text\na\rb\nc\n", {}, "row 1 holds a bare carriage return"),
    "a web page": ("a.csv", "<!DOCTYPE html>\n<html>\n", {}, "is a web page"),
    "a web page as text": ("a.txt", "\ufeff\n<html>\n<body>\n", {}, "is a web page"),
    "a table as text": ("a.txt", "id,text\n1,a\n", {}, "holds a table.*name it .csv"),
    "columns as text": ("a.txt", "1\ta\n2\tb\n", {}, "holds a table"),
    "JSON lines as text": ("a.txt", '{"text": "a"}\n{"text": "b"}\n', {}, "holds JSON.*name it .jsonl"),
    "JSON as text": ("a.txt", '[\n"a",\n"b"\n]\n', {}, "holds JSON"),
    "a pointer": (
        "a.txt",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        {},
        "`git lfs pull`",
    ),
    "a pointer as Parquet": (
        "a.parquet",
        "version https://git-lfs.github.com/spec/v1\n",
        {},
        "`git lfs pull`",
    ),
    "Excel's own file": ("a.csv", b"PK\x03\x04\xff", {}, "is a ZIP archive, as .xlsx .* save a table as CSV"),
    "a document": ("a.txt", "{\\rtf1 a}\n", {}, "RTF: save it as plain text"),
    "gzip": ("a.jsonl", b"\x1f\x8b\x08", {}, "is compressed by gzip: unpack it"),
    **{
        f"nothing to see: {blank!a}": ("a.txt", f"a\n{blank}\n", {}, "line 2 is empty")
        for blank in "\u3164\u2800\u034f\ufe0f\ufffd"
    },
    "fewer than asked for": ("a.txt", "a\nb\n", {"limit": 3}, "holds 2 texts, 3 are asked for: ask for 2"),
    "no rows": ("a.csv", "text\n", {}, "holds no text"),
    "empty CSV": ("a.csv", "", {}, "is not a CSV table"),
    "ragged CSV": ("a.csv", "text\na\nb,c,d\n", {}, "is not a CSV table"),
    "missing column": ("a.csv", "a,b\n1,2\n", {}, r"no column 'text' \(columns: a, b\)"),
    "missing named column": ("a.jsonl", '{"text": "x"}', {"column": "body"}, "no column 'body'"),
    "no JSON": ("a.jsonl", '"x"\n{', {}, "line 2 is not JSON"),
    "a number": ("a.jsonl", '{"text": 3}', {}, "row 1 has int instead of a text"),
    "null": ("a.jsonl", '{"text": null}', {}, "row 1 has nothing instead of a text"),
    "no Parquet": ("a.parquet", "x", {}, "is not a readable Parquet file"),
    "too long": ("a.txt", "xxxx", {"limits": Limits(characters=3)}, "has 4 characters, 3 are allowed"),
    "too many": ("a.jsonl", '"x"\n"y"', {"limits": Limits(texts=1)}, "more than 1 texts"),
    "too large": ("a.txt", "xxxx", {"limits": Limits(total_bytes=3)}, "holds 4 bytes, 3 are allowed"),
    "repeated": ("a.jsonl", '"x"\n"x"', {"limits": Limits(duplicates=False)}, "row 2 repeats .* row 1"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_corpus_is_refused_with_its_place(tmp_path, fault):
    name, content, arguments, message = REFUSED[fault]
    with pytest.raises(InputError, match=message) as refused:
        read_texts(write(tmp_path / name, content), **arguments)
    assert "\n" not in str(refused.value)


def test_a_small_table_that_unfolds_beyond_the_limit_is_refused(tmp_path):
    """Whatever sizes the file declares of itself."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 10_000] * 100}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="unfolds into more than 100000 characters"):
        read_texts(path, limits=Limits(total_bytes=100_000))


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_texts(tmp_path / "absent.csv")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "a.txt", "a")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match=r"a\.txt cannot be read \(Permission denied\)"):
        read_texts(path)


def test_links_are_refused_where_they_are_forbidden(tmp_path):
    write(tmp_path / "a.txt", "x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.txt").symlink_to(tmp_path / "a.txt")
    assert words(tmp_path / "folder") == ["x"]
    with pytest.raises(InputError, match="symbolic link"):
        read_texts(tmp_path / "folder", limits=Limits(links=False))


def test_hub_texts_come_from_the_training_tables_until_there_are_enough(tmp_path, hub):
    folder = tmp_path / "repository"
    (folder / "data").mkdir(parents=True)
    for name in ("test-0", "train-0", "train-1"):
        rows = (json.dumps({"body": f"data/{name}.jsonl {i}"}) + "\n" for i in range(2))
        (folder / "data" / f"{name}.jsonl").write_text("".join(rows))
    (folder / "README.md").write_text("not a table")
    commit = hub.add(folder, kind="dataset")
    found = hub_texts("owner/name", commit, column="body", limit=2)
    assert [text.text for text in found] == ["data/train-0.jsonl 0", "data/train-0.jsonl 1"]
    assert list(hub.sent) == ["data/train-0.jsonl"]


@pytest.mark.parametrize("revision", ["main", "0" * 39, "G" * 40])
def test_a_hub_data_set_must_be_pinned_to_a_commit(revision):
    with pytest.raises(InputError, match="is not pinned"):
        hub_texts("owner/name", revision)


@pytest.mark.parametrize(("name", "returns"), [("github", 0), ("pile-cc", 0), ("lm_extraction", 77)])
def test_the_originals_corpora_have_a_thousand_texts(data_dir, monkeypatch, name, returns):
    """77 texts of lm_extraction hold a carriage return (counted with pandas, records ending at newlines)."""
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    found = original_texts(name)
    assert len(found) == 1000 and len({text.text_id for text in found}) == 1000
    assert sum("\r" in text.text for text in found) == returns
