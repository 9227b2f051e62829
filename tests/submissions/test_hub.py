"""Hub submissions against the fake Hub: the commit is looked up, only it is read, and every failure is one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus, submit_model
from benchmark.settings.load import load_settings
from benchmark.system.strict_yaml import read_yaml
from tests.fake_hub import FakeHub
from tests.tiny_model import Params, change_weights
from tests.tiny_neox import write_neox

from .conftest import snapshot

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes from a local data folder."""
    monkeypatch.delenv("GAPBENCH_DATA", raising=False)


def test_a_model_of_the_hub_is_checked_by_its_header(
    hub: FakeHub, repository: Path, model_folder: Path
) -> None:
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    commit = hub.add(model_folder)
    submit_model("mine", f"owner/name@{commit}", params=repository / "params.yaml")
    spec = load_settings(repository / "params.yaml").models["mine"]
    assert (spec.kind, spec.revision, spec.role) == ("hub", commit, "treated")
    facts = check_file(repository / "submissions" / "models" / "mine.yaml").lines
    assert any(f"layers of {config['hidden_size']}" in line for line in facts)


@pytest.mark.parametrize("source", ["owner/name", "owner/name@main", "hf://owner/name", "owner/name@v1.0"])
def test_a_branch_or_tag_is_looked_up_shown_and_pinned(
    hub: FakeHub,
    repository: Path,
    model_folder: Path,
    gapbench: Callable[..., tuple[int, str, str]],
    source: str,
) -> None:
    commit = hub.add(model_folder)
    hub.add(model_folder, ref="v1.0", commit=commit)
    params = repository / "params.yaml"
    status, told, said = gapbench("submit", "model", "--params", str(params), "mine", source)
    assert (status, said) == (0, "")
    assert f"pinned: owner/name at commit {commit}" in told.splitlines()
    assert load_settings(params).models["mine"].revision == commit
    manifest = read_yaml(repository / "submissions" / "models" / "mine.yaml")
    assert manifest["source"]["revision"] == manifest["entry"]["revision"] == commit


@pytest.mark.parametrize("source", ["hub", "folder"])
def test_a_model_in_the_form_of_pythias_is_taken_with_its_old_buffers(
    hub: FakeHub, repository: Path, tmp_path: Path, source: str
) -> None:
    """Its file holds a causal mask of each layer, of type bool, and a number that is not finite in float16."""
    folder = tmp_path / "neox"
    write_neox(folder, hidden=32)
    hub.add(folder)
    named = "owner/name" if source == "hub" else str(folder)
    report = submit_model("mine", named, params=repository / "params.yaml")
    from transformers import AutoModelForCausalLM

    parameters = AutoModelForCausalLM.from_pretrained(folder).num_parameters()
    assert f"size: {parameters} parameters in F16" in report.lines


