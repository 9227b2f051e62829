"""`gapbench verify`: what was altered is flagged, what was not is not, and states follow from machines."""

import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmark.corpora.texts import stored_texts
from benchmark.errors import CheckFailed, InputError
from benchmark.posttrain.record import RunRecord, StepRecord
from benchmark.schema.stored_columns import SAMPLES
from benchmark.store.attestation import read_attestation, verification_states
from benchmark.store.entry_lookup import Entry, find_entry, samples_digest
from benchmark.store.track_paths import TrackPaths
from benchmark.verification.compare_runs import RunName, draw_runs
from benchmark.verification.recompute import same
from benchmark.verification.run_record_check import check_records, entry_records
from benchmark.verification.verify import repeat, verify
from tests.conftest import replace_in
from tests.pipeline.small import edit_csv, tree
from tests.verification.conftest import Change, alter_samples

ENTRY = "small/gap/code"


NOISE = 2.0**-13
"""Nats, exact in single precision beside any log-probability here."""


class Again:
    """A repeater that gives the samples of the unaltered track, with a little noise on log-probabilities."""

    def __init__(
        self, pristine: Path, noise: float = NOISE, change: Change | None = None, digest: str | None = None
    ):
        self.pristine, self.noise, self.change, self.digest = pristine, noise, change, digest
        self.calls: list[RunName] = []

    def __call__(self, entry: Entry) -> "Again":
        self.samples_of = find_entry("/".join(entry.key), self.pristine).samples()
        self.model_digests = {0: self.digest or entry_records(entry)[0].model_digest}
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
HERE = {"host": "there"}


def text_of(paths: TrackPaths, index: int) -> str:
    return stored_texts(paths.corpus("code"))[index].text_id


def checked(paths: TrackPaths, pristine: Path, entry: str = ENTRY, **options: Any) -> Any:
    settings: dict[str, Any] = {
        "runs": 4,
        "seed": 1,
        "here": ELSEWHERE,
        "repeater": Again(pristine),
    } | options
    return verify(entry, root=paths.root, **settings)


def test_an_untouched_entry_is_reproduced_on_another_machine(paths: TrackPaths, pristine: Path) -> None:
    attestation = checked(paths, pristine)
    assert (attestation.state, attestation.outcome) == ("reproduced", "agrees")
    assert attestation.repetition["largest"] == NOISE
    assert verification_states(paths.attestations) == {("small", "gap", "code"): "reproduced"}
    (path,) = paths.attestations.iterdir()
    assert path.name == "small--gap--code.json"
    assert read_attestation(path) == attestation


def test_on_the_machine_of_the_results_the_state_stays_self_reported(
    paths: TrackPaths, pristine: Path
) -> None:
    attestation = checked(paths, pristine, here=HERE)
    assert (attestation.state, attestation.outcome) == ("self-reported", "agrees")
    checked(paths, pristine)
    assert checked(paths, pristine, here=HERE).state == "reproduced"


def test_results_of_an_unknown_machine_stay_self_reported(paths: TrackPaths, pristine: Path) -> None:
    (paths.results / "provenance.json").unlink()
    assert checked(paths, pristine).state == "self-reported"


def test_tables_alone_reproduce_nothing(paths: TrackPaths, pristine: Path) -> None:
    assert checked(paths, pristine, runs=0).state == "self-reported"


def test_other_base_weights_leave_the_state(paths: TrackPaths, pristine: Path) -> None:
    again = Again(pristine, digest="another")
    attestation = checked(paths, pristine, repeater=again)
    assert (attestation.state, attestation.outcome) == ("self-reported", "weights differ")
    assert not again.calls
    checked(paths, pristine)
    assert checked(paths, pristine, repeater=again).state == "reproduced"


TALK = {"arm": "gap", "task": "micro_persona"}
VALUES = {
    "a score at a step": TALK | {"step": 1, "split": "test"},
    "a score at another step": TALK | {"step": 3, "split": "test"},
    "a score among the documents that choose": TALK | {"step": 1, "split": "select"},
    "an accuracy": {"arm": "gap", "task": "micro_cause", "step": 3, "split": "test"},
}


@pytest.mark.parametrize("case", VALUES)
@pytest.mark.parametrize("records_too", [False, True])
def test_a_stored_value_altered_by_a_thousandth_is_found(
    paths: TrackPaths, pristine: Path, case: str, records_too: bool
) -> None:
    alter_samples(paths, "code", lambda row: row.update(value=row["value"] + 0.001), VALUES[case])
    if records_too:
        records = RunRecord.read_all(paths.run_group("small", "code") / "runs.jsonl")
        first = records[0].model_copy(update={"steps": records[0].steps[:1]})
        RunRecord.write_all(paths.run_group("small", "code") / "runs.jsonl", [first, *records[1:]])
    attestation = checked(paths, pristine, runs=0)
    assert (attestation.state, attestation.outcome) == ("flagged", "differs")
    assert attestation.consistency["differences"] > 0


