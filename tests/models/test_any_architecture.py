"""Small random models of many architectures: the figures of stock lm-eval and plain PyTorch, by the path expected."""

import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from tokenizers import AddedToken, decoders, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE

from benchmark.arithmetic import mode
from benchmark.errors import InputError
from benchmark.evaluation.lm_eval_model import EngineLM
from benchmark.models.causal_model import CausalModel
from benchmark.models.model_folders import load_model, shape_of
from benchmark.models.opt import OptConfig, OptModel, load_opt, save_opt
from benchmark.models.tokenizer import Tokenizer
from benchmark.models.weights import weights_sha256
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.arms.interface import RunStart
from benchmark.posttrain.base_model import load_base, read_model
from benchmark.posttrain.objective import text_loss
from benchmark.posttrain.run_loop import RunRequest, execute_run
from benchmark.settings.arm_specs import Arm
from benchmark.settings.run_options import EvaluationOptions, Execution, Posttrain

torch.set_num_threads(1)
VOCABULARY, POSITIONS = 260, 96
WORDS = ["the", " cat", " dog", " sat", " on", " a", " mat", " and", " ran", " to", " User", " 1", ".", "\n"]
BODY: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": POSITIONS,
}
GROUPED = BODY | {"num_key_value_heads": 2}
NARROW = GROUPED | {"head_dim": 4}
GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
TREES: dict[str, dict[str, Any]] = {
    "opt": BODY | {"ffn_dim": 32, "word_embed_proj_dim": 16, "activation_function": "gelu"},
    "gpt2": GPT,
    "gpt_neox": BODY,
    "gptj": GPT | {"rotary_dim": 4},
    "llama": GROUPED,
    "mistral": GROUPED | {"sliding_window": None},
    "qwen2": GROUPED | {"tie_word_embeddings": True},
    "qwen3": NARROW,
    "gemma": NARROW,
    "gemma2": NARROW | {"query_pre_attn_scalar": 4},
    "gemma3_text": NARROW | {"query_pre_attn_scalar": 4},
    "olmo": GROUPED,
    "olmo2": GROUPED,
    "smollm3": GROUPED,
    "stablelm": GROUPED,
    "phi": GROUPED,
    "phi3": GROUPED,
    "granite": GROUPED | {"logits_scaling": 2.0},
    "granitemoe": GROUPED | {"num_local_experts": 2, "num_experts_per_tok": 1},
    "olmoe": GROUPED | {"num_experts": 4, "num_experts_per_tok": 2},
    "falcon": BODY | {"alibi": False},
    "starcoder2": GROUPED,
    "cohere": GROUPED,
    "xglm": {
        "d_model": 16,
        "num_layers": 2,
        "attention_heads": 4,
        "ffn_dim": 32,
        "max_position_embeddings": POSITIONS,
    },
}
"""Architectures whose prefix trees are right in one pass."""
LOCAL = {"attention_types": [[["global", "local"], 1]], "num_layers": 2, "num_heads": 4, "window_size": 8}
SEQUENCES: dict[str, dict[str, Any]] = {
    "gpt_neo": BODY | LOCAL,
    "mistral": GROUPED | {"sliding_window": 16},
    "mpt": {"d_model": 16, "n_layers": 2, "n_heads": 4, "max_seq_len": POSITIONS},
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 4},
    "recurrent_gemma": NARROW | {"lru_width": 16, "attention_window_size": 8, "num_hidden_layers": 3},
    "lfm2": GROUPED | {"layer_types": ["conv", "full_attention"], "block_ff_dim": 32},
    "rwkv": {
        "hidden_size": 16,
        "attention_hidden_size": 16,
        "num_hidden_layers": 2,
        "context_length": POSITIONS,
    },
    "mamba": {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
}
"""Architectures whose trees are wrong or impossible: a window shorter than the text, ALiBi, convolution, recurrence."""
NATIVE = {"gptj", "granitemoe", "olmoe", "falcon", "xglm", *SEQUENCES} - {"mistral", "rwkv"}
"""Architectures with products or functions that have no portable stand-in: their bits depend on the machine."""
ALL = [*((kind, shape, True) for kind, shape in TREES.items())]
ALL += [*((kind, shape, False) for kind, shape in SEQUENCES.items())]
NAMES = [f"{kind}-{'trees' if trees else 'sequences'}" for kind, _, trees in ALL]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bytes, a few words, a regular expression, tokens of names that no other tokenizer has, and nothing in front."""
    folder = tmp_path_factory.mktemp("tokenizer")
    special = ["[begin]", "[end]"]
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "the"]
    merges = [("t", "h"), ("th", "e")]
    backend = Backend(BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_regex(), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(text, special=True) for text in special])
    assert backend.get_vocab_size() == VOCABULARY
    backend.save(str(folder / "tokenizer.json"))
    names = {
        "bos_token": special[0],
        "eos_token": special[1],
        "pad_token": special[1],
        "unk_token": special[1],
    }
    names["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


def _regex() -> Any:
    from tokenizers import Regex

    return Regex(r"\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)| ?\p{L}+|\s+")


@pytest.fixture(scope="module")
def requests() -> dict[str, list[Instance]]:
    """Choices that begin alike behind contexts of several lengths, and texts to go on with."""
    rng = random.Random(0)

    def text(words: int) -> str:
        return "".join(rng.choice(WORDS) for _ in range(words))

    choices, prompts = [], []
    for number in range(3):
        context, begin = text(3 + 2 * number), text(2)
        for choice in range(3):
            pair = (context, begin + text(1 + choice))
            choices.append(Instance("loglikelihood", {}, pair, choice, ("choice", number, 1)))
        settings = {"until": ["\nUser "], "max_gen_toks": 6, "do_sample": False}
        prompts.append(
            Instance("generate_until", {}, (text(4 + 3 * number), settings), 0, ("talk", number, 1))
        )
    return {"loglikelihood": choices, "generate_until": prompts}


def write_model(kind: str, shape: dict[str, Any], tokenizer_folder: Path, folder: Path) -> Any:
    """A model folder of random weights, large enough that predictions differ from place to place; the stock model."""
    from transformers import AutoConfig, AutoModelForCausalLM

    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "vocab_size": VOCABULARY}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **(ids | shape))).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    if kind == "opt":
        put_in_front(folder)  # as OPT's own tokenizer does
    return model


def put_in_front(folder: Path) -> None:
    """Let the folder's tokenizer put its bos in front of every text."""
    from tokenizers.processors import TemplateProcessing

    backend = Backend.from_file(str(folder / "tokenizer.json"))
    backend.post_processor = TemplateProcessing(
        single="[begin] $A", pair=None, special_tokens=[("[begin]", 0)]
    )
    backend.save(str(folder / "tokenizer.json"))


