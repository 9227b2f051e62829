"""`gapbench diff` says whether results are the same, and if not what moved and whether that is a fault."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from benchmark.diff import diff
from benchmark.diff.changed_inputs import Inputs
from benchmark.diff.comparable import Scope
from benchmark.diff.compared_tables import missing_rows, numbered_soups
from benchmark.diff.verdict_changes import comparable_claims
from benchmark.errors import CheckFailed, InputError
from benchmark.results.result_files import write_csv
from benchmark.schema.result_columns import TABLES, Family, tables
from tests.pipeline.small import ROOT
from tests.pipeline.small import commit as commit_all

HEAD = "track,model,arm,corpus,baseline,baseline_kind,baseline_arm,scope,delta,ci_low,ci_high,verdict\n"
ROW = "t,m,gap,c,big,rung,none,all,{delta},,,{verdict}\n"
GAIN = "t,m,gap,c,m,base,none,all,{gain},-0.01,0.03,inconclusive\n"
Show = Callable[..., str]
SCORES = "track,row_kind,model,arm,corpus,scope,score\nt,rung,big,none,none,all,{score}\nt,rung,m,none,none,all,0.3\n"

FIGURES = {"delta": "0.1", "verdict": "comparable", "gain": "0.01", "score": "0.5", "claim": "reproduced"}
MACHINE = {"flags": "same", "torch": "1"}


def write(root: Path, **given: str) -> Path:
    """A track's results with FIGURES and MACHINE, except for what is `given`; `arithmetic` may be given too."""
    folder = root / "results" / "t"
    folder.mkdir(parents=True, exist_ok=True)
    has = FIGURES | MACHINE | given
    (folder / "comparisons.csv").write_text(HEAD + ROW.format(**has) + GAIN.format(**has))
    (folder / "scores.csv").write_text(SCORES.format(**has))
    claims = {"claims": [{"id": "C4", "outcome": has["claim"], "parts": []}]}
    (folder / "claims.json").write_text(json.dumps(claims) + "\n")
    machine = {"cpu": "c", "cpu_flags_sha256": has["flags"], "gpu": []}
    facts = {"hardware": machine, "packages": {"torch": has["torch"]}}
    facts |= {"arithmetic": has["arithmetic"]} if has.get("arithmetic") else {}
    (folder / "provenance.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit_all(tmp_path)
    return tmp_path


@pytest.fixture
def show(root: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """What `gapbench diff` prints where it finds no fault."""

    def printed(**options: bool) -> str:
        diff(root, "HEAD", "t", **options)
        return capsys.readouterr().out

    return printed


def test_equal_bytes_are_said_to_be_equal_in_one_line(root: Path, show: Show) -> None:
    printed = show()
    assert "byte for byte (3 files, provenance apart)" in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"delta": "0.1001", "verdict": "inconclusive"},
            ["comparisons.csv delta: largest difference 0.0001", "comparable -> inconclusive"],
        ),
        ({"claim": "inconclusive"}, ["claim C4: reproduced -> inconclusive"]),
        ({"verdict": "inferior"}, ["1 of 2 moved, 1 of them across parity"]),
        ({"verdict": "no data"}, ["comparable -> no data", "0 of them across parity"]),
    ],
)
def test_what_moves_with_another_arithmetic_is_named_and_no_fault(
    changes: dict[str, str], said: list[str], root: Path, show: Show
) -> None:
    write(root, flags="other", **changes)
    printed = show(everything=True)
    assert [words for words in said if words not in printed] == []


RUNG = r"rung's score is outside its bound, farthest big all 0\.5000"
WIDENED = r"gain is outside its bound, farthest m/gap/c all 0\.0100"


@pytest.mark.parametrize(
    ("figure", "value", "fault"),
    [
        *[("score", value, fault) for value, fault in (("0.553", ""), ("0.555", RUNG), ("", RUNG))],
        *[
            ("gain", value, fault)
            for value, fault in (("0.083", ""), ("0.085", WIDENED), ("-0.065", WIDENED))
        ],
    ],
)
def test_a_score_may_move_by_four_deviations_of_a_draw_and_a_gain_by_its_interval_and_that(
    figure: str, value: str, fault: str, root: Path, show: Show
) -> None:
    write(root, flags="other", **{figure: value})
    if fault:
        with pytest.raises(CheckFailed, match=fault):
            show()
    else:
        show()


