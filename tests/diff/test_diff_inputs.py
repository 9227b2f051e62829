"""`gapbench diff` on the committed results: the first stage that differs, and settings or code that do."""

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
from tests.conftest import replace_in as replace
from tests.pipeline.small import ROOT, commit, edit_csv, shell

RESULTS = Path("results/micro")
MOST = load_settings(ROOT / "params.yaml").posttrain.max_steps
STEPS, FEWER = f"max_steps: {MOST}", f"max_steps: {MOST - 1}"
NEW = "    mine: {kind: file, path: submissions/data/mine/texts.jsonl}\n"


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed results, settings and stages, and code that the stages depend on, in a new repository.

    Of the 1.2 million samples it holds those of every sixteenth document, of all tasks, models and runs.
    """
    folder = tmp_path_factory.mktemp("committed")
    shutil.copytree(ROOT / RESULTS, folder / RESULTS)
    samples = pq.read_table(ROOT / RESULTS / "documents.parquet")
    some = pc.equal(pc.bit_wise_and(samples["doc_id"], 15), 0)
    pq.write_table(samples.filter(some), folder / RESULTS / "documents.parquet")
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".gitattributes"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("scoring/ranks.py", "corpora/micro_corpora.py", "diff/diff_command.py", "cli.py"):
        path = folder / "benchmark" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "benchmark" / name, path)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    commit(folder)
    return folder


@pytest.fixture
def repository(committed: Path, tmp_path: Path) -> Path:
    """A copy of that repository, for one test to change."""
    return shutil.copytree(committed, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def printed(repository: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What `gapbench diff` prints where it finds no fault."""
    return lambda: diff(repository, "HEAD", "micro") or capsys.readouterr().out


def faulty(repository: Path, said: str) -> None:
    """`gapbench diff` finds a fault and says so."""
    with pytest.raises(CheckFailed, match=said):
        diff(repository, "HEAD", "micro")


def line_of(path: Path, begin: str) -> str:
    """The one line of a file that begins so, with its end."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (found,) = [line for line in lines if line.startswith(begin)]
    return found


def with_new_corpus(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with those of `code` again under the name `mine`, and other ranks."""
    columns = [name for name in ("corpus", "other_corpus") if name in rows[0]]
    again = [{**row, **{name: row[name].replace("code", "mine") for name in columns}} for row in rows]
    new = [row for row in again if any(row[name] == "mine" for name in columns)]
    ranked = [{**row, "rank": str(int(row["rank"]) + 1)} if row.get("rank") else row for row in [*rows, *new]]
    return sorted(ranked, key=lambda row: tuple(row.values())) if "rank" not in rows[0] else ranked


def setting(column: str, value: str, **where: str) -> Callable[[list[dict[str, str]]], list[dict[str, str]]]:
    """An edit that sets a column in the rows that have the values of `where`."""
    return lambda rows: [{**row, column: value} if where.items() <= row.items() else row for row in rows]


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
    edit_csv(folder / "profile.csv", setting("threshold", "0.5"))
    for name in ("texts.parquet", *(["documents.parquet"] if samples else [])):
        table = pq.read_table(folder / name)
        rows = table.filter(pc.equal(table["corpus"], "code"))
        place = table.schema.get_field_index("corpus")
        mine = pa.array(["mine"] * rows.num_rows, table.schema.field(place).type)
        pq.write_table(pa.concat_tables([table, rows.set_column(place, "corpus", mine)]), folder / name)


def test_make_repro_after_a_submitted_corpus_ends_well(repository: Path, printed: Callable[[], str]) -> None:
    add_corpus(repository, samples=True)
    said = printed()
    assert "params.yaml: corpora.mine is new" in said
    assert "all that does not depend on that equals" in said


def test_a_submitted_corpus_may_be_committed_before_it_is_run(
    repository: Path, printed: Callable[[], str]
) -> None:
    before = {path: path.read_bytes() for path in (repository / RESULTS).iterdir()}
    add_corpus(repository)
    after = {path: path.read_bytes() for path in (repository / RESULTS).iterdir()}
    for files in (before, after):
        for path, content in files.items():
            path.write_bytes(content)
        if files is before:
            commit(repository)
    assert "corpora.mine is new" in printed()


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
    faulty(repository, rf"{name}: 1 row differs, first .* seen")