def compare_with_stock(
    stock_model: Any, folder: Path, model: CausalModel, tokenizer: Tokenizer, requests: Any
) -> None:
    """Log-probabilities within 1e-4, the same best choices, greedy flags and texts."""
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoTokenizer

    stock = HFLM(
        pretrained=stock_model,
        tokenizer=AutoTokenizer.from_pretrained(folder),
        batch_size=1,
        max_length=POSITIONS,
    )
    engine = EngineLM(model, tokenizer, tokenisation="joint", max_length=POSITIONS)
    theirs = stock.loglikelihood(requests["loglikelihood"], disable_tqdm=True)
    ours = engine.loglikelihood(requests["loglikelihood"])
    assert [one for one, _ in ours] == pytest.approx([one for one, _ in theirs], abs=1e-4)
    assert [flag for _, flag in ours] == [flag for _, flag in theirs]
    for start in range(0, len(ours), 3):
        best = [max(range(3), key=lambda i: part[start + i][0]) for part in (ours, theirs)]
        assert best[0] == best[1]
    texts = stock.generate_until(requests["generate_until"], disable_tqdm=True)
    assert engine.generate_until(requests["generate_until"]) == texts


@pytest.mark.parametrize(("kind", "shape", "trees"), ALL, ids=NAMES)
def test_scores_texts_and_steps_are_those_of_stock(
    kind: str,
    shape: dict[str, Any],
    trees: bool,
    tokenizer_folder: Path,
    requests: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the path is the one that is right for the architecture, said once where it is the slower one."""
    stock_model = write_model(kind, shape, tokenizer_folder, tmp_path)
    model, tokenizer, _ = read_model(tmp_path)
    assert model.parameters_count() == sum(parameter.numel() for parameter in stock_model.parameters())
    capsys.readouterr()
    compare_with_stock(stock_model, tmp_path, model, tokenizer, requests)
    assert set(model.config.trees.values()) == {trees}  # type: ignore[attr-defined]
    assert model.config.record() == {"scored_as": "prefix trees" if trees else "one sequence per choice"}
    said = capsys.readouterr().err.count("each choice is scored as a sequence of its own")
    assert said == (0 if trees else 1)
    assert model.config.portable is (mode.is_portable() and kind not in NATIVE)
    compare_steps(stock_model, model)


def compare_steps(stock_model: Any, model: CausalModel) -> None:
    """Losses of ascent against transformers' own loss and torch's Adam, within 1e-5."""
    tokens = tuple(torch.randint(2, VOCABULARY, (24,), generator=torch.Generator().manual_seed(1)).tolist())
    ids = torch.tensor([tokens])
    adam = torch.optim.Adam(stock_model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8)
    settings = Posttrain(learning_rate=1e-3)
    params = model.params
    before = weights_sha256(params)
    attempts = ARMS["ascent"](RunStart(model, tokens, settings, 0, "text"))
    for _ in range(3):
        adam.zero_grad()
        loss = stock_model(input_ids=ids, labels=ids, use_cache=False).loss
        assert text_loss(params, model.config, tokens).item() == pytest.approx(loss.item(), abs=1e-5)
        (-loss).backward()
        adam.step()
        params = next(attempts).params
    assert weights_sha256(model.params) == before


def test_a_mask_broken_on_purpose_is_caught(
    tokenizer_folder: Path, requests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.models.any_architecture import network

    def causal(batch: Any, dtype: torch.dtype) -> torch.Tensor:
        length = batch.ids.shape[1]
        mask = torch.full((length, length), torch.finfo(dtype).min).triu_(1)
        return mask.expand(len(batch.ids), 1, -1, -1)

    monkeypatch.setattr(network, "tree_mask", causal)
    stock_model = write_model("llama", TREES["llama"], tokenizer_folder, tmp_path)
    model, tokenizer, _ = read_model(tmp_path)
    compare_with_stock(stock_model, tmp_path, model, tokenizer, requests)
    assert model.config.record() == {"scored_as": "one sequence per choice"}


def test_native_opt_is_transformers_opt(requests: Any, tokenizer_folder: Path, tmp_path: Path) -> None:
    from benchmark.models.any_architecture.loading import load_any

    config = OptConfig(VOCABULARY, 16, 2, 4, 32, POSITIONS, 16)
    generator = torch.Generator().manual_seed(0)
    params = {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in config.shapes().items()}
    save_opt(OptModel(config, params), tmp_path)
    for file in tokenizer_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tokenizer = Tokenizer.from_folder(tmp_path)
    native = load_model(tmp_path)
    other = load_any(tmp_path, device=torch.device("cpu"), dtype=torch.float32)
    assert isinstance(native, OptModel)
    assert native.parameters_count() == other.parameters_count()
    scored = [
        EngineLM(model, tokenizer, max_length=POSITIONS).loglikelihood(requests["loglikelihood"])
        for model in (native, other)
    ]
    assert [one for one, _ in scored[0]] == pytest.approx([one for one, _ in scored[1]], abs=1e-4)
    written = [
        EngineLM(model, tokenizer, max_length=POSITIONS).generate_until(requests["generate_until"])
        for model in (native, other)
    ]
    assert written[0] == written[1]
    assert load_opt(tmp_path).config.record() == {}
    stock_model = other.config.module.requires_grad_(True)  # type: ignore[attr-defined]
    compare_steps(stock_model, native)


@pytest.mark.parametrize("tied", [True, False])
def test_a_saved_or_sent_model_is_the_same(tied: bool, tokenizer_folder: Path, tmp_path: Path) -> None:
    write_model("llama", GROUPED | {"tie_word_embeddings": tied}, tokenizer_folder, tmp_path / "made")
    model, _, digest = read_model(tmp_path / "made")
    model.config.save(model.params, tmp_path / "saved")
    for file in tokenizer_folder.iterdir():
        (tmp_path / "saved" / file.name).write_bytes(file.read_bytes())
    assert read_model(tmp_path / "saved")[2] == digest
    ids = torch.arange(2, 22)[None]
    sent = pickle.loads(pickle.dumps(model))
    assert torch.equal(sent.config.logits(sent.params, ids), model.config.logits(model.params, ids))
    assert ("lm_head.weight" in model.params) is not tied


def test_the_shape_for_a_plan_has_the_models_size(tokenizer_folder: Path, tmp_path: Path) -> None:
    shape = GROUPED | {"hidden_size": 64, "intermediate_size": 256}
    model = write_model("llama", shape, tokenizer_folder, tmp_path)
    planned = sum(torch.Size(size).numel() for size in shape_of(tmp_path).shapes().values())
    assert planned == pytest.approx(model.num_parameters(), rel=0.1)


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_a_run_says_how_its_model_was_scored(kind: str, tokenizer_folder: Path, tmp_path: Path) -> None:
    """From the folder to the record, with choices and dialogues, through the loop that every run goes through."""
    from tests.evaluation.small import small_suite

    write_model(kind, dict(TREES | SEQUENCES)[kind], tokenizer_folder, tmp_path)
    settings = EvaluationOptions(max_length=64, documents=2)
    base = load_base(kind, tmp_path, small_suite(documents=2), settings, Execution(device="cpu", workers=1))
    posttrain = Posttrain(learning_rate=1e-3, max_steps=2)
    tokens = tuple(base.tokenizer.encode("the cat sat on a mat", bos=True))
    arm = Arm(kind="random")
    request = RunRequest(
        track="t",
        model_name=kind,
        model=base.model,
        model_digest=base.digest,
        corpus="c",
        index=0,
        text_id="text",
        tokens=tokens,
        arm_name="random",
        arm=arm,
        seed=0,
        settings=posttrain,
        arithmetic=base.arithmetic,
    )
    result = execute_run(request, base.scorer)
    assert result.record.scored_as == {"llama": "prefix trees", "mamba": "one sequence per choice"}[kind]
    is_portable = result.record.arithmetic == "portable-x86-64-v1"
    assert is_portable == (kind == "llama" and mode.is_portable())
    assert [step.step for step in result.record.steps] == [0, 1, 2]
    assert set(result.samples["task"].to_pylist()) == {"choice", "talk"}


def _edit(folder: Path, **fields: Any) -> None:
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | fields))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: _edit(d, auto_map={"AutoModelForCausalLM": "evil.Evil"}), "auto_map"),
        (lambda d: (d / "modeling_evil.py").write_text("raise SystemExit"), "code"),
        (lambda d: (d / "model.safetensors").rename(d / "pytorch_model.bin"), "pickled"),
        (lambda d: _edit(d, model_type="nothing_known"), "model_type"),
        (lambda d: _edit(d, model_type="bert_generation_x"), "model_type"),
        (lambda d: _edit(d, num_hidden_layers=3), "lack"),
        (lambda d: _edit(d, num_hidden_layers=1), "unknown tensor"),
        (lambda d: _edit(d, vocab_size=VOCABULARY + 8), "shape"),
        (lambda d: _edit(d, quantization_config={"bits": 4}), "quantised"),
        (lambda d: _edit(d, tie_word_embeddings=True), "tied"),
    ],
)
def test_folders_that_lie_are_refused(spoil: Any, said: str, tokenizer_folder: Path, tmp_path: Path) -> None:
    write_model("llama", GROUPED | {"tie_word_embeddings": False}, tokenizer_folder, tmp_path)
    spoil(tmp_path)
    with pytest.raises(InputError, match=said):
        read_model(tmp_path)


def test_a_regular_expression_that_goes_astray_is_refused(tokenizer_folder: Path, tmp_path: Path) -> None:
    raw = json.loads((tokenizer_folder / "tokenizer.json").read_text())
    raw["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": "(a+)+$"},
        "behavior": "Isolated",
        "invert": False,
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(raw))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer_config.json").write_bytes(
        (tokenizer_folder / "tokenizer_config.json").read_bytes()
    )
    tokenizer = Tokenizer.from_folder(tmp_path)
    with pytest.raises(InputError, match="regular expression"):
        tokenizer.encode("a" * 40 + "!", bos=False)


def test_what_a_tokenizer_puts_in_front_is_put_there(tokenizer_folder: Path, tmp_path: Path) -> None:
    for file in tokenizer_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    plain = Tokenizer.from_folder(tmp_path)
    assert (plain.leading, plain.bos_id, plain.eos_id) == ((), 0, 1)
    assert plain.encode("", bos=True) == [0]
    put_in_front(tmp_path)
    leading = Tokenizer.from_folder(tmp_path)
    assert leading.leading == (0,)
    assert leading.encode("the", bos=True) == [0, *plain.encode("the", bos=True)]
    assert leading.cut_left([0, 5, 6, 7], 3) == [0, 6, 7]
    assert plain.cut_left([0, 5, 6, 7], 3) == [5, 6, 7]
