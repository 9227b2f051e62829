"""Models: a fine-tuned copy is taken, and what could run code, lie about its size or not fit is refused."""

import json
import os
import pickle
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file

from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_model
from benchmark.models.opt import load_opt
from benchmark.settings.load import load_settings
from benchmark.system.strict_yaml import read_yaml
from tests.tiny_model import add_token, change_weights, edit_json


class Bomb:
    """Unpickling it makes a file: were it ever unpickled, the test would see that."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {os.environ['GAPBENCH_TEST_BOMB']}",)


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def with_header(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the weights again behind a changed header."""
    data = weights(folder).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    fields = json.loads(data[8 : 8 + length])
    change(fields)
    text = json.dumps(fields).encode()
    weights(folder).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


FC1 = "model.decoder.layers.0.fc1.weight"


def pickled_as(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            pickle.dump(Bomb(), file)

    return spoil


def torch_saved_as_safetensors(folder: Path) -> None:
    # Not `load_file`: its tensors stay mapped to the file, which is overwritten.
    torch.save(load(weights(folder).read_bytes()), weights(folder))


def not_finite(folder: Path, value: float, dtype: torch.dtype) -> None:
    def change(params: dict[str, torch.Tensor]) -> None:
        params[FC1] = params[FC1].to(dtype)
        params[FC1][3, 2] = value

    change_weights(folder, change)


def ten_gigabytes(fields: dict[str, Any]) -> None:
    fields[FC1] = {"dtype": "F32", "shape": [50_000, 50_000], "data_offsets": [0, 10_000_000_000]}


def short_shape(fields: dict[str, Any]) -> None:
    fields[FC1]["shape"] = [8, 8]


def overlapping(fields: dict[str, Any]) -> None:
    names = sorted(name for name in fields if name.endswith("fc1.bias") or name.endswith("fc2.bias"))
    fields[names[1]] = {**fields[names[0]]}


def untied(folder: Path) -> None:
    change_weights(folder, lambda params: params.update({"lm_head.weight": torch.zeros(3, 8)}))


def deep_json(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def shard(folder: Path, named: str) -> None:
    weights(folder).rename(folder / "part.safetensors")
    names = dict.fromkeys(load_file(folder / "part.safetensors"), named)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}), encoding="utf-8")


def link(folder: Path) -> None:
    weights(folder).rename(folder.parent / "elsewhere")
    weights(folder).symlink_to(folder.parent / "elsewhere")


SLOW_REGEX = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}