@pytest.mark.parametrize("name", ["gpt_neox.layers.0.attention.weight", "gpt_neox.embed_in.bias"])
def test_no_other_tensor_may_be_left_over_or_have_that_type(
    hub: FakeHub, refused: Refused, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "neox"
    write_neox(folder, hidden=32)
    change_weights(folder, lambda params: params.update({name: torch.ones(2, dtype=torch.bool)}))
    hub.add(folder)
    assert f"{name!r} is 'BOOL'" in refused("model", "owner/name")
    change_weights(folder, lambda params: params.update({name: torch.ones(2)}))
    hub.add(folder)
    said = refused("model", "owner/name")
    assert "is in no GPTNeoXForCausalLM, and 45570 stored values are not the 45568" in said


def test_a_branch_that_moves_after_the_look_up_changes_nothing(
    hub: FakeHub, repository: Path, model_folder: Path, tmp_path: Path
) -> None:
    commit = hub.add(model_folder)
    other = tmp_path / "other"
    other.mkdir()
    hub.after_lookup = lambda _: hub.add(other, commit="f" * 40)
    submit_model("mine", "owner/name", params=repository / "params.yaml")
    assert hub.repositories["model", "owner/name"].refs["main"] == "f" * 40
    assert hub.fetched == {commit}
    assert load_settings(repository / "params.yaml").models["mine"].revision == commit


def test_a_data_set_of_the_hub_is_taken_at_its_commit(hub: FakeHub, repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.csv").write_text("body\none text\nanother text\n", encoding="utf-8")
    commit = hub.add(folder, kind="dataset")
    for name, revision in (("mine", f"@{commit}"), ("other", "")):
        report = submit_corpus(name, f"hf://owner/name{revision}:body", params=repository / "params.yaml")
        spec = load_settings(repository / "params.yaml").corpora[name]
        assert (spec.kind, spec.revision, spec.column) == ("hub", commit, "body")
        assert "2 texts" in report.lines[0]


@pytest.mark.parametrize("cut", ["tokenizer.json", "config.json", "model.safetensors", "train.csv"])
def test_a_download_that_breaks_off_leaves_nothing(
    hub: FakeHub, refused: Refused, model_folder: Path, cut: str
) -> None:
    (model_folder / "train.csv").write_text("text\n" + "one text\nanother text\n" * 50, encoding="utf-8")
    kind = "corpus" if cut == "train.csv" else "model"
    hub.add(model_folder, kind="dataset" if kind == "corpus" else "model")
    hub.cut = {cut}
    said = refused(kind, "hf://owner/name")
    assert cut in said and "the download broke off" in said


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_model_says_how_to_get_in(
    hub: FakeHub, refused: Refused, model_folder: Path, status: int
) -> None:
    commit = hub.add(model_folder)
    hub.gate(status)
    assert f"owner/name@{commit} (config.json) is gated: accept its terms" in refused("model", "owner/name")


MISSING = {
    "another/name": "the Hub has no such repository",
    "owner/name@no-such-branch": "the Hub has no such branch, tag or commit",
    f"owner/name@{'0' * 40}": "the Hub has no such commit",
    "owner/name@a..b": "no branch or tag",
}


@pytest.mark.parametrize("source", MISSING)
def test_what_is_missing_is_named(hub: FakeHub, refused: Refused, model_folder: Path, source: str) -> None:
    hub.add(model_folder)
    assert MISSING[source] in refused("model", source)


def test_a_hub_that_is_down_is_one_line(hub: FakeHub, refused: Refused, model_folder: Path) -> None:
    hub.add(model_folder)
    hub.down = True
    assert "owner/name@main (the commit to pin): the Hub refused it (status 503)" in refused(
        "model", "owner/name"
    )


def test_a_hub_that_does_not_answer_is_one_line(
    hub: FakeHub, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "the commit to pin) is not cached and the Hub is out of reach" in refused("model", "owner/name")


def test_a_hub_model_of_pickles_is_refused_unread(hub: FakeHub, repository: Path, model_folder: Path) -> None:
    hub.add(model_folder)
    (model_folder / "model.safetensors").rename(model_folder / "pytorch_model.bin")
    before = snapshot(repository)
    with pytest.raises(InputError, match=r"no model\.safetensors"):
        submit_model("mine", "owner/name", params=repository / "params.yaml")
    assert snapshot(repository) == before
    assert "pytorch_model.bin" not in hub.sent


@pytest.mark.parametrize("same", [True, False])
def test_a_stored_head_of_the_hub_is_compared_with_the_embedding(
    hub: FakeHub, repository: Path, model_folder: Path, refused: Callable[..., str], same: bool
) -> None:
    def add_head(params: Params) -> None:
        params["lm_head.weight"] = params["model.decoder.embed_tokens.weight"] + (0 if same else 1)

    change_weights(model_folder, add_head)
    commit = hub.add(model_folder)
    if same:
        submit_model("mine", "owner/name", params=repository / "params.yaml")
        return
    said = refused("model", "owner/name")
    assert f"gapbench: owner/name@{commit}: model.safetensors: lm_head.weight differs" in said
