"""What a loader leaves out is what stands for it, tokens find their rows, and a base has finite outputs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer as Backend

from benchmark.errors import InputError
from benchmark.models.from_hub import convert_pickles
from benchmark.models.opt import causal_logits, load_opt
from benchmark.models.tensor_names import EMBEDDING
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.base_model import load_base
from benchmark.settings.run_options import EvaluationOptions, Execution
from benchmark.tasks.suite_of_track import suite_of
from benchmark.untrusted.model_folder import check_model
from tests.tiny_model import (
    WORDS,
    Params,
    add_token,
    change_weights,
    edit_json,
    shard,
    write_model,
    write_tokenizer,
)

HEAD = "lm_head.weight"


def with_gaps(folder: Path) -> dict[str, int]:
    """Every id from 20 on moves up by 3, so that the largest is 3 above the number of tokens - 1."""
    vocabulary = {word: number + 3 * (number >= 20) for number, word in enumerate(WORDS)}
    write_tokenizer(folder, vocabulary)
    return vocabulary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random tied model with 8 rows more than it has tokens."""
    target = tmp_path / "tuned"
    write_model(target, rows=len(WORDS) + 8, positions=512)
    return target


def bare(params: Params) -> Params:
    return {name.removeprefix("model."): tensor for name, tensor in params.items()}


LAYOUTS: dict[str, Callable[[Path], object]] = {
    "one file": lambda folder: None,
    "shards": lambda folder: shard(folder, HEAD),
    "no prefix": lambda folder: change_weights(folder, bare),
}


def refuse(folder: Path, said: str, load: Callable[[Path], object] = load_opt) -> None:
    """What loads the folder and what checks it without loading refuse it, each in one line."""
    for read in (load, check_model):
        with pytest.raises(InputError, match=said) as refused:
            read(folder)
        assert "\n" not in str(refused.value)


def one_value(params: Params) -> None:
    """A head that differs in the last bit of one value, in a row that no token has."""
    params[HEAD] = params[EMBEDDING].clone()
    params[HEAD].view(torch.int32)[-1, -1] ^= 1


def of_its_own(params: Params) -> None:
    params[HEAD] = torch.randn(params[EMBEDDING].shape, generator=torch.Generator().manual_seed(1))


def rounded(params: Params) -> None:
    params[HEAD] = params[EMBEDDING].bfloat16()


def cut(params: Params) -> None:
    params[HEAD] = params[EMBEDDING][: len(WORDS)].clone()


@pytest.mark.parametrize("edit", [one_value, of_its_own, rounded, cut])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("flag", [True, None])
def test_a_head_that_is_not_the_embedding_is_refused_loaded_or_not(folder, edit, layout, flag):
    change_weights(folder, edit)
    edit_json(folder / "config.json", tie_word_embeddings=flag)
    LAYOUTS[layout](folder)
    refuse(folder, r"lm_head\.weight")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_head_that_is_the_embedding_is_left_out(folder, layout, stored):
    """Of any type: float64 holds float32's values, and what was rounded is rounded in both."""
    coarse = stored if stored.itemsize == 2 else torch.float32
    before = load_file(folder / "model.safetensors")[EMBEDDING].to(coarse).float()

    def store(params: Params) -> None:
        params[EMBEDDING] = before.clone()
        params[HEAD] = before.to(stored)

    change_weights(folder, store)
    LAYOUTS[layout](folder)
    model = load_opt(folder)
    assert torch.equal(model.params[EMBEDDING], before)
    assert HEAD not in model.params
    assert check_model(folder).vocabulary == len(WORDS)


def test_a_tensor_that_stands_twice_is_refused(folder):
    def double(params: Params) -> None:
        params[EMBEDDING.removeprefix("model.")] = torch.zeros_like(params[EMBEDDING])

    change_weights(folder, double)
    refuse(folder, "twice")


@pytest.mark.parametrize("same", [True, False])
def test_a_head_in_a_pickle_is_left_out_only_where_it_is_the_embedding(tmp_path, same):
    tensors = {"decoder.embed_tokens.weight": torch.ones(4, 2)}
    torch.save(tensors | {HEAD: torch.full((4, 2), 1.0 if same else 2.0)}, tmp_path / "pytorch_model.bin")
    convert_pickles([tmp_path / "pytorch_model.bin"], tmp_path)
    assert (HEAD in load_file(tmp_path / "model.safetensors")) != same


