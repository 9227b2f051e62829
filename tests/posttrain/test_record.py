"""Run records are written as they were read, byte for byte, and hold nothing that JSON cannot."""

from pathlib import Path

import pytest

from benchmark.draws.kept_folder import KeptRun
from benchmark.errors import InputError
from benchmark.posttrain.record import StepRecord

KEPT = Path(__file__).resolve().parents[2] / "kept" / "micro"


@pytest.mark.parametrize("path", sorted(KEPT.glob("*/runs.jsonl")), ids=lambda path: path.parent.name)
def test_committed_records_are_written_as_they_were_read(path: Path, tmp_path: Path) -> None:
    KeptRun.write_all(tmp_path / "again.jsonl", KeptRun.read_all(path))
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_numbers_that_are_not_finite_become_null() -> None:
    nan, inf = float("nan"), float("inf")
    figures = {"loss": nan, "update_norm": inf, "distance": -inf, "weights_sha256": None}
    record = StepRecord(step=1, **figures, metrics={"cause": {"acc": 0.5, "loss": nan}}, averages={})
    assert record.stored() == {
        "step": 1, **dict.fromkeys(figures), "metrics": {"cause": {"acc": 0.5, "loss": None}}, "averages": {}
    }  # fmt: skip


@pytest.mark.parametrize("line", ["", "{}", "[1]", '{"step": 1, "other": 2}', "{"])
def test_a_file_of_something_else_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"runs\.jsonl: no readable run records"):
        StepRecord.read_all(tmp_path / "runs.jsonl")