def test_another_arithmetic_takes_five_lines_and_the_rest_is_left_to_all(root: Path, show: Show) -> None:
    write(root, delta="0.1001", gain="0.02", score="0.52", verdict="inconclusive", flags="other")
    printed = show()
    assert printed.count("\n") == 5
    assert "other bits are expected, the same claims are required" in printed
    assert "rungs: 2 of 2 inside" in printed
    assert "big all 0.5000 -> 0.5200, allowed 0.4460 to 0.5540" in printed  # 4 x 0.0135
    assert "m/gap/c all 0.0100 -> 0.0200, allowed -0.0640 to 0.0840" in printed
    assert "verdicts: 1 of 2 moved, 0 of them across parity" in printed
    assert "claims: all 1 as committed" in printed


def test_the_name_of_the_arithmetic_decides_and_not_the_machine(root: Path) -> None:
    write(root, arithmetic="portable-x86-64-v1")
    commit_all(root)
    write(root, delta="0.1001", arithmetic="portable-x86-64-v1", flags="other")
    with pytest.raises(CheckFailed, match=r"under the same arithmetic, portable-x86-64-v1: .* score"):
        diff(root, "HEAD", "t")
    write(root, delta="0.1001", arithmetic="native: torch 1, AVX512, c")
    diff(root, "HEAD", "t")


def test_other_versions_count_as_another_arithmetic_and_are_named(root: Path, show: Show) -> None:
    write(root, arithmetic="portable-x86-64-v1")
    commit_all(root)
    write(root, delta="0.1001", torch="2", arithmetic="portable-x86-64-v1")
    assert "package versions differ (torch 1 -> 2)" in show()


@pytest.mark.parametrize(
    ("before", "after"), [("reproduced", "not reproduced"), ("not reproduced", "reproduced")]
)
def test_a_claim_that_turns_is_named_and_a_fault_on_any_machine(
    before: str, after: str, root: Path, show: Show
) -> None:
    write(root, claim=before)
    commit_all(root)
    write(root, claim=after, flags="other")
    with pytest.raises(CheckFailed, match=f"claim C4: {before} -> {after}"):
        assert f"claim C4: {before} -> {after}" in show()


@pytest.mark.parametrize("flags", ["same", "other"])
@pytest.mark.parametrize("name", ["comparisons.csv", "claims.json", "scores.csv"])
def test_a_missing_file_is_a_fault_on_any_machine(name: str, flags: str, root: Path) -> None:
    (write(root, flags=flags) / name).unlink()
    with pytest.raises(CheckFailed, match=f"{name} is missing"):
        diff(root, "HEAD", "t")


def older(root: Path) -> None:
    """Commit a table from before there were measures, with a column that today's table does not have."""
    path = write(root) / "comparisons.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{head},n_runs", *(f"{row},5" for row in rows)]) + "\n")
    commit_all(root)


def newer(root: Path, *, gain: str = "0.01", flags: str = "other") -> None:
    """Results with both measures beside it."""
    path = write(root, gain=gain, flags=flags) / "comparisons.csv"
    head, *rows = path.read_text().splitlines()
    place = head.split(",").index("scope")

    def row(line: str, *cells: str) -> str:
        given = line.split(",")
        given[place : place + 1] = [cells[0], cells[1] or given[place]]
        return ",".join([*given, *cells[2:]])

    lines = [row(head, "measure", "scope", "n_texts", "n_draws")]
    lines += [row(line, "score", "", "5", "3") for line in rows]
    lines += [row(line, "probability", "dialogue", "5", "3") for line in rows]
    path.write_text("\n".join(lines) + "\n")


def test_tables_of_an_older_version_are_told_in_one_line_and_compared_by_what_both_have(
    root: Path, show: Show
) -> None:
    older(root)
    newer(root)
    printed = show(everything=True)
    (told,) = [line for line in printed.splitlines() if "another version" in line]
    assert "comparisons.csv (without n_runs; 3 columns new)" in told and "both have are compared" in told
    assert "verdicts: 0 of 2 moved" in printed


def shortened(root: Path, shorter: Callable[[list[str]], list[str]]) -> None:
    path = write(root, flags="other") / "scores.csv"
    path.write_text("\n".join(shorter(path.read_text().splitlines())) + "\n")


def both_versions(root: Path, **changes: str) -> None:
    older(root)
    newer(root, **changes)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda root: write(root, delta="0.1001"), "bytes differ on a similar machine"),
        (
            lambda root: shortened(root, lambda lines: lines[:-1]),
            r"scores\.csv: 1 row missing, first m none none all",
        ),
        (
            lambda root: shortened(root, lambda lines: [line.rpartition(",")[0] for line in lines]),
            r"scores\.csv: column score is missing",
        ),
        (
            lambda root: (write(root, flags="other") / "claims.json").write_text('{"claims": []}'),
            "claim C4 is missing",
        ),
        (
            lambda root: (write(root, flags="other") / "scores.csv").write_text('"'),
            r"scores\.csv: cannot be read as a table",
        ),
        (
            lambda root: both_versions(root, gain="0.2"),
            r"1 times a gain is outside its bound, farthest m/gap/c all 0\.0100",
        ),
        (lambda root: both_versions(root, flags="same"), "bytes differ on a similar machine"),
    ],
)
def test_a_fault_is_named(spoil: Callable[[Path], object], fault: str, root: Path) -> None:
    spoil(root)
    with pytest.raises(CheckFailed, match=fault):
        diff(root, "HEAD", "t")