@pytest.mark.parametrize("name", ["entries.csv", "pairs.csv", "profile.csv", "run_curves.csv"])
def test_a_row_of_another_entry_must_not_go_with_a_submitted_corpus(name: str, repository: Path) -> None:
    add_corpus(repository)
    edit_csv(
        repository / RESULTS / name,
        lambda rows: [row for row in rows if row is not next(r for r in rows if r["corpus"] == "seen")],
    )
    faulty(repository, rf"{name}: 1 row missing, first .* seen")


def test_documents_of_another_entry_must_not_move_with_a_submitted_corpus(repository: Path) -> None:
    add_corpus(repository, samples=True)
    path = repository / RESULTS / "documents.parquet"
    table = pq.read_table(path)
    values = table["value"].to_numpy().copy()
    values[0] = 0.125
    place = table.schema.get_field_index("value")
    pq.write_table(table.set_column(place, "value", pa.array(values)), path)
    faulty(repository, r"documents\.parquet: 1 row differs")


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
    faulty(repository, f"first stage whose output differs is {first}$")


def test_where_the_stages_agree_the_first_table_that_differs_is_named(repository: Path) -> None:
    for name in ("comparisons.csv", "entries.csv", "curves.csv"):
        replace(repository / RESULTS / name, "gap-lr3e-3", "gap-lr3e-4")
    faulty(repository, r"the first stage whose output differs is score, in curves\.csv")


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
    old: str, new: str, said: str, repository: Path, printed: Callable[[], str]
) -> None:
    replace(repository / "params.yaml", old, new)
    if "claims" in said:
        replace(repository / RESULTS / "claims.json", '"inconclusive"', '"reproduced"')
    else:
        edit_csv(repository / RESULTS / "runs.csv", setting("distance", "9", model="micro-1"))
    assert said in printed()


def test_a_changed_model_leaves_the_rows_of_others_compared(repository: Path) -> None:
    replace(repository / "params.yaml", "hidden: 32", "hidden: 40")
    edit_csv(repository / RESULTS / "runs.csv", setting("distance", "9", model="micro-2"))
    faulty(repository, r"runs\.csv: \d+ rows differ, first micro-2")


def test_changed_steps_leave_the_rungs_compared(repository: Path) -> None:
    replace(repository / "params.yaml", STEPS, FEWER)
    edit_csv(repository / RESULTS / "scores.csv", setting("score", "0.5", row_kind="rung"))
    faulty(repository, r"scores\.csv: \d+ rows differ, first micro-1 none none")


def test_changed_code_of_a_stage_is_named_and_no_row_is_compared(
    repository: Path, printed: Callable[[], str]
) -> None:
    replace(repository / "benchmark/scoring/ranks.py", "import", "import  ")
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    assert "benchmark/scoring/ranks.py (code of score)" in printed()


def test_changed_code_of_scoring_leaves_the_stages_before_it_compared(repository: Path) -> None:
    replace(repository / "benchmark/scoring/ranks.py", "import", "import  ")
    replace(repository / "dvc.lock", out_of(repository, "base@micro-2"), f"{'0' * 32}.dir")
    faulty(repository, "base@micro-2")


def test_a_missing_file_is_a_fault_with_changed_code_too(repository: Path) -> None:
    replace(repository / "benchmark/corpora/micro_corpora.py", "import", "import  ")
    (repository / RESULTS / "pairs.csv").unlink()
    faulty(repository, r"pairs\.csv is missing")


def test_code_that_no_stage_depends_on_does_not_count(repository: Path) -> None:
    replace(repository / "benchmark/cli.py", "import", "import  ")
    replace(repository / "benchmark/diff/diff_command.py", "import", "import  ")
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    faulty(repository, "bytes differ")


def test_code_that_was_committed_before_it_was_run_is_known_from_the_lock(
    repository: Path, printed: Callable[[], str]
) -> None:
    lock = repository / "dvc.lock"
    digest = (
        lock.read_text(encoding="utf-8")
        .split("path: benchmark/results/score_track.py\n")[1]
        .split("md5: ")[1][:32]
    )
    replace(lock, digest, "0" * 32)
    replace(repository / RESULTS / "runs.csv", "max_steps", "diverged")
    assert "benchmark/results/score_track.py (code of score)" in printed()


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
