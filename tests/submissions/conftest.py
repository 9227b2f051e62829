"""A small DVC repository to submit to, a tiny model, and snapshots of what a submission may change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import InputError
from tests.tiny_model import write_model

PARAMS = """\
# A track for tests.
track: {name: micro, root: ., params: params.yaml}
models:
  micro-1: {kind: micro, role: treated, hidden: 8, layers: 1, heads: 1, ffn: 8, tokens: 1000}  # the smallest
  micro-2: {kind: micro, hidden: 16, layers: 1, heads: 1, ffn: 8, tokens: 1000}

corpora:
  seen: {kind: micro, part: seen, texts: 5}
  code: {kind: micro, part: code, texts: 5}
# What is done to a model.
arms:
  gap: {kind: ascent}
  random: {kind: random}
"""

Snapshot = dict[str, bytes]


def snapshot(root: Path) -> Snapshot:
    """Every file of a repository that git would see or that a submission writes: not DVC's cache."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in {".dvc", ".gapbench"}
    }


@pytest.fixture(scope="session")
def repository_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised DVC repository with a settings file."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("template")
    Repo.init(str(root), no_scm=True).close()
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    return root


@pytest.fixture
def repository(repository_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template; the suite's documents, which cost seconds to load, are left out."""

    def no_suite(*_: object, **__: object) -> None:
        raise InputError("no suite in this test")

    monkeypatch.setattr("benchmark.tasks.suite_of_track.suite_of", no_suite)
    root = tmp_path / "repository"
    shutil.copytree(repository_template, root)
    return root


@pytest.fixture(scope="session")
def model_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder)
    return folder


@pytest.fixture
def model_folder(model_template: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may spoil."""
    folder = tmp_path / "tuned"
    shutil.copytree(model_template, folder)
    return folder


@pytest.fixture
def texts_file(tmp_path: Path) -> Path:
    """Five texts, one a line."""
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"text number {number} of the file\n" for number in range(5)), encoding="utf-8")
    return path


@pytest.fixture
def refused(repository: Path, refusal: Callable[..., str]) -> Callable[..., str]:
    """Submit a source of a kind, `corpus` or `model`: the line that refuses it; nothing was written."""

    def call(kind: str, source: object, name: str = "mine") -> str:
        before = snapshot(repository)
        line = refusal("submit", kind, "--params", str(repository / "params.yaml"), "--", name, str(source))
        assert snapshot(repository) == before and not (repository / ".gapbench").exists()
        return line

    return call