def test_weights_beyond_float32_are_refused(folder):
    def huge(params: Params) -> None:
        params[EMBEDDING] = params[EMBEDDING].double()
        params[EMBEDDING][3, 2] = 1e39

    change_weights(folder, huge)
    refuse(folder, "beyond float32")


EVALUATION = EvaluationOptions(suite="micro12", select_documents=2)


def base(folder: Path):
    return load_base("tuned", folder, suite_of(EVALUATION, documents=2), EVALUATION, Execution(device="cpu"))


def test_ids_with_gaps_keep_the_rows_up_to_the_largest(folder):
    """The logits are those of transformers' model, resized to the largest id + 1."""
    from transformers import OPTForCausalLM

    vocabulary = with_gaps(folder)
    tokenizer = Tokenizer.from_folder(folder)
    assert (tokenizer.n_tokens, tokenizer.n_rows) == (len(WORDS), len(WORDS) + 3)
    assert tokenizer.encode("zebra", bos=True)[0] == vocabulary["</s>"]
    assert tokenizer.decode(tokenizer.encode("a zebra", bos=True)) == "a zebra"
    loaded = base(folder)
    assert loaded.scorer.start.finite
    stock = OPTForCausalLM.from_pretrained(folder).eval()
    stock.resize_token_embeddings(tokenizer.n_rows)
    ids = torch.tensor([tokenizer.encode("a zebra", bos=True)])
    with torch.no_grad():
        found = causal_logits(loaded.model.params, loaded.model.config, ids)
        assert torch.allclose(found, stock(ids).logits, atol=1e-5)
    facts = check_model(folder)
    assert (facts.vocabulary, facts.gaps) == (len(WORDS), 3)
    assert facts.parameters == loaded.model.parameters_count()


def test_an_id_without_a_row_is_refused_loaded_or_not(folder):
    write_tokenizer(folder, {word: number + 9 * (number >= 20) for number, word in enumerate(WORDS)})
    told = rf"{len(WORDS)} tokens with ids up to {len(WORDS) + 8}, the embedding has {len(WORDS) + 8} rows"
    refuse(folder, told, base)


def test_an_added_token_without_a_row_is_refused(folder):
    backend = Backend.from_file(str(folder / "tokenizer.json"))
    backend.add_tokens([f"<new{number}>" for number in range(9)])
    backend.save(str(folder / "tokenizer.json"))
    refuse(folder, "rows", base)


def test_two_tokens_with_one_id_are_refused(folder):
    add_token(folder, WORDS[201], 200)
    with pytest.raises(InputError, match="both have id 200"):
        Tokenizer.from_folder(folder)


def overflowing(params: Params) -> None:
    """Finite weights, of which a product is not."""
    params["model.decoder.final_layer_norm.weight"].fill_(1e30)
    params[EMBEDDING].mul_(1e10)


def test_a_base_without_finite_outputs_is_refused_by_name(folder):
    change_weights(folder, overflowing)
    with pytest.raises(InputError, match=r"model tuned \(.*\): its outputs are not finite in float32"):
        base(folder)


def test_a_base_that_fails_only_while_it_writes_is_refused(folder, monkeypatch):
    """Greedy texts hold tokens that no reference holds; a NaN behind one would be read as token 0."""
    from benchmark.models.networks.opt_forward import OptNetwork

    assert base(folder).scorer.start.written_finite
    plain = OptNetwork.extend

    def broken(self, *args, **kwargs):
        return plain(self, *args, **kwargs) * float("nan")

    monkeypatch.setattr(OptNetwork, "extend", broken)
    with pytest.raises(InputError, match="its outputs are not finite"):
        base(folder)


def test_a_base_whose_loss_on_a_text_is_not_finite_is_refused(folder):
    """The suite never reads the token whose row overflows; the text does."""
    from benchmark.corpora.texts import CorpusText
    from benchmark.posttrain.run_loop import execute_run
    from benchmark.posttrain.run_requests import request
    from benchmark.settings.load import load_settings

    loaded = base(folder)
    loaded.model.params[EMBEDDING][loaded.tokenizer.encode("\x01", bos=False)[0]] = float("inf")

    root = Path(__file__).resolve().parents[2]
    asked = request(
        load_settings(root / "params.yaml"), loaded, "mine", CorpusText(3, "t", "a\x01b"), "gap", 0
    )
    with pytest.raises(InputError, match="model tuned: its loss on text 3 of mine is not finite"):
        execute_run(asked, loaded.scorer)
