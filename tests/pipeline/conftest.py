"""A small pipeline, made once up to its runs and once to its end, for all tests that disturb it on the way.

Its stages run in this process, which imports torch once; the tests run the same stages through DVC.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pipeline.small import copy_pipeline, run_first_stages, run_last_stages, shell, small_micro


@contextmanager
def files_for_their_owner() -> Iterator[None]:
    """Make files that only their owner may read."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="session")
def before_posttrain(micro_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository whose corpora, models and base scores are made, and no run; its path has blanks."""
    copy = small_micro(tmp_path_factory.mktemp("größe") / "mit blank", micro_cache)
    with files_for_their_owner():
        run_first_stages(copy / "params.yaml")
        shell(copy, "dvc", "commit", "--force", "corpus", "model", "base")
    return copy


@pytest.fixture(scope="session")
def undisturbed(before_posttrain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same when it is left alone until its end, in a folder with blanks, all files for their owner only."""
    copy = copy_pipeline(before_posttrain, tmp_path_factory.mktemp("ungestört") / "mit blank")
    with files_for_their_owner():
        run_last_stages(copy / "params.yaml")
    return copy