SPOILED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pickled .bin beside": (pickled_as("pytorch_model.bin"), "pickle"),
    "pickled .pt beside": (pickled_as("model.pt"), "pickle"),
    "pickled .ckpt beside": (pickled_as("last.CKPT"), "pickle"),
    "pickle renamed to .safetensors": (pickled_as("model.safetensors"), "pickle"),
    "torch.save renamed to .safetensors": (torch_saved_as_safetensors, "pickle"),
    "pickled tokenizer": (pickled_as("tokenizer.pkl"), "pickle"),
    "code beside": (lambda d: (d / "modeling_opt.py").write_text("import os"), "code"),
    "no weights": (lambda d: weights(d).unlink(), "no model.safetensors"),
    "empty weights": (lambda d: weights(d).write_bytes(b""), "truncated"),
    "cut inside the header": (lambda d: weights(d).write_bytes(weights(d).read_bytes()[:100]), "truncated"),
    "cut inside the tensors": (lambda d: weights(d).write_bytes(weights(d).read_bytes()[:-9]), "truncated"),
    "padded": (lambda d: weights(d).write_bytes(weights(d).read_bytes() + b"\0" * 64), "padded"),
    "header of 2**63 bytes": (
        lambda d: weights(d).write_bytes(struct.pack("<Q", 2**63) + b"{}"),
        "truncated",
    ),
    "header of 20 MB": (
        lambda d: weights(d).write_bytes(struct.pack("<Q", 20_000_000) + b" " * 20_000_000),
        "header of",
    ),
    "header that nests without end": (
        lambda d: weights(d).write_bytes(struct.pack("<Q", 900_000) + b'{"a":' * 180_000),
        "JSON",
    ),
    "header with a key twice": (
        lambda d: weights(d).write_bytes(struct.pack("<Q", 15) + b'{"a":1, "a":2} '),
        "JSON",
    ),
    "10 GB declared": (lambda d: with_header(d, ten_gigabytes), "gap or overlaps|truncated"),
    "shape smaller than its bytes": (lambda d: with_header(d, short_shape), "declares"),
    "tensors that overlap": (lambda d: with_header(d, overlapping), "gap or overlaps"),
    "negative shape": (lambda d: with_header(d, lambda f: f[FC1].update(shape=[-16, -8])), "shape"),
    "boolean shape": (lambda d: with_header(d, lambda f: f[FC1].update(shape=[True, 128])), "shape"),
    "offsets outside": (lambda d: with_header(d, lambda f: f[FC1].update(data_offsets=[0, 2**60])), "off"),
    "unknown type": (lambda d: with_header(d, lambda f: f[FC1].update(dtype="I8")), "only"),
    "surplus field": (lambda d: with_header(d, lambda f: f[FC1].update(code="x")), "needs dtype"),
    "not a number": (lambda d: not_finite(d, float("nan"), torch.float32), "NaN"),
    "infinite": (lambda d: not_finite(d, float("-inf"), torch.float16), "NaN or infinite"),
    "infinite in bfloat16": (lambda d: not_finite(d, float("inf"), torch.bfloat16), "NaN or infinite"),
    "missing tensor": (lambda d: change_weights(d, lambda p: p.pop(FC1)), "missing"),
    "surplus tensor": (
        lambda d: change_weights(d, lambda p: p.update(extra=torch.zeros(2))),
        "unknown tensor",
    ),
    "untied head": (untied, "tie"),
    "shape that the configuration denies": (
        lambda d: edit_json(d / "config.json", ffn_dim=32),
        "config.json says",
    ),
    "no config.json": (lambda d: (d / "config.json").unlink(), "config.json"),
    "config that is not JSON": (lambda d: (d / "config.json").write_bytes(b"\x80\x04."), "JSON"),
    "config that nests without end": (lambda d: deep_json(d, "config.json"), "JSON"),
    "config that is a list": (lambda d: (d / "config.json").write_bytes(b"[]"), "object"),
    "auto_map": (lambda d: edit_json(d / "config.json", auto_map={"AutoModel": "modeling.Evil"}), "auto_map"),
    "auto_map inside": (
        lambda d: edit_json(d / "config.json", x=[{"auto_map": {"AutoModel": "a.B"}}]),
        "auto_map",
    ),
    "trust_remote_code": (
        lambda d: edit_json(d / "config.json", trust_remote_code=True),
        "trust_remote_code",
    ),
    "auto_map of the tokenizer": (
        lambda d: edit_json(d / "tokenizer_config.json", auto_map={"A": ["b"]}),
        "auto_map",
    ),
    "unknown architecture": (
        lambda d: edit_json(d / "config.json", model_type="nothing", architectures=None),
        "model_type",
    ),
    "another architecture": (
        lambda d: edit_json(d / "config.json", model_type="llama"),
        "LlamaForCausalLM",
    ),
    "another architecture's tensors": (
        lambda d: edit_json(d / "config.json", model_type="llama", architectures=["LlamaForCausalLM"]),
        "weights",
    ),
    "another class": (
        lambda d: edit_json(d / "config.json", architectures=["EvilForCausalLM"]),
        "architectures",
    ),
    "quantised": (lambda d: edit_json(d / "config.json", quantization_config={"bits": 4}), "quantised"),
    "untied head that is not stored": (
        lambda d: edit_json(d / "config.json", tie_word_embeddings=False),
        "lm_head.weight is missing",
    ),
    "10**12 layers": (lambda d: edit_json(d / "config.json", num_hidden_layers=10**12), "at most"),
    "10**400 wide": (lambda d: edit_json(d / "config.json", hidden_size=10**400), "at most"),
    "no tokenizer": (lambda d: (d / "tokenizer.json").unlink(), "tokenizer"),
    "damaged tokenizer": (lambda d: (d / "tokenizer.json").write_bytes(b"{}"), "tokenizer"),
    "regular expression in the tokenizer": (
        lambda d: edit_json(d / "tokenizer.json", pre_tokenizer=SLOW_REGEX),
        "regular expression",
    ),
    "token without a row": (lambda d: add_token(d, "surplus", 5_000), "rows"),
    "shard outside": (lambda d: shard(d, "../part.safetensors"), "names"),
    "shard that is not there": (lambda d: shard(d, "other.safetensors"), "names"),
    "symbolic link to weights": (link, "symbolic link"),
    "device among the files": (lambda d: os.mkfifo(d / "vocab.json"), "pipe"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_models_are_refused(
    model_folder: Path,
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.setenv("GAPBENCH_TEST_BOMB", str(tmp_path / "executed"))
    spoil, said = SPOILED[case]
    spoil(model_folder)
    assert re.search(said, refused("model", model_folder))
    with pytest.raises(InputError):
        check_file(model_folder)
    assert not (tmp_path / "executed").exists()


SOURCES = {
    "owner/name": "pin",
    "owner/name@main": "pin",
    "hf://owner/name@v1.0": "pin",
    f"hf://owner/name@{'a' * 40}:text": "column",
    f"owner/na..me@{'a' * 40}": "owner/name",
    "git+https://example.org/model": "scheme",
    "/dev/zero": "device",
}


@pytest.mark.parametrize("source", SOURCES)
def test_model_sources_are_refused(refused: Callable[..., str], source: str) -> None:
    assert SOURCES[source] in refused("model", source)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_fine_tuned_copy_is_taken(repository: Path, model_folder: Path, dtype: torch.dtype) -> None:
    change_weights(model_folder, lambda params: params.update({k: v.to(dtype) for k, v in params.items()}))
    (model_folder / "README.md").write_text("{{ not }} <b>shown</b>", encoding="utf-8")
    report = submit_model("tuned", str(model_folder), params=repository / "params.yaml")
    spec = load_settings(repository / "params.yaml").models["tuned"]
    assert spec.role == "treated"
    taken = repository / spec.path
    assert weights(taken).read_bytes() == weights(model_folder).read_bytes()
    assert not (taken / "README.md").exists()
    facts = read_yaml(repository / "submissions" / "models" / "tuned.yaml")["found"]
    assert facts["parameters"] == load_opt(taken).parameters_count()
    assert facts["notes"][-1] == "not copied: README.md"
    for file in report.files:
        check_file(repository / file)


def test_shards_with_an_index_are_taken(repository: Path, model_folder: Path) -> None:
    shard(model_folder, "part.safetensors")
    submit_model("tuned", str(model_folder), params=repository / "params.yaml")
    assert (repository / "submissions/data/tuned/model/part.safetensors").is_file()


def test_the_rungs_in_range_become_its_baselines(repository: Path, model_folder: Path) -> None:
    parameters = load_opt(model_folder).parameters_count()
    for name, ratio in (("micro-1", 2.0), ("micro-2", 3.0)):
        folder = repository / "data" / "micro" / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(
            json.dumps({"parameters": int(ratio * parameters)}), encoding="utf-8"
        )
    report = submit_model("tuned", str(model_folder), params=repository / "params.yaml")
    # micro-1 is `treated` and no baseline; micro-2 has 3 times the parameters, inside 1.9 to 4.2.
    assert report.manifest is not None
    assert report.manifest.found.baselines == {"micro-2": pytest.approx(3.0, abs=0.01)}


def test_a_link_to_a_model_folder_and_a_file_are_refused(
    model_folder: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(model_folder)
    assert "symbolic link" in refused("model", tmp_path / "link")
    assert "a file" in refused("model", weights(model_folder))


def test_weights_alone_are_checked(model_folder: Path) -> None:
    assert "tensors" in str(check_file(weights(model_folder)))
    shutil.move(weights(model_folder), model_folder / "weights.bin")
    with pytest.raises(InputError, match="pickle"):
        check_file(model_folder / "weights.bin")
