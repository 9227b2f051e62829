"""A small pipeline, made once up to its runs and once to its end, for all tests that disturb it on the way."""

from pathlib import Path

import pytest

from tests.pipeline.small import copy_pipeline, shell, small_micro


@pytest.fixture(scope="session")
def before_posttrain(micro_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository whose corpora, models and base scores are made, and no run; its path has blanks."""
    copy = small_micro(tmp_path_factory.mktemp("größe") / "mit blank", micro_cache)
    shell(copy, "sh", "-c", "umask 077; exec dvc repro corpus base")
    return copy


@pytest.fixture(scope="session")
def undisturbed(before_posttrain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same when it is left alone until its end, in a folder with blanks, all files for their owner only."""
    copy = copy_pipeline(before_posttrain, tmp_path_factory.mktemp("ungestört") / "mit blank")
    shell(copy, "sh", "-c", "umask 077; exec dvc repro")
    return copy
