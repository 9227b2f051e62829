"""`gapbench diff` on the committed results: the first stage that differs, and settings or code that do."""

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmark.diff import diff
from benchmark.errors import CheckFailed
from benchmark.settings.load import load_settings
from benchmark.system.files import write_json
from tests.pipeline.small import ROOT, commit, shell

RESULTS = Path("results/micro")
MOST = load_settings(ROOT / "params.yaml").posttrain.max_steps
STEPS, FEWER = f"max_steps: {MOST}", f"max_steps: {MOST - 1}"
NEW = "    mine: {kind: file, path: submissions/data/mine/texts.jsonl}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The committed results, settings and stages, and code that the stages depend on, in a new repository."""
    shutil.copytree(ROOT / RESULTS, tmp_path / RESULTS)
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".gitattributes"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("scoring/ranks.py", "corpora/micro_corpora.py", "diff/diff_command.py", "cli.py"):
        path = tmp_path / "benchmark" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "benchmark" / name, path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit(tmp_path)
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(path: Path, begin: str) -> str:
    """The one line of a file that begins so, with its end."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (found,) = [line for line in lines if line.startswith(begin)]
    return found


def edit_csv(path: Path, edit: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or [])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(edit(rows))


def with_new_corpus(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with those of `code` again under the name `mine`, and other ranks."""
    columns = [name for name in ("corpus", "other_corpus") if name in rows[0]]
    again = [{**row, **{name: row[name].replace("code", "mine") for name in columns}} for row in rows]
    new = [row for row in again if any(row[name] == "mine" for name in columns)]
    ranked = [{**row, "rank": str(int(row["rank"]) + 1)} if row.get("rank") else row for row in [*rows, *new]]
    return sorted(ranked, key=lambda row: tuple(row.values())) if "rank" not in rows[0] else ranked


def add_corpus(repository: Path, *, samples: bool = False) -> None:
    """What `gapbench submit corpus mine` and `make repro` leave, without computing anything."""
    params = repository / "params.yaml"
    line = line_of(params, "  code: ")
    replace(params, line, line + NEW.removeprefix("  "))
    folder = repository / RESULTS
    for path in folder.glob("*.csv"):
        if "corpus" in path.read_text(encoding="utf-8").split("\n")[0].split(","):
            edit_csv(path, with_new_corpus)
    edit_csv(folder / "familiarity.csv", lambda rows: [{**row, "n": row["n"] + "0"} for row in rows])
    edit_csv(folder / "profile.csv", lambda rows: [{**row, "threshold": "0.5"} for row in rows])
    for name in ("texts.parquet", *(["documents.parquet"] if samples else [])):
        table = pq.read_table(folder / name)
        rows = table.filter(pc.equal(table["corpus"], "code"))
        place = table.schema.get_field_index("corpus")
        mine = pa.array(["mine"] * rows.num_rows, table.schema.field(place).type)
        pq.write_table(pa.concat_tables([table, rows.set_column(place, "corpus", mine)]), folder / name)


