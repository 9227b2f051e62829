"""CSV tables as people's tools write them: the texts that they hold, or a refusal that names the row."""

import csv
import io
import random
from pathlib import Path

import pytest

from benchmark.errors import InputError
from benchmark.public_data.delimited import parse_table
from benchmark.public_data.file_readers import read_rows

PATH = Path("a.csv")


def rows(content: str) -> list[list[str]]:
    return parse_table(content, PATH).rows


READ = {
    "a comma between quotes": ('id,text\n1,"a, b"\n', [["1", "a, b"]]),
    "doubled quotes": ('text\n"say ""a"", b"\n', [['say "a", b']]),
    "a quote inside a plain field": ('text,n\n5" pipe,1\n', [['5" pipe', "1"]]),
    "a line break between quotes": ('id,text\n1,"a\nb"\n2,c\n', [["1", "a\nb"], ["2", "c"]]),
    "no line end at the end": ("id,text\n1,a", [["1", "a"]]),
    "an empty last field": ("id,text\n1,\n", [["1", ""]]),
    "blank lines": ("\nid,text\n\n1,a\n \n2,b\n\n", [["1", "a"], ["2", "b"]]),
    "a quoted nothing is a row": ('text\n""\n', [[""]]),
    "an index without a name, as pandas writes it": (",text\n0,a\n1,b\n", [["0", "a"], ["1", "b"]]),
    "CRLF": ('id,text\r\n1,a\r\n2,"b"\r\n', [["1", "a"], ["2", "b"]]),
    "CRLF, the last line without": ("id,text\r\n1,a\r", [["1", "a"]]),
    "CRLF between quotes of a CRLF file": ('id,text\r\n1,"a\r\nb"\r\n', [["1", "a\nb"]]),
    "CRLF between quotes of an LF file": ('id,text\n1,"a\r\nb"\n', [["1", "a\r\nb"]]),
    "CRLF after an LF header": ('id,text\n1,a\r\n2,"b"\r\n', [["1", "a"], ["2", "b"]]),
    "a bare return": ("text\none\rtwo\n", [["one\rtwo"]]),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_unambiguous_is_read(case):
    content, expected = READ[case]
    assert rows(content) == expected


REFUSED = {
    "a trailing comma in every row": (
        "text,label\na,1,\nb,2,\n",
        r"row 1, line 2, has 3 fields, the header has 2",
    ),
    "a comma without quotes": ("id,text\n1,a\n2,b, c\n", "row 2, line 3, has 3 fields"),
    "a row too short": ("id,text\n1,a\n2\n", "row 2, line 3, has 1 field, the header has 2"),
    "an index that the header lacks": ("text\n0,a\n1,b\n", "row 1, line 2, has 2 fields, the header has 1"),
    "a trailing comma in the header": ("id,text,\n1,a\n", "row 1, line 2, has 2 fields, the header has 3"),
    "the line behind broken lines": ('id,text\n1,"a\n\nb"\n\n2,b,c\n', "row 2, line 6, has 3"),
    "a quote that does not close": (
        'id,text\n1,a\n2,"b\n3,c\n',
        "row 2, line 3, has a quote that does not close",
    ),
    "a quote that closes rows later": (
        'id,text\n1,"a\n2,b\n3,"c"\n',
        "row 1, line 2, has text behind a closing",
    ),
    "quotes escaped by a backslash": (
        'text\n"a \\"b\\" c"\n',
        "row 1, line 2, has text behind a closing quote",
    ),
    "doubled quotes that do not close": ('text\n"a""b\n', "row 1, line 2, has a quote that does not close"),
    "a blank before a quote": ('id,text\n1, "a"\n', "row 1, line 2, has a blank before a quote"),
    "a quote in the header": ('id,"text\n1,a\n', "the header, line 1, has a quote that does not close"),
    "semicolons": ("id;text\r\n1;The first text.\r\n", r"by semicolons \(';'\): separate them by commas"),
    "semicolons and quotes": ('"id";"text, whole"\n1;"a"\n', "by semicolons"),
    "tabs": ("id\ttext\n1\ta\n", r"by tabs \('\\t'\)"),
    "vertical bars": ("id|text\n1|a\n", "by vertical bars"),
    "a line for Excel": ("sep=;\nid;text\n1;a\n", "by semicolons"),
    "a name twice": ("text,text\na,b\n", "has 2 columns 'text'"),
    "nothing": ("", "it is empty"),
    "blank lines alone": ("\n \n", "it is empty"),
    "NUL": ("text\na\0b\n", "NUL"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_lenient_reader_would_shift_fill_or_cut_is_refused_with_its_row(case):
    content, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as refused:
        parse_table(content, PATH)
    assert "\n" not in str(refused.value) and str(refused.value).startswith("a.csv ")


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_pythons_writer_writes_is_read_back(quoting, line_end):
    """2000 tables of random fields; in a file of CRLF lines, fields hold no CRLF, which would be read as LF."""
    chance = random.Random(0)
    for _ in range(2000):
        width = chance.randint(1, 3)
        table = [
            ["x" + "".join(chance.choices('ab ,"\n;', k=chance.randint(0, 6))) for _ in range(width)]
            for _ in range(chance.randint(1, 4))
        ]
        written = io.StringIO()
        writer = csv.writer(written, quoting=quoting, lineterminator=line_end)
        writer.writerows([[f"column {number}" for number in range(width)], *table])
        content = written.getvalue()
        assert rows(content) == table


def test_rows_of_task_data_are_read_as_strictly(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffid,text\r\n1,a\r\n".encode())
    assert read_rows(path) == [{"id": "1", "text": "a"}]
    path.write_bytes(b"id,text\n1,a,b\n")
    with pytest.raises(InputError, match="row 1, line 2, has 3 fields"):
        read_rows(path)


def test_the_originals_table_is_read_as_pythons_reader_does(data_dir):
    path = data_dir / "official-gap/data/validation_data/pubmed_qa.csv"
    expected = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert expected and read_rows(path) == expected
