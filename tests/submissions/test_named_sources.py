"""A refusal names what the user gave, never a copy of it, whichever command or stage read it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmark.errors import InputError, naming_source
from benchmark.pipeline import stages
from tests.fake_hub import FakeHub
from tests.tiny_model import add_token, change_weights, edit_json

COMMIT = "c" * 40
EMBEDDING = "model.decoder.embed_tokens.weight"


def other_head(folder: Path) -> None:
    change_weights(folder, lambda params: params.update({"lm_head.weight": params[EMBEDDING] + 1}))


def not_finite(folder: Path) -> None:
    change_weights(folder, lambda params: params[EMBEDDING].fill_(torch.nan))


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "an untied head": (
        lambda folder: edit_json(folder / "config.json", tie_word_embeddings=False),
        "lm_head.weight",
    ),
    "another head": (other_head, "lm_head.weight differs"),
    "an id without a row": (lambda folder: add_token(folder, "surplus", 5_000), "ids up to 5000"),
    "NaN": (not_finite, "NaN"),
    "another shape": (lambda folder: edit_json(folder / "config.json", ffn_dim=32), "config.json says"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer in"),
    "no special token": (
        lambda folder: edit_json(folder / "special_tokens_map.json", bos_token="<none>"),
        "lacks '<none>'",
    ),
    "cut weights": (cut_off, "safetensors"),
}


@pytest.fixture(params=SPOILED)
def spoiled(request: pytest.FixtureRequest, model_folder: Path) -> tuple[Path, str]:
    """A model that is refused, and what is said of it."""
    spoil, said = SPOILED[request.param]
    spoil(model_folder)
    return model_folder, said


def check(told: str, source: str, said: str) -> None:
    """The line names the source; without it, nothing of a temporary folder is left."""
    assert said in told and source in told, told
    left = told.replace(source, "")
    assert "/tmp" not in left and "data/micro" not in left and ".gapbench" not in left, told


def test_submissions_name_the_folder(
    spoiled: tuple[Path, str], refusal: Callable[..., str], refused: Callable[..., str]
) -> None:
    folder, said = spoiled
    check(refusal("submit", "check", str(folder)), str(folder), said)
    check(refused("model", folder), str(folder), said)


def test_a_relative_path_is_named_as_it_was_given(
    spoiled: tuple[Path, str], refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = spoiled
    monkeypatch.chdir(folder.parent)
    check(refusal("submit", "check", folder.name), folder.name, said)


@pytest.mark.parametrize("spoil", [other_head, not_finite, cut_off])
def test_weights_checked_alone_are_named(
    model_folder: Path, spoil: Callable[[Path], None], refusal: Callable[..., str]
) -> None:
    spoil(model_folder)
    told = refusal("submit", "check", str(model_folder / "model.safetensors"))
    check(told, str(model_folder / "model.safetensors"), "")


def with_model(repository: Path, entry: str) -> Path:
    params = repository / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("models:\n", f"models:\n  own: {entry}\n", 1), encoding="utf-8")
    return params


def test_the_stage_of_a_folder_names_the_folder(repository: Path, spoiled: tuple[Path, str]) -> None:
    folder, said = spoiled
    own = repository / "own"
    folder.rename(own)
    with pytest.raises(InputError) as refused:
        stages.model(with_model(repository, "{kind: folder, path: own}"), "own")
    check(str(refused.value), str(own), said)


def test_the_stage_of_a_hub_model_names_the_repository_and_commit(
    repository: Path, spoiled: tuple[Path, str], hub: FakeHub
) -> None:
    folder, said = spoiled
    hub.add(folder, commit=COMMIT)
    with pytest.raises(InputError) as refused:
        stages.model(with_model(repository, f"{{kind: hub, id: owner/name, revision: '{COMMIT}'}}"), "own")
    check(str(refused.value), f"owner/name@{COMMIT}", said)


@pytest.mark.parametrize("kind", ["local", "hub"])
def test_a_run_names_what_was_asked_for(
    spoiled: tuple[Path, str],
    refusal: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    texts_file: Path,
    tmp_path: Path,
    kind: str,
) -> None:
    folder, said = spoiled
    model = str(folder)
    if kind == "hub":
        model = f"owner/name@{COMMIT}"
        fetched = tmp_path / ".gapbench" / "hub" / f"owner--name-{COMMIT}"
        monkeypatch.setattr("benchmark.commands.single_run.find_model", lambda *_: ("name", fetched))
        fetched.parent.mkdir(parents=True)
        folder.rename(fetched)
    arguments = ("--corpus", str(texts_file), "--index", "0", "--arm", "gap", "--seed", "0", "--limit", "1")
    out = str(tmp_path / "out")
    told = refusal("run", "--model", model, *arguments, "--suite", "micro12", "--out", out)
    check(told, model, said)


def test_a_name_that_is_in_the_line_already_is_not_put_in_front() -> None:
    copy = Path("/made/copy")
    for raised, told in (
        ("/made/copy/config.json: bad", "mine/config.json: bad"),
        ("no config in /made/copy: mend it", "no config in mine: mend it"),
        ("config.json: bad", "mine: config.json: bad"),
        ("mine/x: bad", "mine/x: bad"),
    ):
        with pytest.raises(InputError) as refused, naming_source("mine", copy):
            raise InputError(raised)
        assert str(refused.value) == told