def figures(row: dict[str, str]) -> list[str]:
    """The columns of a row that hold a broken number."""
    return [name for name, value in row.items() if "." in value and name != "suite_version"]


def alter_table(path: Path, change: Change) -> None:
    """Apply `change` to the first row of the entry in a results table that holds a broken number."""

    def altered(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        own = [row for row in rows if (row["model"], row["arm"], row["corpus"]) == ("small", "gap", "code")]
        change(next(row for row in own if figures(row)))
        return rows

    edit_csv(path, altered)


@pytest.mark.parametrize(
    "table", ["entries.csv", "comparisons.csv", "runs.csv", "curves.csv", "run_curves.csv", "scores.csv"]
)
def test_a_figure_of_a_table_altered_by_a_thousandth_is_found(
    paths: TrackPaths, pristine: Path, table: str
) -> None:
    changed = []

    def change(row: dict[str, Any]) -> None:
        changed.append(figures(row)[len(figures(row)) // 2])
        value = float(row[changed[0]])
        row[changed[0]] = repr(value + 0.001 * max(1.0, abs(value)))  # tables print ten digits

    alter_table(paths.results / table, change)
    attestation = checked(paths, pristine, runs=0)
    assert attestation.state == "flagged"
    assert any(changed[0] in fault for fault in attestation.consistency["faults"])
    assert checked(paths, pristine, "small/gap/seen", runs=0).outcome == "agrees"


def test_an_altered_verdict_is_found(paths: TrackPaths, pristine: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        row["verdict"] = "superior" if row["verdict"] != "superior" else "inferior"

    alter_table(paths.results / "comparisons.csv", change)
    assert checked(paths, pristine, runs=0).state == "flagged"


def test_a_dropped_run_is_found(paths: TrackPaths, pristine: Path) -> None:
    path = paths.run_group("small", "code") / "samples.parquet"
    table = pq.read_table(path)
    kept = table.filter(~((pc.field("arm") == "gap") & (pc.field("text_id") == text_of(paths, 2))))
    pq.write_table(kept, path)
    assert checked(paths, pristine, runs=0).state == "flagged"


def test_altered_documents_shown_on_pages_are_found(paths: TrackPaths, pristine: Path) -> None:
    path = paths.results / "documents.parquet"
    rows = pq.read_table(path).to_pylist()
    next(row for row in rows if (row["arm"], row["corpus"]) == ("gap", "code"))["prediction"] = "nicer"
    pq.write_table(pa.Table.from_pylist(rows, schema=SAMPLES), path)
    assert checked(paths, pristine, runs=0).state == "flagged"


def test_what_is_altered_in_a_control_or_another_corpus_does_not_flag_an_entry(
    paths: TrackPaths, pristine: Path
) -> None:
    nearly = lambda row: row.update(value=row["value"] + 0.001)  # noqa: E731 - used twice, named once
    alter_samples(
        paths, "code", nearly, {"arm": "random", "task": "micro_persona", "step": 3, "split": "test"}
    )
    alter_samples(paths, "seen", nearly, {"arm": "gap", "task": "micro_persona", "step": 3, "split": "test"})
    assert checked(paths, pristine).outcome == "agrees"
    assert checked(paths, pristine, "small/random/code", runs=0).state == "flagged"
    assert checked(paths, pristine, "small/gap/seen", runs=0).state == "flagged"


def test_a_log_probability_altered_by_a_hundredth_is_found_where_its_run_is_drawn(
    paths: TrackPaths, pristine: Path
) -> None:
    def more(row: dict[str, Any]) -> None:
        row["choice_logprobs"][1] -= 0.01

    where = {"arm": "gap", "task": "micro_cause", "step": 1, "split": "select", "text_id": text_of(paths, 1)}
    alter_samples(paths, "code", more, where)
    attestation = checked(paths, pristine)
    assert attestation.state == "flagged"
    assert attestation.repetition["differences"] == 1
    assert "text 1" in attestation.repetition["faults"][0]


def test_the_drawn_runs_are_recorded_and_follow_from_the_seed(paths: TrackPaths, pristine: Path) -> None:
    again = Again(pristine)
    attestation = checked(paths, pristine, runs=2, seed=None, repeater=again)
    records = entry_records(find_entry(ENTRY, paths.root))
    assert again.calls == draw_runs(records, 2, attestation.seed)
    assert [run["text_id"] for run in attestation.runs] == [run.text_id for run in again.calls]
    assert len({tuple(draw_runs(records, 2, seed)) for seed in range(50)}) == 6


def question(paths: TrackPaths) -> dict[str, Any]:
    """What names one stored answer to a question."""
    rows = find_entry(ENTRY, paths.root).samples().to_pylist()
    row = next(row for row in rows if row["metric"] == "acc" and row["text_id"] == text_of(paths, 0))
    return {name: row[name] for name in ("arm", "task", "split", "doc_id", "step", "text_id")}


@pytest.mark.parametrize(("margin", "allowed"), [(5e-4, True), (2e-3, False)])
def test_an_answer_flips_only_where_its_margin_is_small(
    paths: TrackPaths, margin: float, allowed: bool
) -> None:
    where = question(paths)

    def stand(row: dict[str, Any]) -> None:
        row |= {"choice_logprobs": [-1.0, -1.0, -9.0], "prediction": "0", "value": 1.0}

    def flip(row: dict[str, Any]) -> None:
        if where.items() <= row.items():
            row |= {"choice_logprobs": [-1.0, -1.0 + margin, -9.0], "prediction": "1", "value": 0.0}

    alter_samples(paths, "code", stand, where)
    entry = find_entry(ENTRY, paths.root)
    again = Again(paths.root, noise=0.0, change=flip)(entry)
    outcome = repeat(again, [RunName(0, where["text_id"], 0)], entry.samples())
    assert (outcome.flips, not outcome.faults) == ((1, True) if allowed else (0, False))


def test_generated_answers_may_differ_in_a_few_documents_only(paths: TrackPaths, pristine: Path) -> None:
    def other(row: dict[str, Any]) -> None:
        if row["task"] == "micro_persona" and left:
            left.pop()
            row |= {"prediction": "another answer", "value": 0.5}

    left = [None] * 1  # of 4 runs x 2 steps x 8 documents
    assert checked(paths, pristine, repeater=Again(pristine, change=other)).outcome == "agrees"
    left = [None] * 5
    assert checked(paths, pristine, repeater=Again(pristine, change=other)).state == "flagged"


def test_a_score_of_an_unchanged_answer_may_not_differ(paths: TrackPaths, pristine: Path) -> None:
    def better(row: dict[str, Any]) -> None:
        if row["task"] == "micro_persona":
            row["value"] += 1e-6

    assert checked(paths, pristine, repeater=Again(pristine, change=better)).state == "flagged"


def test_new_results_lose_an_old_state(paths: TrackPaths, pristine: Path) -> None:
    checked(paths, pristine)
    entry = find_entry(ENTRY, paths.root)

    def digest_of(key: tuple[str, str, str]) -> str:
        return samples_digest(find_entry("/".join(key), paths.root).samples())

    assert verification_states(paths.attestations, digest_of) == {entry.key: "reproduced"}
    alter_samples(paths, "code", lambda row: row.update(prediction="x"), {"arm": "gap"})
    assert verification_states(paths.attestations, digest_of) == {}


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
def test_an_unknown_entry_is_refused(paths: TrackPaths, name: str) -> None:
    with pytest.raises(InputError, match="entry"):
        verify(name, root=paths.root)


def test_an_entry_without_runs_is_refused(paths: TrackPaths) -> None:
    with pytest.raises(InputError, match="no stored runs"):
        verify("large/gap/code", root=paths.root)


def test_a_damaged_attestation_is_refused(paths: TrackPaths, pristine: Path) -> None:
    checked(paths, pristine)
    (path,) = paths.attestations.iterdir()
    renamed = path.rename(path.with_name("small--gap--seen.json"))
    with pytest.raises(InputError, match="belongs to"):
        verification_states(paths.attestations)
    replace_in(renamed, "reproduced", "excellent")
    with pytest.raises(InputError, match="not an attestation"):
        verification_states(paths.attestations)


def test_tables_that_cannot_be_computed_change_no_state(paths: TrackPaths, pristine: Path) -> None:
    missing = paths.run_group("large", "none") / "base.json"
    missing.unlink()
    with pytest.raises(CheckFailed, match=re.escape(str(missing))):
        checked(paths, pristine)
    assert not paths.attestations.exists()


def test_looking_removes_nothing(paths: TrackPaths, pristine: Path) -> None:
    """Scoring drops the cells that the settings no longer name; a check may not."""
    stale = paths.run_group("small", "gone")
    shutil.copytree(paths.run_group("small", "code"), stale)
    before = tree(paths.root, skip=())
    assert checked(paths, pristine).outcome == "agrees"
    (attestation,) = paths.attestations.iterdir()
    after = tree(paths.root, skip=())
    assert after.keys() - before.keys() == {attestation.relative_to(paths.root).as_posix()}
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
        task = {"task": "cause", "family": "classification", "split": "test", "doc_id": 0, "metric": "acc"}
        return {"draw": draw, "text_id": "t", "seed": 0, "step": 1, "value": value, **task}

    def record(draw: int, value: float) -> RunRecord:
        step = StepRecord.model_construct(step=1, metrics={"cause": {"acc": value}}, averages={"all": value})
        return RunRecord.model_construct(draw=draw, text_id="t", seed=0, steps=[step])

    samples = pa.Table.from_pylist([row(0, 1.0), row(1, 0.0)], schema=SAMPLES)
    assert check_records(samples, [record(0, 1.0), record(1, 0.0)]) == []
    assert len(check_records(samples, [record(0, 0.0), record(1, 0.0)])) == 2
