"""`gapbench diff` says whether results are the same, and if not what moved and whether that is a fault."""

import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from benchmark.diff import diff
from benchmark.errors import CheckFailed, InputError
from benchmark.schema import TABLES
from benchmark.scoring.write import write_csv

HEAD = "track,model,arm,corpus,baseline,baseline_kind,baseline_arm,scope,delta,verdict\n"
ROW = "t,m,gap,c,big,rung,none,all,{delta},{verdict}\n"


def write(
    root: Path,
    *,
    delta: str = "0.1",
    verdict: str = "comparable",
    flags: str = "same",
    claim: str = "reproduced",
) -> None:
    folder = root / "results" / "t"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comparisons.csv").write_text(HEAD + ROW.format(delta=delta, verdict=verdict))
    claims = {"claims": [{"id": "C4", "outcome": claim, "parts": []}]}
    (folder / "claims.json").write_text(json.dumps(claims))
    machine = {"cpu": "c", "cpu_flags_sha256": flags, "gpu": []}
    (folder / "provenance.json").write_text(json.dumps({"hardware": machine, "packages": {"torch": "1"}}))


def commit_all(root: Path) -> None:
    for command in (("add", "-A"), ("commit", "-qm", "results")):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=root, check=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit_all(tmp_path)
    return tmp_path


def test_equal_bytes_are_said_to_be_equal(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diff(root, "HEAD", "t")
    assert "byte for byte" in capsys.readouterr().out


def test_other_bytes_on_a_like_machine_are_a_fault(root: Path) -> None:
    write(root, delta="0.1001")
    with pytest.raises(CheckFailed, match="bytes differ on a like machine"):
        diff(root, "HEAD", "t")


def test_other_bytes_on_another_machine_are_none_and_the_largest_difference_is_printed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, delta="0.1001", verdict="inconclusive", flags="other")
    diff(root, "HEAD", "t")
    printed = capsys.readouterr().out
    assert "comparisons.csv delta: largest difference 0.0001" in printed
    assert "comparable -> inconclusive" in printed


def test_a_claim_that_moves_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, claim="not reproduced", flags="other")
    diff(root, "HEAD", "t")
    assert "claim C4: reproduced -> not reproduced" in capsys.readouterr().out


def test_a_verdict_that_crosses_parity_is_a_fault_on_any_machine(root: Path) -> None:
    write(root, verdict="inferior", flags="other")
    with pytest.raises(CheckFailed, match="moved between parity or better and inferior"):
        diff(root, "HEAD", "t")


def test_provenance_alone_does_not_count(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, flags="other")
    diff(root, "HEAD", "t")
    assert "byte for byte" in capsys.readouterr().out


@pytest.mark.parametrize(("revision", "track"), [("no-such-commit", "t"), ("HEAD", "no-such-track")])
def test_an_unknown_revision_or_track_is_refused(root: Path, revision: str, track: str) -> None:
    with pytest.raises(InputError):
        diff(root, revision, track)


def test_both_sides_are_named_by_revision_and_path(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=root, text=True).strip()
    diff(root, "HEAD", "t")
    printed = capsys.readouterr().out
    assert f"results/t at {commit[:10]}: made on cpu c" in printed
    assert f"{root / 'results' / 't'}: made on cpu c" in printed


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_that_moves_has_its_largest_difference_told(
    name: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = TABLES[name]
    figure = next(field.name for field in reversed(schema) if field.type == pa.float64())
    rows = [
        {field.name: 0.25 if field.type == pa.float64() else 1 for field in schema} | {"scope": scope}
        for scope in (("all", "dialogue") if "scope" in schema.names else ("all",))
    ]
    path = root / "results" / "t" / name
    for value in (0.25, 0.5):
        rows[-1][figure] = value
        if "verdict" in schema.names:
            rows = [{**row, "verdict": "inconclusive"} for row in rows]
        write_csv(path, rows, schema)
        if value == 0.25:
            commit_all(root)
    with pytest.raises(CheckFailed):
        diff(root, "HEAD", "t")
    assert f"{name} {figure}: largest difference 0.25" in capsys.readouterr().out


def test_a_verdict_that_gives_way_to_no_data_is_told_and_crosses_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, verdict="no data", flags="other")
    diff(root, "HEAD", "t")
    assert "comparable -> no data" in capsys.readouterr().out