def test_a_claim_depends_on_what_its_estimates_and_controls_name(root: Path) -> None:
    control = {"control": "positive", "entry": "micro-1/lessons/text", "delta": None}
    estimate = {"model": "micro-2", "arm": "gap", "corpus": "code", "delta": 0.1}
    claims = [
        {"id": "C0", "outcome": "reproduced", "estimates": [control], "parts": []},
        {"id": "C1", "outcome": "reproduced", "estimates": [estimate], "parts": []},
    ]
    content = json.dumps({"claims": claims}).encode()
    for arm, kept in (("lessons", {"C1"}), ("gap", {"C0"}), ("other", {"C0", "C1"})):
        named = {"models": frozenset(), "corpora": frozenset(), "arms": frozenset({arm})}
        scope = Scope(Inputs(named, frozenset(), {}, False, ()))
        assert set(comparable_claims(content, content, scope)) == kept


@pytest.mark.parametrize("flags", ["same", "other"])
def test_rows_of_a_new_entry_are_no_fault(flags: str, root: Path) -> None:
    path = write(root, flags=flags) / "comparisons.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows, *(row.replace(",gap,c,", ",gap,new,") for row in rows[1:])]) + "\n")
    diff(root, "HEAD", "t")


def test_provenance_alone_does_not_count(root: Path, show: Show) -> None:
    write(root, flags="other")
    assert "byte for byte" in show()


@pytest.mark.parametrize(("revision", "track"), [("no-such-commit", "t"), ("HEAD", "no-such-track")])
def test_an_unknown_revision_or_track_is_refused(root: Path, revision: str, track: str) -> None:
    with pytest.raises(InputError, match=f"{revision if revision != 'HEAD' else track}: no"):
        diff(root, revision, track)


def test_both_sides_are_named_by_revision_and_path(root: Path, show: Show) -> None:
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=root, text=True).strip()
    printed = show(everything=True)
    assert f"results/t at {commit[:10]}: made on cpu c" in printed
    assert f"{root / 'results' / 't'}: made on cpu c" in printed


@pytest.mark.parametrize("name", TABLES)
def test_every_table_that_moves_has_its_largest_difference_told(name: str, root: Path, show: Show) -> None:
    schema = tables((Family("classification"), Family("dialogue", written=True)))[name]
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
        assert f"{name} {figure}: largest difference 0.25" in show()


@pytest.mark.parametrize("flags", ["same", "other"])
def test_line_ends_alone_are_said_to_be_all_that_differs(
    flags: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(root, flags=flags)
    for name in ("comparisons.csv", "claims.json"):
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))
    said = "claims.json: only line ends differ: git wrote them on checkout"
    if flags == "other":
        diff(root, "HEAD", "t")
        assert said in capsys.readouterr().out
    else:
        with pytest.raises(CheckFailed, match=said):
            diff(root, "HEAD", "t")


def test_a_clone_that_would_turn_line_ends_keeps_them(root: Path, tmp_path: Path) -> None:
    (root / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    commit_all(root)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-c", "core.autocrlf=true", str(root), str(clone)], check=True)
    diff(clone, "HEAD", "t")
    assert b"\r" not in (clone / "results" / "t" / "comparisons.csv").read_bytes()


def test_without_a_repository_one_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="not a git repository"):
        diff(tmp_path, "HEAD", "t")


def test_a_clone_of_another_user_is_refused_with_git_s_own_remedy(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(
        InputError, match=r"(?s)dubious ownership.*git config --global --add safe\.directory /"
    ):
        diff(root, "HEAD", "t")


def test_soups_of_other_members_steps_are_no_missing_rows() -> None:
    entry = {"model": ["m"] * 3, "arm": ["soup", "soup", "gap"], "corpus": ["c"] * 3, "seed": [0] * 3}
    before = pd.DataFrame(entry | {"text_id": ["soup-b", "soup-a", "t"]})
    after = pd.DataFrame(entry | {"text_id": ["soup-x", "soup-y", "t"]})
    assert missing_rows("runs.csv", before, after)
    assert missing_rows("runs.csv", numbered_soups(before), numbered_soups(after)) == []
    fewer = numbered_soups(after.iloc[1:])
    assert len(missing_rows("runs.csv", numbered_soups(before), fewer)) == 1
