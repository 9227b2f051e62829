"""Valid corpora are added as one line, one manifest and one tracked file, their texts unchanged."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark.commands.single_run import find_text
from benchmark.corpora.open_corpus import open_corpus
from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus
from benchmark.settings.load import load_settings
from benchmark.system.strict_yaml import read_yaml

ODD_TEXTS = [
    "{{ 7 * 7 }} {% for x in y %}{% endfor %}",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "# heading\n[a](javascript:alert(1)) **bold** | a | b |",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0\t+1-1",
    "bell \x07 escape \x1b[31m red \x1b[0m back\x08space del \x7f",
    "line separators \u2028 \u2029 \x85 \x0b \x0c and a return \r inside",
    "right to left \u202e override, zero \u200b width, e\u0301 combining, \U0001f600",
    "${HOME} $(touch f) `touch f` ; touch f && touch f",
    "'quotes\" \\ back slashes \\u0041 %s %(a)s {0}",
]


def stored(repository: Path, name: str) -> list[str]:
    spec = load_settings(repository / "params.yaml").corpora[name]
    return [text.text for text in open_corpus(spec, repository)]


def as_csv(folder: Path) -> Path:
    path = folder / "odd.csv"
    pd.DataFrame({"doc_id": range(len(ODD_TEXTS)), "text": ODD_TEXTS}).to_csv(
        path, index=False, lineterminator="\n"
    )
    return path


def as_jsonl(folder: Path) -> Path:
    path = folder / "odd.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ODD_TEXTS), encoding="utf-8")
    return path


def as_parquet(folder: Path) -> Path:
    path = folder / "odd.parquet"
    pd.DataFrame({"text": ODD_TEXTS}).to_parquet(path)
    return path


def as_folder(folder: Path) -> Path:
    path = folder / "odd"
    path.mkdir()
    for number, text in enumerate(ODD_TEXTS):
        (path / f"{number:02d}.txt").write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet, as_folder])
def test_texts_that_look_like_code_arrive_unchanged(repository: Path, tmp_path: Path, write) -> None:
    report = submit_corpus("odd", str(write(tmp_path)), params=repository / "params.yaml")
    assert stored(repository, "odd") == ODD_TEXTS
    assert all(line.isprintable() for line in str(report).split("\n"))


def as_lines(folder: Path) -> Path:
    path = folder / "odd.txt"
    path.write_bytes("\ufefffirst line\r\n\r\n  second, indented\r\nthird".encode())
    return path


@pytest.mark.parametrize("write", [as_lines, as_csv, as_jsonl, as_parquet, as_folder])
def test_a_file_holds_the_same_texts_whether_it_is_submitted_or_given_to_a_run(
    repository: Path, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path)
    submit_corpus("odd", str(path), params=repository / "params.yaml")
    settings = load_settings(repository / "params.yaml")
    given = [find_text(str(path), index, settings, repository)[1] for index in range(3)]
    submitted = open_corpus(settings.corpora["odd"], repository)
    assert [(text.index, text.text_id, text.text) for text in given] == [
        (text.index, text.text_id, text.text) for text in submitted[:3]
    ]


def test_the_settings_change_by_one_line(repository: Path, texts_file: Path) -> None:
    before = (repository / "params.yaml").read_text(encoding="utf-8").splitlines()
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    after = (repository / "params.yaml").read_text(encoding="utf-8").splitlines()
    added = [line for line in after if line not in before]
    assert [line for line in after if line in before] == before
    assert len(added) == 1
    assert added[0].startswith("  mine: {kind: file, path: submissions/data/mine/texts.jsonl, sha256: ")
    assert after.index(added[0]) == after.index("  code: {kind: micro, part: code, texts: 5}") + 1


def test_a_submission_passes_its_own_check(repository: Path, texts_file: Path) -> None:
    report = submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    assert report.next_command == "dvc repro"
    for file in report.files:
        check_file(repository / file)


def test_duplicates_are_left_out_and_told(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.txt"
    path.write_text("one\ntwo\none\nthree\ntwo\n", encoding="utf-8")
    report = submit_corpus("twice", str(path), params=repository / "params.yaml")
    assert stored(repository, "twice") == ["one", "two", "three"]
    assert "3 texts" in report.lines[0]
    assert "2 duplicates" in report.lines[0]


def test_the_tracked_file_is_what_dvc_add_would_write(repository: Path, texts_file: Path) -> None:
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    folder = repository / "submissions" / "data" / "mine"
    ours = read_yaml(folder / "texts.jsonl.dvc"), (folder / ".gitignore").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "dvc", "add", "-q", "submissions/data/mine/texts.jsonl"]
    subprocess.run(command, cwd=repository, check=True)
    assert (read_yaml(folder / "texts.jsonl.dvc"), ours[1]) == ours
    (folder / "texts.jsonl").unlink()
    command[3:] = ["checkout", "-q", "submissions/data/mine/texts.jsonl.dvc"]
    subprocess.run(command, cwd=repository, check=True)
    assert len(stored(repository, "mine")) == 5


def test_a_named_column_and_a_number_of_texts(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("body,text\na,1\nb,2\nc,3\nd,4\n", encoding="utf-8")
    submit_corpus("bodies", str(path), params=repository / "params.yaml", column="body", texts=3)
    assert stored(repository, "bodies") == ["a", "b", "c"]


def test_the_original_studys_csv(repository: Path, data_dir: Path) -> None:
    path = data_dir / "official-gap" / "data" / "train_data" / "github.csv"
    report = submit_corpus("original", str(path), params=repository / "params.yaml")
    original = pd.read_csv(path, lineterminator="\n")["text"]
    assert stored(repository, "original") == list(dict.fromkeys(original))
    assert f"{original.nunique()} texts" in report.lines[0]


def test_tokens_and_familiarity_come_from_the_smallest_built_rung(
    repository: Path, texts_file: Path, model_template: Path
) -> None:
    import shutil

    folder = repository / "data" / "micro" / "models" / "micro-1"
    shutil.copytree(model_template, folder / "0")
    (folder / "model.json").write_text('{"parameters": 3000}', encoding="utf-8")
    manifest = submit_corpus("mine", str(texts_file), params=repository / "params.yaml").manifest
    assert manifest is not None
    # One token a byte: "text number 0 of the file" has 25.
    assert (manifest.found.tokens.tokens, manifest.found.tokens.longest) == (125, 25)
    assert manifest.found.familiarity.texts == 5
    assert manifest.found.familiarity.loss > 1


@pytest.mark.parametrize(
    "settings",
    [
        "corpora:\n    seen: {kind: micro, part: seen}\n# last comment",
        "corpora:\n  seen: {kind: micro,\n    part: seen}   # over two lines\n\n",
        "corpora:\n  seen:\n    kind: micro\n    part: seen\n",
        "corpora:\r\n  seen: {kind: micro, part: seen}\r\n",
        "corpora:\n  seen: {kind: micro, part: seen}",
    ],
)
def test_the_line_goes_behind_the_last_entry_however_it_is_written(
    repository: Path, texts_file: Path, settings: str
) -> None:
    head = "track: {name: micro}\nmodels: {}\narms:\n  gap: {kind: ascent}\n"
    params = repository / "params.yaml"
    before = (head + settings).encode()
    params.write_bytes(before)
    submit_corpus("mine", str(texts_file), params=params)
    after = params.read_bytes()
    kept = b"".join(line for line in after.splitlines(keepends=True) if b"mine:" not in line)
    assert kept.removesuffix(b"\n") == before.removesuffix(b"\n")
    assert set(load_settings(params).corpora) == {"seen", "mine"}


def test_the_pipeline_refuses_data_that_were_exchanged_or_are_absent(
    repository: Path, texts_file: Path
) -> None:
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    data = repository / "submissions" / "data" / "mine" / "texts.jsonl"
    data.write_text(data.read_text(encoding="utf-8").replace("number 3", "number 9"), encoding="utf-8")
    with pytest.raises(InputError, match="sha256"):
        stored(repository, "mine")
    data.unlink()
    with pytest.raises(InputError, match="dvc pull"):
        stored(repository, "mine")
    data.with_name("texts.jsonl.dvc").unlink()
    with pytest.raises(InputError, match="does not exist: correct the path"):
        stored(repository, "mine")


@pytest.mark.parametrize(
    ("texts", "said"),
    [(None, "{0}: 1 distinct"), (2, "{0}, its first 2 texts: 1 distinct"), (9, "{0} holds 3")],
)
def test_too_few_texts_are_refused_with_the_source(
    repository: Path, tmp_path: Path, texts: int | None, said: str
) -> None:
    path = tmp_path / "same.txt"
    path.write_text("one\none\none\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        submit_corpus("mine", str(path), params=repository / "params.yaml", texts=texts)
    assert str(refused.value).startswith(said.format(path))
