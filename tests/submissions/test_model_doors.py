"""Model folders at every door: another model than was given is refused by all, with the place and the remedy."""

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save
from tokenizers import Tokenizer as Backend
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedModel

from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.models.from_hub import fetch
from benchmark.models.tokenizer import Tokenizer
from benchmark.pipeline import stages
from benchmark.posttrain.base_model import read_model
from tests.fake_hub import FakeHub
from tests.tiny_model import Params, change_weights, edit_json, shard

GATE, UP = "model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight"
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


@pytest.fixture(scope="module")
def llama_template(model_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tied model of an architecture without an implementation of its own here."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("llama")
    shutil.copy(model_template / "tokenizer.json", folder)
    tokens = len(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    edit_json(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>")
    config = LlamaConfig(
        vocab_size=tokens + 1, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def llama(llama_template: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "llama"
    shutil.copytree(llama_template, folder)
    return folder


def at_the_stage(repository: Path, folder: Path) -> None:
    """The stage of a model of the settings with `kind: folder`."""
    params = repository / "params.yaml"
    text = params.read_text(encoding="utf-8")
    entry = f"models:\n  own: {{kind: folder, path: {json.dumps(str(folder))}}}\n"
    params.write_text(text.replace("models:\n", entry, 1), encoding="utf-8")
    stages.model(params, "own")


def every_door(folder: Path, repository: Path) -> dict[str, Callable[[], object]]:
    return {
        "submit": lambda: check_file(folder),
        "run": lambda: read_model(folder),
        "stage": lambda: at_the_stage(repository, folder),
    }


def told(folder: Path, repository: Path) -> dict[str, str]:
    """What each door says of a folder that none of them takes."""
    said = {}
    for door, enter in every_door(folder, repository).items():
        with pytest.raises(InputError) as refused:
            enter()
        said[door] = str(refused.value)
        assert "\n" not in said[door]
    return said


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def other_head(params: Params) -> None:
    params[HEAD] = params[EMBEDDING] + 1


def without_prefix(params: Params) -> Params:
    other_head(params)
    return {name.removeprefix("model."): tensor for name, tensor in params.items()}


def renamed(old: str, new: str) -> Callable[[Params], None]:
    def change(params: Params) -> None:
        params[new] = params.pop(old)

    return change


def twice(params: Params) -> None:
    params["norm.weight"] = params["model.norm.weight"] + 1


def in_two_files(folder: Path) -> None:
    shard(folder, UP)
    file = folder / "a.safetensors"
    file.write_bytes(save(load(file.read_bytes()) | {GATE: torch.zeros(8, 8)}))


def repeated(name: str, key: str, value: str) -> Callable[[Path], object]:
    """A key at the beginning of a JSON file that stands in it once more."""
    return lambda folder: (folder / name).write_text(
        f'{{"{key}": {value}, ' + (folder / name).read_text(encoding="utf-8").lstrip()[1:], encoding="utf-8"
    )


def of_tokenizer(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        raw = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        edit_json(folder / "tokenizer.json", model=raw["model"] | fields)

    return change


def ending(folder: Path) -> None:
    """The tokenizer puts its end token behind every text."""
    path = str(folder / "tokenizer.json")
    tokenizer = Backend.from_file(path)
    tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", pair=None, special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    tokenizer.save(path)


def contradicting(folder: Path) -> None:
    edit_json(folder / "tokenizer_config.json", eos_token="</s>")
    edit_json(folder / "special_tokens_map.json", eos_token={"content": "<pad>"})


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 123\n"

CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a head of its own": (
        lambda d: change_weights(d, other_head),
        "lm_head.weight differs from model.embed_tokens.weight",
    ),
    "a head of its own, no prefix": (
        lambda d: change_weights(d, without_prefix),
        "lm_head.weight differs from model.embed_tokens.weight",
    ),
    "an unknown name": (
        lambda d: change_weights(d, renamed(GATE, "model.layers.0.mlp.gate.weight")),
        "mlp.gate.*save the model again|lack.*gate_proj.*save the model again",
    ),
    "one tensor for another": (
        lambda d: change_weights(d, renamed(GATE, UP.removeprefix("model."))),
        "gate_proj.*save the model again",
    ),
    "a tensor under two names": (lambda d: change_weights(d, twice), "a tensor has two names.*save the model again"),
    "a tensor in two files": (in_two_files, "gate_proj.weight'? is stored twice"),
    "weights under another name": (
        lambda d: edit_json(d / "config.json", transformers_weights="b.safetensors"),
        "config.json: transformers_weights .*: remove it",
    ),
    "an attention of the Hub": (
        lambda d: edit_json(d / "config.json", attn_implementation="owner/kernel"),
        "config.json: attn_implementation .*code of the Hub: remove it",
    ),
    "an adapter": (
        lambda d: edit_json(d / "adapter_config.json", peft_type="LORA"),
        "adapter_config.json.*merge it",
    ),
    "an adapter's weights": (
        lambda d: shutil.copy(weights(d), d / "adapter_model.safetensors"),
        "adapter_model.safetensors.*merge it",
    ),
    "dropout": (of_tokenizer(dropout=0.5), "dropout 0.5.*null in tokenizer.json"),
    "special tokens that contradict": (
        contradicting,
        "eos_token '<pad>', tokenizer_config.json says '</s>': make them agree",
    ),
    "an empty vocabulary": (of_tokenizer(vocab={}), "vocabulary is empty"),
    "a token behind every text": (ending, "puts tokens behind a text.*let it put none there"),
    "a key twice in config.json": (
        repeated("config.json", "model_type", '"gpt2"'),
        "config.json: not plain JSON .*twice",
    ),
    "a key twice in tokenizer.json": (
        repeated("tokenizer.json", "model", "{}"),
        "tokenizer.json: not plain JSON .*twice",
    ),
    "a pointer of git-lfs": (
        lambda d: weights(d).write_bytes(POINTER),
        "model.safetensors: a pointer of git-lfs.*`git lfs pull`",
    ),
    "a tokenizer's pointer of git-lfs": (
        lambda d: (d / "tokenizer.json").write_bytes(POINTER),
        "tokenizer.json: a pointer of git-lfs.*`git lfs pull`",
    ),
    "empty weights": (lambda d: weights(d).write_bytes(b""), "model.safetensors: an empty file.*again"),
    "a missing shard": (
        lambda d: (shard(d, UP), (d / "b.safetensors").unlink()),
        "'b.safetensors', which is not there: add that file",
    ),
    "a tie that is null": (
        lambda d: (d / "config.json").write_text('{"tie_word_embeddings": null, "model_type": "llama"}'),
        "tie_word_embeddings is None: write true or false",
    ),
    "a tie in words": (
        lambda d: edit_json(d / "config.json", tie_word_embeddings="true"),
        "tie_word_embeddings is 'true': write true or false",
    ),
    "no model_type": (lambda d: edit_json(d / "config.json", model_type=None), "config.json: no model_type"),
    "no config.json": (lambda d: (d / "config.json").unlink(), "no config.json in"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_door_refuses_what_would_be_another_model(llama: Path, repository: Path, case: str) -> None:
    spoil, said = CASES[case]
    spoil(llama)
    for line in told(llama, repository).values():
        assert re.search(said, line), line


@pytest.mark.parametrize("case", ["a head of its own", "an unknown name", "an adapter", "a missing shard"])
def test_a_model_of_the_hub_is_refused_alike(
    hub: FakeHub, llama: Path, refused: Callable[..., str], case: str
) -> None:
    spoil, said = CASES[case]
    spoil(llama)
    hub.add(llama)
    assert re.search(said, refused("model", "owner/name"))


def test_an_adapter_beside_a_pinned_model_is_refused(hub: FakeHub, llama: Path, tmp_path: Path) -> None:
    edit_json(llama / "adapter_config.json", peft_type="LORA")
    with pytest.raises(InputError, match=r"owner/name@.*adapter_config.json.*merge it"):
        fetch("owner/name", hub.add(llama), tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def head_only(params: Params) -> None:
    params[HEAD] = params.pop(EMBEDDING)


def same_head(params: Params) -> None:
    params[HEAD] = params[EMBEDDING].clone()


ACCEPTED: dict[str, Callable[[Path], object]] = {
    "the same head": lambda d: change_weights(d, same_head),
    "the head in place of the embedding": lambda d: change_weights(d, head_only),
    "no prefix": lambda d: change_weights(
        d, lambda params: {name.removeprefix("model."): one for name, one in params.items()}
    ),
    "no quantisation, in words": lambda d: (d / "config.json").write_text(
        '{"quantization_config": null, ' + (d / "config.json").read_text()[1:], encoding="utf-8"
    ),
    "files beside it that transformers would take instead": lambda d: (
        d / "shard-00000-model-00001-of-00001.safetensors"
    ).write_bytes(save({EMBEDDING: torch.zeros(3, 8)})),
    "a header as long as a pickle's first bytes say": lambda d: with_header_of(d, 0x0480),
}


def with_header_of(folder: Path, length: int) -> None:
    """A header may be padded with blanks."""
    data = weights(folder).read_bytes()
    own = struct.unpack("<Q", data[:8])[0]
    length += 0x10000 * (own > length)
    padded = data[8 : 8 + own].ljust(length)
    weights(folder).write_bytes(struct.pack("<Q", length) + padded + data[8 + own :])


@pytest.mark.parametrize("case", ACCEPTED)
def test_every_door_takes_the_same_model(llama: Path, repository: Path, case: str) -> None:
    before = read_model(llama)[2]
    ACCEPTED[case](llama)
    doors = every_door(llama, repository)
    doors["submit"](), doors["stage"]()
    assert read_model(llama)[2] == before


def test_files_may_name_another_token_for_padding(llama: Path, repository: Path) -> None:
    edit_json(llama / "special_tokens_map.json", pad_token="<pad>")
    edit_json(llama / "tokenizer_config.json", pad_token="</s>")
    for enter in every_door(llama, repository).values():
        enter()


def gpt2(tokens: int) -> PreTrainedModel:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=tokens, n_embd=8, n_layer=1, n_head=2, n_positions=64))


def apertus(tokens: int) -> PreTrainedModel:
    from transformers import ApertusConfig, ApertusForCausalLM

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    return ApertusForCausalLM(ApertusConfig(vocab_size=tokens, **sizes, num_key_value_heads=2))


def gpt_neo(tokens: int) -> PreTrainedModel:
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    sizes = {"hidden_size": 8, "num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]]}
    return GPTNeoForCausalLM(GPTNeoConfig(vocab_size=tokens, **sizes, max_position_embeddings=64))


def gpt_j(tokens: int) -> PreTrainedModel:
    from transformers import GPTJConfig, GPTJForCausalLM

    return GPTJForCausalLM(
        GPTJConfig(vocab_size=tokens, n_embd=8, n_layer=1, n_head=2, n_positions=64, rotary_dim=4)
    )


def with_masks(attention: str) -> Callable[[Params], Params]:
    """The masks that older versions stored beside each layer's attention of that name."""

    def change(params: Params) -> Params:
        masks = {"bias": torch.ones(1, 1, 64, 64, dtype=torch.uint8), "masked_bias": torch.tensor(-1e9)}
        layers = {int(name.split(".")[2]) for name in params if name.startswith("transformer.h.")}
        names = [f"transformer.h.{layer}.{attention}" for layer in layers]
        return params | {f"{name}.{kind}": mask.clone() for name in names for kind, mask in masks.items()}

    return change


def as_on_the_hub(params: Params) -> Params:
    """GPT-2's names without a prefix, and the masks that older versions stored."""
    stored = {name.removeprefix("transformer."): tensor for name, tensor in params.items()}
    return stored | {"h.0.attn.bias": torch.ones(1, 1, 64, 64)}


@pytest.mark.parametrize(
    ("made", "change"),
    [
        (gpt2, as_on_the_hub),
        (apertus, lambda params: None),
        (gpt_neo, with_masks("attn.attention")),
        (gpt_j, with_masks("attn")),
    ],
    ids=["names of older versions, with masks", "stored buffers", "masks of GPT-Neo", "masks of GPT-J"],
)
def test_every_door_takes_a_model_as_its_makers_store_it(
    llama: Path,
    repository: Path,
    made: Callable[[int], PreTrainedModel],
    change: Callable[[Params], Params | None],
) -> None:
    tokens = json.loads((llama / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    made(tokens).save_pretrained(llama)
    before = read_model(llama)[2]
    change_weights(llama, change)
    doors = every_door(llama, repository)
    doors["submit"](), doors["stage"]()
    assert read_model(llama)[2] == before


def test_the_stage_takes_every_file_of_the_tokenizer(llama: Path, repository: Path) -> None:
    before = Tokenizer.from_folder(llama)
    edit_json(llama / "added_tokens.json", surplus=before.n_rows)
    at_the_stage(repository, llama)
    taken = Tokenizer.from_folder(repository / "data/micro/models/own/0")
    assert (taken.n_rows, taken.digest) == (before.n_rows + 1, Tokenizer.from_folder(llama).digest)


def test_a_folder_without_a_model_is_named(
    tmp_path: Path, texts_file: Path, refusal: Callable[..., str]
) -> None:
    arguments = [
        "--corpus",
        str(texts_file),
        "--index",
        "0",
        "--arm",
        "gap",
        "--seed",
        "0",
        "--suite",
        "micro12",
    ]
    said = refusal("run", "--model", str(tmp_path), *arguments, "--out", str(tmp_path / "out"))
    assert f"--model {tmp_path}: no config.json in it: name a folder" in said


ASTRAY = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
PANICS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a regular expression": (
        lambda d: edit_json(d / "tokenizer.json", pre_tokenizer=ASTRAY),
        "a regular expression of the tokenizer goes astray .*: use another model",
    ),
    "no token for the unknown": (
        of_tokenizer(type="WordLevel", unk_token="<none>"),
        "the tokenizer fails on a text .*: use another model",
    ),
    "a prefix that no token has": (
        of_tokenizer(continuing_subword_prefix="##", merges=[["a", "b"]]),
        "holds no readable tokenizer .*: fetch it again",
    ),
}


@pytest.mark.parametrize("enter", [check_file, read_model])
@pytest.mark.parametrize("case", PANICS)
def test_a_tokenizer_on_which_the_library_panics_leaves_no_backtrace(
    model_folder: Path, case: str, enter: Callable[[Path], object], capfd: pytest.CaptureFixture[str]
) -> None:
    spoil, said = PANICS[case]
    spoil(model_folder)
    with pytest.raises(InputError, match=said):
        enter(model_folder)
    assert capfd.readouterr().err == ""
