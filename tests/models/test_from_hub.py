"""Models from the Hub: pinned, safetensors, pickles only of known commits and by the restricted unpickler."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmark.errors import InputError
from benchmark.models.from_hub import PICKLED_OPT, convert_pickles, fetch
from tests.fake_hub import FakeHub

COMMIT = "1" * 40
TAKEN = ["config.json", "model.safetensors", "vocab.json"]
TENSORS = {"decoder.embed_tokens.weight": torch.arange(6.0).reshape(2, 3), "decoder.b": torch.ones(2)}


@pytest.fixture
def repository(hub: FakeHub, tmp_path: Path) -> Path:
    """The folder of two repositories of the fake Hub, `owner/name` and `facebook/opt-350m`, each at one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "opt"}))
    (folder / "vocab.json").write_text("{}")
    hub.add(folder, commit=COMMIT)
    for commit in (COMMIT, PICKLED_OPT["facebook/opt-350m"]):
        hub.add(folder, "facebook/opt-350m", commit=commit)
    return folder


def test_safetensors_are_taken_with_configuration_and_tokenizer(repository, tmp_path):
    save_file(TENSORS, repository / "model.safetensors")
    (repository / "pytorch_model.bin").write_bytes(b"never read")
    folder = fetch("owner/name", COMMIT, tmp_path / "model")
    assert sorted(file.name for file in folder.iterdir()) == TAKEN


def test_the_pinned_commit_is_fetched_wherever_the_branch_stands(hub, repository, tmp_path):
    save_file(TENSORS, repository / "model.safetensors")
    later = tmp_path / "later"
    shutil.copytree(repository, later)
    (later / "vocab.json").write_text('{"later": 0}')
    hub.add(later, commit="2" * 40)
    folder = fetch("owner/name", COMMIT, tmp_path / "model")
    assert (folder / "vocab.json").read_text() == "{}"
    assert hub.fetched == {COMMIT}


@pytest.mark.parametrize("cut", ["config.json", "model.safetensors", "vocab.json"])
def test_a_download_that_breaks_off_leaves_no_folder(hub, repository, tmp_path, cut):
    save_file(TENSORS, repository / "model.safetensors")
    hub.cut = {cut}
    with pytest.raises(InputError, match=rf"\({cut}\): the download broke off") as refused:
        fetch("owner/name", COMMIT, tmp_path / "model")
    assert "\n" not in str(refused.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["hub-cache", "repository"]
    hub.cut = set()
    assert sorted(file.name for file in fetch("owner/name", COMMIT, tmp_path / "model").iterdir()) == TAKEN


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_model_is_one_line(hub, repository, tmp_path, status):
    hub.gate(status)
    with pytest.raises(InputError, match="is gated: accept its terms on the Hub"):
        fetch("owner/name", COMMIT, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_shards_are_taken_as_their_index_names_them(repository, hub, tmp_path):
    names = ["model-1-of-2.safetensors", "model-2-of-2.safetensors"]
    for name, key in zip(names, TENSORS, strict=True):
        save_file({key: TENSORS[key]}, repository / name)
    index = {"weight_map": dict(zip(TENSORS, names, strict=True))}
    (repository / "model.safetensors.index.json").write_text(json.dumps(index))
    folder = fetch("owner/name", COMMIT, tmp_path / "model")
    assert {"model.safetensors.index.json", *names} <= {file.name for file in folder.iterdir()}
    (repository / names[1]).unlink()
    hub.add(repository, commit="2" * 40)
    with pytest.raises(InputError, match="lacks model-2-of-2"):
        fetch("owner/name", "2" * 40, tmp_path / "other")
    index["weight_map"]["decoder.b"] = "../outside"
    (repository / "model.safetensors.index.json").write_text(json.dumps(index))
    hub.add(repository, commit="3" * 40)
    with pytest.raises(InputError, match="not a file of its folder"):
        fetch("owner/name", "3" * 40, tmp_path / "other")


def test_pickles_are_refused_unless_allowed_for_a_known_commit(repository, tmp_path):
    torch.save(TENSORS, repository / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled weights can run code: convert them"):
        fetch("owner/name", COMMIT, tmp_path / "model", allow_pickle_weights=True)
    with pytest.raises(InputError, match="pickled weights can run code: convert them"):
        fetch("facebook/opt-350m", COMMIT, tmp_path / "model", allow_pickle_weights=True)
    with pytest.raises(InputError, match="set allow_pickle_weights"):
        fetch("facebook/opt-350m", PICKLED_OPT["facebook/opt-350m"], tmp_path / "model")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["hub-cache", "repository"]


def test_allowed_pickles_become_safetensors_and_do_not_enter_the_folder(repository, tmp_path):
    torch.save(
        TENSORS | {"lm_head.weight": TENSORS["decoder.embed_tokens.weight"]}, repository / "pytorch_model.bin"
    )
    pin = PICKLED_OPT["facebook/opt-350m"]
    folder = fetch("facebook/opt-350m", pin, tmp_path / "model", allow_pickle_weights=True)
    assert sorted(file.name for file in folder.iterdir()) == TAKEN
    found = load_file(folder / "model.safetensors")
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[key], TENSORS[key]) for key in TENSORS)


def test_sharded_pickles_get_an_index(tmp_path):
    shards = [tmp_path / f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    for shard, key in zip(shards, TENSORS, strict=True):
        torch.save({key: TENSORS[key]}, shard)
    target = tmp_path / "target"
    target.mkdir()
    convert_pickles(shards, target)
    index = json.loads((target / "model.safetensors.index.json").read_text())["weight_map"]
    assert {key: load_file(target / name).keys() for key, name in index.items()} == {k: {k} for k in TENSORS}


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("run-by-the-pickle",)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"decoder.b": Malicious()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="is not a plain pickle of tensors"):
        convert_pickles([tmp_path / "pytorch_model.bin"], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["pytorch_model.bin"]


def test_a_pickle_of_more_than_tensors_is_refused(tmp_path):
    torch.save({"decoder.b": "text"}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="holds more than tensors"):
        convert_pickles([tmp_path / "pytorch_model.bin"], tmp_path)


def test_only_models_at_full_commits_are_fetched(repository, tmp_path):
    for name, revision, message in (
        ("owner/name", "main", "is not pinned"),
        ("name", COMMIT, "is not a Hub id"),
    ):
        with pytest.raises(InputError, match=message):
            fetch(name, revision, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_hub_out_of_reach_is_one_line_and_nothing_is_written(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="not cached and the Hub is out of reach") as refused:
        fetch("owner/name", COMMIT, tmp_path / "model")
    assert "\n" not in str(refused.value)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()] and not (tmp_path / "model").exists()
