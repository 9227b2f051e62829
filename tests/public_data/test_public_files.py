"""Public data: a local folder as it is, or downloads that are checked, cached and written whole."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
import yaml

from benchmark.errors import InputError
from benchmark.public_data.public_files import locate
from benchmark.public_data.public_sources import SOURCES, PublicSource
from benchmark.system.content_hash import sha256_of
from benchmark.tasks.suite import TASKS_FOLDER


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the net, an empty cache, and no local data folder."""
    monkeypatch.delenv("GAPBENCH_DATA", raising=False)
    monkeypatch.setenv("GAPBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "net").mkdir()
    return tmp_path / "net"


def publish(monkeypatch, public: Path, content: bytes, **changes: str) -> str:
    (public / "file").write_bytes(content)
    fields = {"url": (public / "file").as_uri(), "sha256": sha256(content)} | changes
    monkeypatch.setitem(SOURCES, "tasks/x/rows.jsonl", PublicSource(**fields))
    return "tasks/x/rows.jsonl"


def test_a_download_is_kept_and_not_done_again(public, monkeypatch):
    path = publish(monkeypatch, public, b"rows")
    first = locate(path)
    (public / "file").unlink()
    assert locate(path) == first and first.read_bytes() == b"rows"


def test_a_download_with_another_digest_is_refused_and_leaves_nothing(public, monkeypatch, tmp_path):
    path = publish(monkeypatch, public, b"rows", sha256="0" * 64)
    with pytest.raises(InputError, match=f"has sha256 {sha256(b'rows')}, pinned is {'0' * 64}"):
        locate(path)
    assert not [file for file in tmp_path.rglob("cache/**/*") if file.is_file()]


def test_a_cached_file_that_was_altered_is_fetched_again(public, monkeypatch):
    path = publish(monkeypatch, public, b"rows")
    locate(path).write_bytes(b"altered")
    assert locate(path).read_bytes() == b"rows"


def test_a_member_of_an_archive_is_unpacked(public, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/rows.jsonl", "rows")
    path = publish(monkeypatch, public, packed.getvalue(), member="inside/rows.jsonl")
    locate(path).write_bytes(b"altered")
    assert locate(path).read_bytes() == b"rows"


def test_a_source_out_of_reach_is_one_line_that_names_file_and_ways_out(public, monkeypatch, tmp_path):
    path = publish(monkeypatch, public, b"rows")
    (public / "file").unlink()
    with pytest.raises(
        InputError, match=r"tasks/x/rows\.jsonl is not available here .* set GAPBENCH_DATA"
    ) as refused:
        locate(path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "cache").exists()


def test_what_has_no_pinned_source_is_refused(public):
    with pytest.raises(InputError, match="has no pinned public source"):
        locate("tasks/pubmed_qa/train.csv")


def test_a_local_folder_is_taken_as_it_is(public, monkeypatch, tmp_path):
    path = publish(monkeypatch, public, b"rows")
    local = tmp_path / "local"
    (local / "tasks/x").mkdir(parents=True)
    (local / path).write_bytes(b"other rows")
    monkeypatch.setenv("GAPBENCH_DATA", str(local))
    assert locate("tasks/x/absent.jsonl", path).read_bytes() == b"other rows"


def test_a_file_that_a_local_folder_lacks_is_never_downloaded_instead(public, monkeypatch, tmp_path):
    path = publish(monkeypatch, public, b"rows")
    monkeypatch.setenv("GAPBENCH_DATA", str(tmp_path))
    with pytest.raises(InputError, match="is missing in GAPBENCH_DATA"):
        locate(path)
    monkeypatch.setenv("GAPBENCH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="is not a folder"):
        locate(path)


def pinned() -> dict[str, PublicSource]:
    """Every pinned file by its path: those of the code and those that a task's YAML names."""
    found = dict(SOURCES)
    for text in (path.read_text(encoding="utf-8") for path in sorted(TASKS_FOLDER.glob("gap12/[a-z]*.yaml"))):
        kwargs = yaml.safe_load(text.replace("!function", ""))["dataset_kwargs"]
        files = [file for split in ("validation", "train", "test") for file in kwargs.get(split, ())]
        for file in [*files, *(file["labels"] for file in files if "labels" in file)]:
            if "url" in file:
                found[file["path"]] = PublicSource(file["url"], file["sha256"], file.get("member"))
    return found


def test_every_source_is_pinned_by_a_digest_and_every_repository_by_a_commit():
    for path, source in pinned().items():
        assert len(source.sha256) == 64 and int(source.sha256, 16)
        if "githubusercontent" in source.url or "huggingface" in source.url:
            assert any(len(part) == 40 and int(part, 16) for part in source.url.split("/")), path


def test_pinned_digests_are_those_of_the_local_copies(data_dir):
    """All but one corpus, whose local copy has five host names replaced."""
    compared = 0
    for path, source in pinned().items():
        if (data_dir / path).is_file() and not path.endswith("lm_extraction.csv"):
            assert sha256_of(data_dir / path) == source.sha256
            compared += 1
    assert compared > 15
