"""Our OPT forward, files and tokenizer against those of ``transformers``."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmark.errors import InputError
from benchmark.models.opt import OptModel, causal_logits, load_opt, save_opt
from benchmark.models.tensor_names import EMBEDDING
from benchmark.models.tokenizer import Tokenizer
from benchmark.models.weights import FACTORS, device_digest, weights_digest, weights_sha256
from tests.tiny_model import change_weights, edit_json, shard

torch.set_num_threads(1)

SHAPES = {
    "pre_ln": {},
    "post_ln_projected": {"do_layer_norm_before": False, "word_embed_proj_dim": 16},
    "no_final_norm": {"_remove_final_layer_norm": True},
}


@pytest.fixture(scope="module", params=SHAPES)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A random ``OPTForCausalLM`` with weights large enough for a peaked attention, and its folder."""
    from transformers import OPTConfig, OPTForCausalLM

    torch.manual_seed(0)
    shape = {
        "vocab_size": 101,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "ffn_dim": 48,
    }
    config = OPTConfig(
        max_position_embeddings=40, **({"word_embed_proj_dim": 32} | shape | SHAPES[request.param])
    )
    config._attn_implementation = "eager"
    model = OPTForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    return model, folder


@pytest.mark.parametrize("fused", [False, True])
def test_logits_equal_those_of_transformers(reference, fused):
    stock, folder = reference
    model = load_opt(folder)
    ids = torch.randint(3, 101, (2, 30), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = stock(ids).logits
        assert torch.allclose(
            causal_logits(model.params, model.config, ids, fused=fused), expected, atol=1e-5
        )


def test_gradients_equal_those_of_transformers(reference):
    stock, folder = reference
    model = load_opt(folder)
    ids = torch.randint(3, 101, (1, 25), generator=torch.Generator().manual_seed(2))
    for tensor in model.params.values():
        tensor.requires_grad_()
    logits = causal_logits(model.params, model.config, ids)
    torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).backward()
    stock.zero_grad()
    stock(ids, labels=ids).loss.backward()
    named = dict(stock.named_parameters())
    assert set(named) == set(model.params)
    for name, tensor in model.params.items():
        assert torch.allclose(tensor.grad, named[name].grad, atol=1e-6), name


def test_saved_model_loads_in_transformers_and_keeps_its_digest(reference, tmp_path):
    from transformers import OPTForCausalLM

    _, folder = reference
    model = load_opt(folder)
    save_opt(model, tmp_path)
    again = load_opt(tmp_path)
    assert again.config == model.config
    assert weights_sha256(again.params) == weights_sha256(model.params)
    stock = OPTForCausalLM.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[2, 7, 9, 11]])
    with torch.no_grad():
        assert torch.allclose(stock(ids).logits, causal_logits(model.params, model.config, ids), atol=1e-5)
    assert model.parameters_count() == sum(parameter.numel() for parameter in stock.parameters())


def test_vocabulary_is_cut_to_the_rows_asked_for(reference):
    _, folder = reference
    whole, cut = load_opt(folder), load_opt(folder, vocab_rows=97)
    ids = torch.tensor([[2, 5, 96]])
    with torch.no_grad():
        expected = causal_logits(whole.params, whole.config, ids)[..., :97]
        assert torch.allclose(causal_logits(cut.params, cut.config, ids), expected, atol=1e-5)
    assert cut.config.vocab_size == 97
    with pytest.raises(InputError, match="rows"):
        load_opt(folder, vocab_rows=102)


def test_digest_sees_a_single_bit_and_the_type(reference):
    model = load_opt(reference[1])
    before = weights_sha256(model.params)
    changed = {name: tensor.clone() for name, tensor in model.params.items()}
    changed[EMBEDDING].view(torch.int32)[0, 0] ^= 1
    assert weights_sha256(changed) != before
    assert weights_sha256({name: tensor.bfloat16() for name, tensor in changed.items()}) != before


@pytest.fixture
def saved(reference, tmp_path) -> Path:
    save_opt(load_opt(reference[1]), tmp_path)
    return tmp_path


def test_sharded_weights_are_read(saved):
    before, index = weights_sha256(load_opt(saved).params), saved / "model.safetensors.index.json"
    shard(saved, EMBEDDING)
    assert weights_sha256(load_opt(saved).params) == before
    files = json.loads(index.read_text())["weight_map"]
    edit_json(index, weight_map=files | {EMBEDDING: "../a.safetensors"})
    with pytest.raises(InputError, match="not a file of its folder"):
        load_opt(saved)


def weights(change):
    return lambda folder: change_weights(folder, change)


