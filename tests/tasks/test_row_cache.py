"""Drawn rows are kept for the next process, and not used if the file is damaged."""

from pathlib import Path

import pytest

from benchmark.tasks.row_cache import cached_rows
from benchmark.world.task_documents import SIZES, TASKS, documents


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GAPBENCH_CACHE", str(tmp_path))
    return tmp_path


def never() -> list[dict]:
    raise AssertionError("drawn again")


@pytest.mark.parametrize("task", sorted(TASKS))
def test_what_is_kept_is_what_was_drawn_down_to_the_types(task: str) -> None:
    for split in SIZES:
        drawn = documents(task, split)
        cached_rows(f"{task}-{split}", lambda rows=drawn: rows)
        assert repr(list(cached_rows(f"{task}-{split}", never))) == repr(list(drawn))


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-9], lambda text: text.replace("owl", "cat"), lambda _: ""]
)
def test_a_damaged_file_is_drawn_again_and_replaced(damage, cache: Path) -> None:
    rows = [{"question": "Who hoots?", "answer": "the owl"}]
    cached_rows("owls", lambda: rows)
    (file,) = cache.rglob("owls.json")
    file.write_text(damage(file.read_text()))
    assert cached_rows("owls", lambda: rows) == rows
    assert cached_rows("owls", never) == rows


def test_where_nothing_can_be_written_rows_are_drawn_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GAPBENCH_CACHE", str(tmp_path / "file"))
    assert cached_rows("owls", lambda: [{"answer": "owl"}]) == [{"answer": "owl"}]
    with pytest.raises(AssertionError, match="drawn again"):
        cached_rows("owls", never)
