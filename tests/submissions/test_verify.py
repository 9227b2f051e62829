"""`gapbench verify`: what was altered is flagged, what was not is not, and states follow from machines."""

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmark.errors import CheckFailed, InputError
from benchmark.schema.result_columns import SAMPLES
from benchmark.store.attestation import read_attestation, verification_states
from benchmark.store.entry_lookup import Entry, find_entry, samples_digest
from benchmark.store.track_paths import Layout
from benchmark.verification.compare_runs import RunName, draw_runs
from benchmark.verification.recompute import same
from benchmark.verification.run_record_check import check_records
from benchmark.verification.verify import verify

from .track import DIGEST, alter_records, alter_samples, make_track, run_key

ENTRY = "small/gap/code"


@pytest.fixture(scope="module", autouse=True)
def suite() -> Iterator[None]:
    """A suite without documents: loading the real one for the overlap of a corpus costs seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.pipeline.score_stage.suite_of", lambda *_, **__: SimpleNamespace(tasks=()))
        yield


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("track")
    make_track(root)
    return root


@pytest.fixture
def layout(pristine: Path, tmp_path: Path) -> Layout:
    root = tmp_path / "track"
    shutil.copytree(pristine, root)
    return Layout(root, "micro")


class Again:
    """A repeater that gives the samples of the unaltered track, with a little noise on log-probabilities."""

    model_digests = MappingProxyType({0: DIGEST})

    def __init__(
        self, pristine: Path, noise: float = 1e-5, change: Callable[[dict[str, Any]], None] | None = None
    ):
        self.pristine, self.noise, self.change = pristine, noise, change
        self.calls: list[RunName] = []

    def __call__(self, entry: Entry) -> "Again":
        self.samples_of = find_entry("/".join(entry.key), self.pristine).samples()
        return self

    def samples(self, run: RunName) -> pa.Table:
        self.calls.append(run)
        rows = self.samples_of.filter(pc.field("text_id") == run.text_id).to_pylist()
        for row in rows:
            if row["choice_logprobs"]:
                row["choice_logprobs"] = [value + self.noise for value in row["choice_logprobs"]]
            if self.change:
                self.change(row)
        return pa.Table.from_pylist(rows, schema=SAMPLES)


ELSEWHERE = {"host": "elsewhere", "cpu": "another"}
HERE = {"host": "here"}


def checked(layout: Layout, pristine: Path, entry: str = ENTRY, **options: Any) -> Any:
    settings: dict[str, Any] = {
        "runs": 4,
        "seed": 1,
        "here": ELSEWHERE,
        "repeater": Again(pristine),
    } | options
    return verify(entry, root=layout.root, **settings)


def test_an_untouched_entry_is_reproduced_on_another_machine(layout: Layout, pristine: Path) -> None:
    attestation = checked(layout, pristine)
    assert (attestation.state, attestation.outcome) == ("reproduced", "agrees")
    assert attestation.repetition["largest"] == pytest.approx(1e-5, rel=0.05)
    assert verification_states(layout.attestations) == {("small", "gap", "code"): "reproduced"}
    (path,) = layout.attestations.iterdir()
    assert path.name == "small--gap--code.json"
    assert read_attestation(path) == attestation


def test_on_the_machine_of_the_results_the_state_stays_self_reported(layout: Layout, pristine: Path) -> None:
    attestation = checked(layout, pristine, here=HERE)
    assert (attestation.state, attestation.outcome) == ("self-reported", "agrees")
    checked(layout, pristine)
    assert checked(layout, pristine, here=HERE).state == "reproduced"


def test_results_of_an_unknown_machine_stay_self_reported(layout: Layout, pristine: Path) -> None:
    (layout.results / "provenance.json").unlink()
    assert checked(layout, pristine).state == "self-reported"


def test_tables_alone_reproduce_nothing(layout: Layout, pristine: Path) -> None:
    assert checked(layout, pristine, runs=0).state == "self-reported"


def test_other_base_weights_leave_the_state(layout: Layout, pristine: Path) -> None:
    again = Again(pristine)
    again.model_digests = MappingProxyType({0: "another"})
    attestation = checked(layout, pristine, repeater=again)
    assert (attestation.state, attestation.outcome) == ("self-reported", "weights differ")
    assert not again.calls
    checked(layout, pristine)
    assert checked(layout, pristine, repeater=again).state == "reproduced"


TALK = {"arm": "gap", "task": "talk"}
VALUES = {
    "a score at a step": TALK | {"step": 1, "split": "test"},
    "a score at another step": TALK | {"step": 5, "split": "test"},
    "a score among the documents that choose": TALK | {"step": 1, "split": "select"},
    "an accuracy": {"arm": "gap", "task": "choices", "step": 5, "split": "test", "value": 0.0},
}


@pytest.mark.parametrize("case", VALUES)
@pytest.mark.parametrize("records_too", [False, True])
def test_a_stored_value_altered_by_a_thousandth_is_found(
    layout: Layout, pristine: Path, case: str, records_too: bool
) -> None:
    alter_samples(layout, "code", lambda row: row.update(value=row["value"] + 0.001), VALUES[case])
    if records_too:
        alter_records(layout, "code", "gap", lambda record: record.update(steps=record["steps"][:1]))
    attestation = checked(layout, pristine, runs=0)
    assert (attestation.state, attestation.outcome) == ("flagged", "differs")
    assert attestation.consistency["differences"] > 0


def cells(path: Path) -> list[tuple[int, str]]:
    """(row, column) of a number of the entry, for each column of a results table."""
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    of_entry = [
        n
        for n, row in enumerate(rows)
        if (row["model"], row["arm"], row["corpus"]) == ("small", "gap", "code")
    ]
    found = {}
    for number in of_entry:
        for column, value in rows[number].items():
            if "." in value and column not in {"suite_version"}:
                found.setdefault(column, (number, column))
    return list(found.values())


@pytest.mark.parametrize(
    "table", ["entries.csv", "comparisons.csv", "runs.csv", "curves.csv", "run_curves.csv", "scores.csv"]
)
def test_a_figure_of_a_table_altered_by_a_thousandth_is_found(
    layout: Layout, pristine: Path, table: str
) -> None:
    path = layout.results / table
    text = path.read_text(encoding="utf-8")
    number, column = cells(path)[len(cells(path)) // 2]
    rows = list(csv.reader(text.splitlines()))
    place = rows[0].index(column)
    value = float(rows[number + 1][place])
    rows[number + 1][place] = repr(value + 0.001 * max(1.0, abs(value)))  # tables print ten digits
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    attestation = checked(layout, pristine, runs=0)
    assert attestation.state == "flagged"
    assert any(column in fault for fault in attestation.consistency["faults"])
    assert checked(layout, pristine, "small/gap/seen", runs=0).outcome == "agrees"


def test_an_altered_verdict_is_found(layout: Layout, pristine: Path) -> None:
    path = layout.results / "comparisons.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    verdict = next(
        word for word in ("inconclusive", "inferior", "superior", "comparable") if word in lines[1]
    )
    lines[1] = lines[1].replace(verdict, "superior" if verdict != "superior" else "inferior")
    path.write_text("".join(lines), encoding="utf-8")
    entry = "/".join(lines[1].split(",")[2:5])
    assert checked(layout, pristine, entry, runs=0).state == "flagged"


def test_a_dropped_run_is_found(layout: Layout, pristine: Path) -> None:
    path = layout.cell("small", "code") / "samples.parquet"
    table = pq.read_table(path)
    kept = table.filter(~((pc.field("arm") == "gap") & (pc.field("text_id") == "code-text-2")))
    pq.write_table(kept, path)
    assert checked(layout, pristine, runs=0).state == "flagged"


def test_altered_documents_shown_on_pages_are_found(layout: Layout, pristine: Path) -> None:
    path = layout.results / "documents.parquet"
    rows = pq.read_table(path).to_pylist()
    next(row for row in rows if (row["arm"], row["corpus"]) == ("gap", "code"))["prediction"] = "nicer"
    pq.write_table(pa.Table.from_pylist(rows, schema=SAMPLES), path)
    assert checked(layout, pristine, runs=0).state == "flagged"


def test_what_is_altered_in_a_control_or_another_corpus_does_not_flag_an_entry(
    layout: Layout, pristine: Path
) -> None:
    nearly = lambda row: row.update(value=row["value"] + 0.001)  # noqa: E731 - used twice, named once
    alter_samples(layout, "code", nearly, {"arm": "random", "task": "talk", "step": 5, "split": "test"})
    alter_samples(layout, "seen", nearly, {"arm": "gap", "task": "talk", "step": 5, "split": "test"})
    assert checked(layout, pristine).outcome == "agrees"
    assert checked(layout, pristine, "small/random/code", runs=0).state == "flagged"
    assert checked(layout, pristine, "small/gap/seen", runs=0).state == "flagged"


def test_the_drawn_runs_are_recorded_and_follow_from_the_seed(layout: Layout, pristine: Path) -> None:
    again = Again(pristine)
    attestation = checked(layout, pristine, runs=2, seed=None, repeater=again)
    records = find_entry(ENTRY, layout.root).records()
    assert again.calls == draw_runs(records, 2, attestation.seed)
    assert [run["text_id"] for run in attestation.runs] == [run.text_id for run in again.calls]
    assert len({tuple(draw_runs(records, 2, seed)) for seed in range(50)}) == 6


def flip(row: dict[str, Any], margin: float) -> None:
    """Make the answer to one question another one, at a margin."""
    if (row["task"], row["doc_id"], row["step"], row["text_id"]) == ("choices", 100, 1, "code-text-0"):
        row["choice_logprobs"] = [-1.0, -1.0 + margin, -9.0]
        row |= {"prediction": "1", "value": 0.0}


def stand(row: dict[str, Any]) -> None:
    row["choice_logprobs"] = [-1.0, -1.0, -9.0]
    row |= {"prediction": "0", "value": 1.0}


QUESTION = {"arm": "gap", "task": "choices", "doc_id": 100, "step": 1, "text_id": "code-text-0"}


@pytest.mark.parametrize(("margin", "allowed"), [(5e-4, True), (2e-3, False)])
def test_an_answer_flips_only_where_its_margin_is_small(
    pristine: Path, tmp_path: Path, margin: float, allowed: bool
) -> None:
    root = tmp_path / "close"
    shutil.copytree(pristine, root)
    alter_samples(Layout(root, "micro"), "code", stand, QUESTION)
    entry = find_entry(ENTRY, root)
    from benchmark.verification.verify import repeat

    again = Again(root, noise=0.0, change=lambda row: flip(row, margin))(entry)
    outcome = repeat(again, [RunName(0, "code-text-0", 0)], entry.samples())
    assert (outcome.flips, not outcome.faults) == ((1, True) if allowed else (0, False))


def test_generated_answers_may_differ_in_a_few_documents_only(layout: Layout, pristine: Path) -> None:
    def other(row: dict[str, Any]) -> None:
        if row["task"] == "talk" and row["doc_id"] < limit:
            row |= {"prediction": "another answer", "value": 0.5}

    limit = 1
    assert checked(layout, pristine, repeater=Again(pristine, change=other)).outcome == "agrees"
    limit = 5
    assert checked(layout, pristine, repeater=Again(pristine, change=other)).state == "flagged"


def test_a_score_of_an_unchanged_answer_may_not_differ(layout: Layout, pristine: Path) -> None:
    def better(row: dict[str, Any]) -> None:
        if row["task"] == "talk" and row["doc_id"] == 3:
            row["value"] += 1e-6

    assert checked(layout, pristine, repeater=Again(pristine, change=better)).state == "flagged"


def test_new_results_lose_an_old_state(layout: Layout, pristine: Path) -> None:
    checked(layout, pristine)
    entry = find_entry(ENTRY, layout.root)

    def digest_of(key: tuple[str, str, str]) -> str:
        return samples_digest(find_entry("/".join(key), layout.root).samples())

    assert verification_states(layout.attestations, digest_of) == {entry.key: "reproduced"}
    alter_samples(layout, "code", lambda row: row.update(prediction="x"), {"arm": "gap"})
    assert verification_states(layout.attestations, digest_of) == {}


@pytest.mark.parametrize(
    "name",
    [
        "small/gap",
        "small/gap/nothing",
        "nobody/gap/code",
        "small/gop/code",
        "other/small/gap/code",
        "../../x",
        "",
    ],
)
def test_an_unknown_entry_is_refused(layout: Layout, name: str) -> None:
    with pytest.raises(InputError, match="entry"):
        verify(name, root=layout.root)


def test_an_entry_without_runs_is_refused(layout: Layout) -> None:
    with pytest.raises(InputError, match="no stored runs"):
        verify("large/gap/code", root=layout.root)


def test_a_damaged_attestation_is_refused(layout: Layout, pristine: Path) -> None:
    checked(layout, pristine)
    (path,) = layout.attestations.iterdir()
    renamed = path.rename(path.with_name("small--gap--seen.json"))
    with pytest.raises(InputError, match="tells of"):
        verification_states(layout.attestations)
    renamed.write_text(
        renamed.read_text(encoding="utf-8").replace("reproduced", "excellent"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="no attestation"):
        verification_states(layout.attestations)


def test_tables_that_cannot_be_computed_change_no_state(layout: Layout, pristine: Path) -> None:
    missing = layout.cell("large", "none") / "base.json"
    missing.unlink()
    with pytest.raises(CheckFailed, match=re.escape(str(missing))):
        checked(layout, pristine)
    assert not layout.attestations.exists()


def test_looking_removes_nothing(layout: Layout, pristine: Path) -> None:
    """Scoring drops the cells that the settings no longer name; a check may not."""
    stale = layout.cell("small", "gone")
    shutil.copytree(layout.cell("small", "code"), stale)
    before = {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
    assert checked(layout, pristine).outcome == "agrees"
    (attestation,) = layout.attestations.iterdir()
    after = {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {attestation}
    assert before.items() <= after.items()


def test_printed_figures_agree_to_their_digits() -> None:
    assert same("0.1234567891", "0.1234567892")
    assert not same("0.1234567891", "0.1234567901")
    assert same("12345678910", "12345678911")
    assert same("", "")
    assert not same("", "0.5")
    assert not same("superior", "inferior")
    assert not same("0", "1e-11")


def test_runs_of_one_text_on_two_draws_are_held_to_their_own_records() -> None:
    def row(draw: int, value: float) -> dict[str, Any]:
        row = run_key("m", "gap", "c", "t", draw=draw) | {"step": 1, "task": "cause", "doc_id": 0}
        return row | {"family": "classification", "split": "test", "metric": "acc", "value": value}

    def record(draw: int, value: float) -> dict[str, Any]:
        step = {"step": 1, "metrics": {"cause": {"acc": value}}, "averages": {"all": value}}
        return {"draw": draw, "text_id": "t", "seed": 0, "steps": [step]}

    samples = pa.Table.from_pylist([row(0, 1.0), row(1, 0.0)], schema=SAMPLES)
    assert check_records(samples, [record(0, 1.0), record(1, 0.0)]) == []
    assert len(check_records(samples, [record(0, 0.0), record(1, 0.0)])) == 2
