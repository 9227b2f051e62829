"""The results that a pipeline which is left alone gives, made once for all that must give the same."""

from pathlib import Path

import pytest

from tests.pipeline.small import shell, small_micro


@pytest.fixture(scope="session")
def undisturbed(micro_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = small_micro(tmp_path_factory.mktemp("undisturbed"), micro_cache)
    shell(copy, "dvc", "repro")
    return copy