def config(**fields):
    return lambda folder: edit_json(folder / "config.json", **fields)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (weights(lambda params: params[EMBEDDING][3, :1].fill_(torch.nan)), "NaN"),
        (weights(lambda params: params.pop(EMBEDDING)), "is missing"),
        (weights(lambda params: params.update(stranger=torch.zeros(2))), "unknown tensor 'stranger'"),
        (weights(lambda params: params.update({EMBEDDING: torch.zeros(3, 3)})), "shape"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "pickled"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"not a tensor file"), "safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "JSON"),
        (lambda folder: (folder / "config.json").unlink(), "config"),
        (config(model_type="llama"), ""),
        (config(activation_function="gelu"), ""),
        (config(hidden_size="wide"), ""),
        (config(num_attention_heads=5), ""),
    ],
)
def test_a_spoiled_folder_is_refused(saved, spoil, said):
    spoil(saved)
    with pytest.raises(InputError, match=said):
        load_opt(saved)


def test_half_precision_weights_are_loaded_in_the_type_asked_for(saved):
    params = {name: tensor.half() for name, tensor in load_file(saved / "model.safetensors").items()}
    save_file(params, saved / "model.safetensors")
    model = load_opt(saved, dtype=torch.bfloat16)
    assert isinstance(model, OptModel) and model.dtype == torch.bfloat16


def test_token_ids_equal_those_of_transformers_on_real_texts(golden_dir, data_dir):
    from transformers import AutoTokenizer

    folder = golden_dir / "models" / "pre_ln"
    ours, stock = Tokenizer.from_folder(folder), AutoTokenizer.from_pretrained(folder)
    lines = (data_dir / "tasks" / "piqa" / "valid.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["sol1"] for line in lines[:400]]
    texts += (
        (data_dir / "corpora" / "wikitext-2" / "valid.txt").read_text(encoding="utf-8").splitlines()[:400]
    )
    texts += [
        "",
        "</s> yes",
        "a<pad>b </s>c",
        "<s> <unk>",
        "\nUser 1:",
        "caf\u00e9 \u2713 \U0001f600\r\n\t x",
    ]
    assert ours.encode_batch(texts, bos=False) == stock(texts, add_special_tokens=False)["input_ids"]
    assert ours.encode(texts[0], bos=True) == stock(texts[0])["input_ids"]
    ids = ours.encode_batch(texts, bos=True)
    assert [ours.decode(row) for row in ids] == [stock.decode(row, skip_special_tokens=True) for row in ids]
    assert (ours.n_tokens, ours.bos_id, ours.eos_id, ours.pad_id) == (len(stock), 2, 2, 1)


def test_tokenizer_json_gives_the_same_ids_as_vocabulary_and_merges(golden_dir, tmp_path):
    folder = golden_dir / "models" / "pre_ln"
    ours = Tokenizer.from_folder(folder)
    ours.backend.save(str(tmp_path / "tokenizer.json"))
    again = Tokenizer.from_folder(tmp_path)
    assert again.encode("A b</s> c", bos=True) == ours.encode("A b</s> c", bos=True)
    assert again.digest == ours.digest


def test_a_folder_without_a_readable_tokenizer_is_refused(tmp_path, golden_dir):
    with pytest.raises(InputError, match="no tokenizer"):
        Tokenizer.from_folder(tmp_path)
    shutil.copy(golden_dir / "models" / "pre_ln" / "vocab.json", tmp_path)
    (tmp_path / "merges.txt").write_text("one two three\n")
    with pytest.raises(InputError, match="tokenizer"):
        Tokenizer.from_folder(tmp_path)


def test_a_digest_on_the_device_tells_any_change_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    params = {
        "a": torch.randn(300, 7, generator=generator),
        "b": torch.zeros(5),
        "c": torch.ones(3).bfloat16(),
    }
    found = {device_digest(params)}
    assert device_digest({name: params[name].clone() for name in reversed(params)}) in found
    changed = {name: tensor.clone() for name, tensor in params.items()}
    changed["a"][299, 6] = torch.nextafter(changed["a"][299, 6], torch.tensor(9.0))
    swapped = {**params, "a": params["a"].flip(0)}
    signed = {**params, "b": torch.tensor([0.0, 0.0, -0.0, 0.0, 0.0])}
    reshaped = {**params, "a": params["a"].reshape(7, 300)}
    renamed = {"a": params["a"], "d": params["b"], "c": params["c"]}
    found |= {device_digest(one) for one in (changed, swapped, signed, reshaped, renamed)}
    assert len(found) == 6
    assert weights_digest(params) == weights_sha256(params)


def test_a_digest_on_the_device_tells_exchanged_pieces_apart() -> None:
    values = torch.arange(2 * FACTORS, dtype=torch.float32)
    exchanged = torch.cat([values[FACTORS:], values[:FACTORS]])
    assert device_digest({"a": values}) != device_digest({"a": exchanged})
    assert device_digest({"a": values}) == device_digest({"a": values.clone()})