def test_make_repro_after_a_submitted_corpus_ends_well(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_corpus(repository, samples=True)
    diff(repository, "HEAD", "micro")
    printed = capsys.readouterr().out
    assert "params.yaml: corpora.mine is new" in printed
    assert "all that does not depend on that equals" in printed


def test_a_submitted_corpus_may_be_committed_before_it_is_run(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (repository / RESULTS).iterdir()}
    add_corpus(repository)
    after = {path: path.read_bytes() for path in (repository / RESULTS).iterdir()}
    for files in (before, after):
        for path, content in files.items():
            path.write_bytes(content)
        if files is before:
            commit(repository)
    diff(repository, "HEAD", "micro")
    assert "corpora.mine is new" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "column"),
    [("comparisons.csv", "p_adjusted"), ("entries.csv", "effective_size"), ("runs.csv", "distance")],
)
def test_a_row_of_another_entry_must_not_move_with_a_submitted_corpus(
    name: str, column: str, repository: Path
) -> None:
    add_corpus(repository)

    def spoil(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        place = next(i for i, row in enumerate(rows) if row["corpus"] == "seen" and row[column])
        return [*rows[:place], {**rows[place], column: "0.125"}, *rows[place + 1 :]]

    edit_csv(repository / RESULTS / name, spoil)
    with pytest.raises(CheckFailed, match=rf"{name}: 1 row differs, first .* seen"):
        diff(repository, "HEAD", "micro")


@pytest.mark.parametrize("name", ["entries.csv", "pairs.csv", "profile.csv", "run_curves.csv"])
def test_a_row_of_another_entry_must_not_go_with_a_submitted_corpus(name: str, repository: Path) -> None:
    add_corpus(repository)
    edit_csv(
        repository / RESULTS / name,
        lambda rows: [row for row in rows if row is not next(r for r in rows if r["corpus"] == "seen")],
    )
    with pytest.raises(CheckFailed, match=rf"{name}: 1 row missing, first .* seen"):
        diff(repository, "HEAD", "micro")


def test_documents_of_another_entry_must_not_move_with_a_submitted_corpus(repository: Path) -> None:
    add_corpus(repository, samples=True)
    path = repository / RESULTS / "documents.parquet"
    table = pq.read_table(path)
    values = table["value"].to_numpy().copy()
    values[0] = 0.125
    place = table.schema.get_field_index("value")
    pq.write_table(table.set_column(place, "value", pa.array(values)), path)
    with pytest.raises(CheckFailed, match=r"documents\.parquet: 1 row differs"):
        diff(repository, "HEAD", "micro")


def out_of(repository: Path, stage: str) -> str:
    """The digest in dvc.lock of what a stage wrote."""
    body = (repository / "dvc.lock").read_text(encoding="utf-8").split(f"\n  {stage}:\n", 1)[1]
    return body.split("    outs:\n", 1)[1].split("md5: ", 2)[1].split("\n")[0]


@pytest.mark.parametrize(
    ("stages", "first"),
    [
        (["posttrain@micro-1-code", "base@micro-1", "model@micro-1"], "model@micro-1"),
        (["posttrain@micro-1-code", "posttrain@micro-2-seen"], "posttrain@micro-1-code"),
        (["base@micro-2", "posttrain@micro-1-code"], "base@micro-2"),
        (["corpus@seen", "model@micro-1"], "corpus@seen"),
    ],
)
def test_the_first_stage_whose_output_differs_is_named(
    stages: list[str], first: str, repository: Path
) -> None:
    for stage in stages:
        replace(repository / "dvc.lock", out_of(repository, stage), f"{'0' * 32}.dir")
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    with pytest.raises(CheckFailed, match=f"first stage whose output differs is {first}$"):
        diff(repository, "HEAD", "micro")


def test_where_the_stages_agree_the_first_table_that_differs_is_named(repository: Path) -> None:
    for name in ("comparisons.csv", "entries.csv", "curves.csv"):
        replace(repository / RESULTS / name, "gap-lr3e-3", "gap-lr3e-4")
    with pytest.raises(CheckFailed, match=r"the first stage whose output differs is score, in curves\.csv"):
        diff(repository, "HEAD", "micro")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("margin: 0.5", "margin: 0.4", "params.yaml: scoring changed"),
        (STEPS, FEWER, "params.yaml: posttrain changed"),
        ("documents: 320", "documents: 300", "params.yaml: evaluation changed"),
        ("hidden: 32", "hidden: 40", "params.yaml: models.micro-1 changed"),
        ("target_corpus: code", "target_corpus: seen", "params.yaml: claims changed"),
    ],
)
def test_changed_settings_are_named_and_what_depends_on_them_is_not_compared(
    old: str, new: str, said: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(repository / "params.yaml", old, new)

    def move(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{**row, "distance": "9"} if row["model"] == "micro-1" else row for row in rows]

    if "claims" in said:
        replace(repository / RESULTS / "claims.json", '"inconclusive"', '"reproduced"')
    else:
        edit_csv(repository / RESULTS / "runs.csv", move)
    diff(repository, "HEAD", "micro")
    assert said in capsys.readouterr().out


def test_a_changed_model_leaves_the_rows_of_others_compared(repository: Path) -> None:
    replace(repository / "params.yaml", "hidden: 32", "hidden: 40")
    edit_csv(
        repository / RESULTS / "runs.csv",
        lambda rows: [{**row, "distance": "9"} if row["model"] == "micro-2" else row for row in rows],
    )
    with pytest.raises(CheckFailed, match=r"runs\.csv: \d+ rows differ, first micro-2"):
        diff(repository, "HEAD", "micro")


def test_changed_steps_leave_the_rungs_compared(repository: Path) -> None:
    replace(repository / "params.yaml", STEPS, FEWER)
    edit_csv(
        repository / RESULTS / "scores.csv",
        lambda rows: [{**row, "score": "0.5"} if row["row_kind"] == "rung" else row for row in rows],
    )
    with pytest.raises(CheckFailed, match=r"scores\.csv: \d+ rows differ, first micro-1 none none"):
        diff(repository, "HEAD", "micro")


def test_changed_code_of_a_stage_is_named_and_no_row_is_compared(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(repository / "benchmark/scoring/ranks.py", "import", "import  ")
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    diff(repository, "HEAD", "micro")
    assert "benchmark/scoring/ranks.py (code of score)" in capsys.readouterr().out


def test_changed_code_of_scoring_leaves_the_stages_before_it_compared(repository: Path) -> None:
    replace(repository / "benchmark/scoring/ranks.py", "import", "import  ")
    replace(repository / "dvc.lock", out_of(repository, "base@micro-2"), f"{'0' * 32}.dir")
    with pytest.raises(CheckFailed, match="base@micro-2"):
        diff(repository, "HEAD", "micro")


def test_a_missing_file_is_a_fault_with_changed_code_too(repository: Path) -> None:
    replace(repository / "benchmark/corpora/micro_corpora.py", "import", "import  ")
    (repository / RESULTS / "pairs.csv").unlink()
    with pytest.raises(CheckFailed, match=r"pairs\.csv is missing"):
        diff(repository, "HEAD", "micro")


def test_code_that_no_stage_depends_on_does_not_count(repository: Path) -> None:
    replace(repository / "benchmark/cli.py", "import", "import  ")
    replace(repository / "benchmark/diff/diff_command.py", "import", "import  ")
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    with pytest.raises(CheckFailed, match="bytes differ"):
        diff(repository, "HEAD", "micro")


def test_code_that_was_committed_before_it_was_run_is_known_from_the_lock(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = repository / "dvc.lock"
    digest = (
        lock.read_text(encoding="utf-8").split("path: benchmark/scoring/ranks.py\n")[1].split("md5: ")[1][:32]
    )
    replace(lock, digest, "0" * 32)
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    diff(repository, "HEAD", "micro")
    assert "benchmark/scoring/ranks.py (code of score)" in capsys.readouterr().out


def test_an_attestation_changes_a_state_and_is_no_fault(repository: Path) -> None:
    write_json(repository / "attestations" / "micro" / "micro-1--gap--code.json", {})
    replace(repository / RESULTS / "entries.csv", "self-reported", "reproduced")
    diff(repository, "HEAD", "micro")


def test_the_command_gives_two_and_git_s_words_where_there_is_no_repository(
    repository: Path, tmp_path: Path
) -> None:
    shutil.rmtree(repository / ".git")
    shutil.copytree(ROOT / "benchmark", repository / "benchmark", dirs_exist_ok=True)
    said = shell(repository, "gapbench", "diff", ok=(2,), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert "not a git repository" in said
    assert said.count("\n") == 1
