"""A submission that is removed leaves the results as they were before it came."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from benchmark.commands.clean import clean
from benchmark.commands.prunable import prunable
from benchmark.intake.remove_entry import remove
from benchmark.intake.submit_entry import submit_corpus
from benchmark.pipeline import stages
from tests.pipeline.small import tree


def test_the_next_score_drops_its_rows(
    exported_track: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(exported_track, tmp_path / "track"))
    monkeypatch.chdir(root)
    Repo.init(str(root), no_scm=True).close()
    params = root / "params.yaml"
    before = tree(root / "results")
    assert not [one for one in prunable(root) if one.kind != "DVC object"]
    (tmp_path / "mine.txt").write_text("one text\nanother text\nthe third\n", encoding="utf-8")
    submit_corpus("mine", str(tmp_path / "mine.txt"), params=params)
    stages.corpus(params, "mine")
    stages.posttrain(params, "tiny", "mine")
    stages.score(params)
    assert b"tiny,gap,mine" in (root / "results/micro/entries.csv").read_bytes()
    remove("corpus", "mine", params=params)
    kinds = {one.kind: one for one in prunable(root)}
    assert {"run", "output", "DVC object"} == set(kinds)
    stages.score(params)
    assert tree(root / "results") == before
    assert len([one for one in prunable(root) if one.kind == "run"]) == 3
    clean(root, dry_run=False)
    assert not prunable(root)
    stages.posttrain(params, "tiny", "code")  # its runs are still in the run cache
    stages.score(params)
    assert tree(root / "results") == before
