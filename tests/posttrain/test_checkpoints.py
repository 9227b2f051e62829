"""Kept weights are those that the record names, loadable, and no other; a wrong digest is never passed over."""

from pathlib import Path

import pytest

from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.errors import CheckFailed
from benchmark.models.opt import load_opt
from benchmark.models.weights import weights_sha256
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.checkpoints import keep_checkpoints, keep_run
from benchmark.posttrain.record import RunRecord
from benchmark.posttrain.run_cache import RunCache
from benchmark.posttrain.run_group import write_run_group
from benchmark.posttrain.run_requests import request
from benchmark.settings.track_settings import Settings
from tests.posttrain.test_run_loop import base_with, settings_with

TEXTS = micro_corpus("code", 2, 0)


def settings(keep: str) -> Settings:
    evaluation = {"tasks": ["micro_cause"], "documents": 4, "select_documents": 4, "steps": [1, 3]}
    return settings_with(posttrain={"max_steps": 3}, evaluation=evaluation, checkpoints={"keep": keep})


@pytest.fixture(scope="module")
def base(tiny_rung: Path) -> Base:
    return base_with(tiny_rung, settings("none"))


@pytest.fixture(scope="module")
def cell(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_run_group(settings("all"), [base], "code", TEXTS, folder / "cell", RunCache(folder / "journal"))
    return folder / "cell"


def kept(cell: Path) -> dict[str, str]:
    """Digest of the weights in every folder of checkpoints."""
    found = sorted((cell / "checkpoints").glob("*/*/*"))
    return {
        path.relative_to(cell / "checkpoints").as_posix(): weights_sha256(load_opt(path).params)
        for path in found
    }


def recorded(cell: Path, *, selected: bool) -> dict[str, str]:
    return {
        f"{record.arm}/{record.text_id}-{record.seed}/step-{step.step}": str(step.weights_sha256)
        for record in RunRecord.read_all(cell / "runs.jsonl")
        for step in record.steps
        if step.step and (not selected or step.step in record.selected_step.values())
    }


@pytest.mark.parametrize("keep", ["none", "selected", "all"])
def test_the_weights_that_are_kept_are_those_of_the_record(keep: str, base: Base, cell: Path) -> None:
    keep_checkpoints(settings(keep), [base], "code", TEXTS, cell)
    expected = {} if keep == "none" else recorded(cell, selected=keep == "selected")
    assert kept(cell) == expected
    assert len(expected) == {"none": 0, "selected": 4 * 2 + 1, "all": 4 * 2 * 3 + 1}[keep]


def test_weights_with_another_digest_than_the_record_stop_it(base: Base, cell: Path, tmp_path: Path) -> None:
    records = RunRecord.read_all(cell / "runs.jsonl")
    record = next(one for one in records if one.arm == "gap" and not one.index)
    last = record.steps[-1].model_copy(update={"weights_sha256": "0" * 64})
    record = record.model_copy(update={"steps": [*record.steps[:-1], last]})
    run = request(settings("all"), base, "code", TEXTS[0], "gap", 0)
    with pytest.raises(CheckFailed, match="step 3: rebuilt weights differ"):
        keep_run("all", run, record, tmp_path / "out")
    assert not (tmp_path / "out" / "step-3").exists()
