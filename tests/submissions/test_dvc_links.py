"""DVC's links into its own cache pass, where it is configured to make them; every other link is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus, submit_model
from benchmark.pipeline import stages
from benchmark.untrusted.safe_files import kind_of


def configure(root: Path, kind: str, cache: Path | None, file: str = "config") -> None:
    """What `dvc config cache.type` and `cache.dir` write, into one of the repository's two files."""
    where = f"    dir = {cache}\n" if cache else ""
    with (root / ".dvc" / file).open("a", encoding="utf-8") as out:
        out.write(f"[cache]\n    type = {kind}\n{where}")


def relink(root: Path) -> None:
    """`dvc checkout --relink`."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        repo.checkout(relink=True)


@pytest.fixture(params=["own cache", "shared cache", "shared cache of this clone", "hardlinks"])
def linked(request: pytest.FixtureRequest, repository: Path, texts_file: Path, model_folder: Path) -> Path:
    """A repository with a submitted corpus and model, both links into DVC's cache."""
    cache = repository.parent / "shared" if request.param.startswith("shared") else None
    kind = "hardlink" if request.param == "hardlinks" else "symlink"
    configure(repository, kind, cache, "config.local" if request.param.endswith("clone") else "config")
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    submit_model("tuned", str(model_folder), params=repository / "params.yaml")
    relink(repository)
    made = repository / "submissions" / "data" / "mine" / "texts.jsonl"
    assert made.is_symlink() if kind == "symlink" else made.stat().st_nlink > 1
    return repository


def test_data_that_dvc_linked_are_checked_and_used(linked: Path, texts_file: Path) -> None:
    params = linked / "params.yaml"
    check_file(params)
    for name in ("corpora/mine.yaml", "models/tuned.yaml"):
        assert "agrees" in str(check_file(linked / "submissions" / name))
    stages.corpus(params, "mine")
    stages.model(params, "tuned")
    out = linked / "data" / "micro" / "models" / "tuned"
    assert not any(file.is_symlink() for file in out.iterdir())
    submit_corpus("again", str(texts_file), params=params)
    submit_corpus("copy", str(linked / "submissions/data/mine/texts.jsonl"), params=params)
    submit_model("twin", str(linked / "submissions/data/tuned/model"), params=params)
    check_file(params)


def test_outs_of_stages_that_dvc_linked_are_read(
    repository: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc.repo import Repo

    monkeypatch.chdir(repository)
    configure(repository, "symlink", None)
    shutil.copytree(model_folder, repository / "made")
    (repository / "dvc.yaml").write_text(
        "stages: {copy: {cmd: cp -r made out, outs: [out]}}\n", encoding="utf-8"
    )
    with Repo(str(repository)) as repo:
        repo.reproduce()
    assert (repository / "out" / "config.json").is_symlink()
    submit_model("tuned", str(repository / "out"), params=repository / "params.yaml")


@pytest.mark.parametrize(
    "spoil",
    ["outside", "into the cache, untracked", "into another cache", "no repository", "dangling", "a folder"],
)
def test_every_other_link_is_refused(
    repository: Path, texts_file: Path, tmp_path: Path, spoil: str, refusal: Callable[..., str]
) -> None:
    configure(repository, "symlink", None)
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    relink(repository)
    data = repository / "submissions" / "data" / "mine" / "texts.jsonl"
    cached = data.resolve()
    link = data
    if spoil == "no repository":
        link = tmp_path / "texts.jsonl"
        (tmp_path / "texts.jsonl.dvc").write_bytes(data.with_name("texts.jsonl.dvc").read_bytes())
        link.symlink_to(cached)
    elif spoil == "into the cache, untracked":
        link = repository / "other.jsonl"
        link.symlink_to(cached)
    elif spoil == "a folder":
        data.unlink()
        link.symlink_to(cached.parent)
    else:
        data.unlink()
        target = {
            "outside": Path("/etc/passwd"),
            "into another cache": tmp_path / "files" / "md5" / cached.parent.name / cached.name,
            "dangling": cached.with_name("0" * 30),
        }[spoil]
        if spoil == "into another cache":
            target.parent.mkdir(parents=True)
            shutil.copyfile(cached, target)
        link.symlink_to(target)
    with pytest.raises(InputError, match="symbolic link"):
        kind_of(link)
    assert "symbolic link" in refusal("submit", "check", str(link))
    if link == data:
        assert "symbolic link" in refusal("submit", "check", str(repository / "params.yaml"))


def test_a_linked_model_of_ones_own_is_refused_by_the_stage(repository: Path, model_folder: Path) -> None:
    """As `submit` refuses it: an out of links would lead outside the repository."""
    (model_folder / "aside.safetensors").symlink_to(model_folder / "model.safetensors")
    shutil.move(model_folder, repository / "own")
    text = (repository / "params.yaml").read_text(encoding="utf-8")
    entry = "models:\n  own: {kind: folder, path: own}\n"
    (repository / "params.yaml").write_text(text.replace("models:\n", entry, 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"own/aside\.safetensors: a symbolic link"):
        stages.model(repository / "params.yaml", "own")
