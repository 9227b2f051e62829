"""A rung is trained the same way twice, loads everywhere, and learns."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.errors import InputError
from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.micro_network import MicroNetwork
from benchmark.models.micro_training import (
    END,
    POSITIONS_COUNT,
    VOCABULARY,
    micro_tokenizer,
    pretraining_tokens,
    rung_config,
    train_rung,
)
from benchmark.models.muon import orthogonal
from benchmark.models.opt import OptModel, causal_logits, load_opt
from benchmark.models.packed import JoinedPassages, pack, steps_of
from benchmark.models.stacked import Stack
from benchmark.models.tokenizer import Tokenizer
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import MicroModel
from benchmark.tasks.suite import load_suite
from benchmark.world.pretraining_text import passages

TINY = MicroModel(kind="micro", hidden=16, layers=1, heads=2, ffn=32, tokens=80_000)
# embedding 768 x 16, positions 258 x 16, attention 4 x (16 x 16 + 16), feed-forward 2 x 16 x 32 + 48, norms 3 x 32
TINY_PARAMETERS = 768 * 16 + 258 * 16 + 4 * (16 * 16 + 16) + 2 * 16 * 32 + 48 + 3 * 32


@pytest.fixture(scope="module")
def tokenizer(micro_cache: Path) -> Tokenizer:
    return micro_tokenizer(micro_cache)


@pytest.fixture(scope="module")
def rung(micro_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rung")
    train_rung(TINY, {0: folder}, name="tiny", cache=micro_cache)
    return folder


def test_two_trainings_give_the_same_bytes(rung: Path, tmp_path: Path):
    # Another cache, so that text and tokenizer are made again too.
    train_rung(TINY, {0: tmp_path / "again"}, name="tiny", cache=tmp_path / "cache")
    assert sorted(p.name for p in rung.iterdir()) == sorted(p.name for p in (tmp_path / "again").iterdir())
    for file in rung.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_a_draw_has_the_same_bytes_alone_and_among_any_number_of_others(
    rung: Path, micro_cache: Path, tmp_path: Path
):
    spec = TINY.model_copy(update={"layers": 2, "tokens": 20_000})
    threads = torch.get_num_threads()
    groups = ((1,), (0, 1), (2, 1, 0), (3, 2, 1, 0), tuple(range(9, -1, -1)))
    found = set()
    for group in groups:
        torch.set_num_threads(1 + len(group) % 2)
        try:
            folders = {draw: tmp_path / f"{len(group)}-{draw}" for draw in group}
            train_rung(spec, folders, name="tiny", cache=micro_cache)
            assert torch.get_num_threads() == 1 + len(group) % 2
        finally:
            torch.set_num_threads(threads)
        found.add((folders[1] / "model.safetensors").read_bytes())
    assert len(found) == 1
    everyone = {(tmp_path / f"10-{draw}" / "model.safetensors").read_bytes() for draw in range(10)}
    assert len(everyone) == 10


def test_a_draw_is_a_seed(micro_cache: Path, tmp_path: Path):
    spec = TINY.model_copy(update={"tokens": 5_000})
    train_rung(spec, {1: tmp_path / "draw"}, name="tiny", cache=micro_cache)
    train_rung(spec.model_copy(update={"seed": 1}), {0: tmp_path / "seed"}, name="tiny", cache=micro_cache)
    one, other = (tmp_path / part / "model.safetensors" for part in ("draw", "seed"))
    assert one.read_bytes() == other.read_bytes()


def test_a_rung_learns_what_the_text_is_like(rung: Path, tokenizer: Tokenizer):
    ids = torch.tensor([tokenizer.encode(micro_corpus("unseen", 1)[0].text, bos=True)])
    model = load_opt(rung)
    with torch.no_grad():
        logits = causal_logits(model.params, model.config, ids)
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).item()
    assert loss < 0.75 * math.log(VOCABULARY)


def test_transformers_loads_a_rung_and_agrees(rung: Path, tokenizer: Tokenizer):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(rung)
    text = "Now Mira Holt lives in Ostby.\nWhat is 3 plus 4?\n7"
    assert theirs(text, add_special_tokens=False)["input_ids"] == tokenizer.encode(text, bos=False)
    assert (theirs.bos_token_id, theirs.pad_token_id, theirs.eos_token_id) == (2, 1, 2)
    assert len(theirs) == tokenizer.n_tokens == VOCABULARY
    ids = torch.tensor([tokenizer.encode(text, bos=True)])
    ours = load_opt(rung)
    with torch.no_grad():
        expected = AutoModelForCausalLM.from_pretrained(rung)(ids).logits
        torch.testing.assert_close(causal_logits(ours.params, ours.config, ids), expected, atol=1e-4, rtol=0)


def test_the_tokenizer_loses_nothing_and_keeps_opt_s_special_ids(tokenizer: Tokenizer):
    assert [tokenizer.backend.token_to_id(text) for text in ("<s>", "<pad>", "</s>")] == [0, 1, 2]
    for text in ("Größe: 5 µm\t→ {x}", "User 1: I am Mira Holt.\nUser 2:", micro_corpus("code", 1)[0].text):
        assert tokenizer.decode(tokenizer.encode(text, bos=True)) == text


def test_corpora_are_long_enough_for_a_run_and_fit_the_positions_mostly(tokenizer: Tokenizer):
    for part in ("seen", "unseen", "code"):
        lengths = [len(tokenizer.encode(text.text, bos=True)) for text in micro_corpus(part, 16)]
        assert min(lengths) >= 120, part
        if part != "code":
            assert max(lengths) <= POSITIONS_COUNT


def test_tokens_are_those_of_the_text_whether_kept_or_made(tokenizer: Tokenizer, tmp_path: Path):
    made = pretraining_tokens(tokenizer, 5_000, tmp_path)
    assert pretraining_tokens(tokenizer, 5_000, tmp_path) == made
    text = passages()
    for ids in made[:50]:
        assert ids == [END, *tokenizer.encode(next(text), bos=False), END]


def test_losses_and_gradients_are_those_of_each_passage_alone():
    config = rung_config(TINY.model_copy(update={"layers": 2}))
    generator = torch.Generator().manual_seed(1)
    rows = [[2, *torch.randint(3, 700, (size,), generator=generator).tolist(), 2] for size in range(1, 90, 4)]
    chosen = [np.array([3, 20, 0, 11, 4]), np.array([22, 1, 19])]
    weights, gradients = Stack(config, 2), Stack(config, 2)
    for draw in range(2):
        shapes = config.shapes().items()
        weights.fill(draw, {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes})
    text = JoinedPassages.of(rows)
    step = pack(text, chosen, text.rows(256))
    assert len(step.grids) > 3
    losses = MicroNetwork(config, weights, gradients).losses(step)
    for draw, loss in enumerate(losses):
        params = {name: value.double().requires_grad_() for name, value in weights.of(draw).items()}
        logits = [causal_logits(params, config, torch.tensor([rows[one][:-1]]))[0] for one in chosen[draw]]
        targets = torch.tensor([token for one in chosen[draw] for token in rows[one][1:]])
        expected = functional.cross_entropy(torch.cat(logits), targets)
        expected.backward()
        assert loss == pytest.approx(expected.item(), rel=1e-5)
        for name, found in gradients.of(draw).items():
            torch.testing.assert_close(found.double(), params[name].grad, atol=1e-6, rtol=1e-4)


def test_a_step_in_which_a_draw_has_no_passages_gives_it_no_gradient():
    config = rung_config(TINY)
    weights, gradients = Stack(config, 2), Stack(config, 2)
    for stack in (weights, gradients):
        for part in (stack.inside, stack.outside):
            part.normal_(generator=torch.Generator().manual_seed(2))
    text = JoinedPassages.of([[2, 5, 6, 2]])
    losses = MicroNetwork(config, weights, gradients).losses(
        pack(text, [np.array([0]), np.array([], dtype=np.int64)], 64)
    )
    assert losses[1] == 0
    assert all(value.any() for value in gradients.of(0).values())
    assert not any(value.any() for value in gradients.of(1).values())


def test_steps_hold_every_passage_once_and_pages_apart(micro_cache: Path, tokenizer: Tokenizer):
    passages = pretraining_tokens(tokenizer, 20_000, micro_cache)
    steps = steps_of(JoinedPassages.of(passages), 512, 96, seed=3)
    assert sorted(index for step in steps for index in step) == list(range(len(passages)))
    for step in steps:
        sizes = [len(passages[index]) for index in step]
        assert len({size >= 96 for size in sizes}) == 1
        assert sum(size - 1 for size in sizes) <= 512 or len(sizes) == 1


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 8, 32), (2, 32, 8)])
def test_orthogonal_updates_have_singular_values_near_one(shape: tuple[int, int, int]):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrices))
    # Five iterations of the quintic leave them between 0.7 and 1.2 (Jordan et al. 2024); small ones lower.
    assert values.max() < 1.25
    assert values.median() > 0.65


def test_heads_must_divide_the_width():
    with pytest.raises(InputError, match="not a multiple of 3 heads"):
        rung_config(TINY.model_copy(update={"heads": 3}))


def test_neighbouring_rungs_of_the_default_ladder_are_two_to_three_times_apart():
    models = load_settings(Path(__file__).parents[2] / "params.yaml").models
    sizes = [
        sum(math.prod(shape) for shape in rung_config(spec).shapes().values())
        for spec in models.values()
        if isinstance(spec, MicroModel)
    ]
    assert len(sizes) == len(models) >= 3
    assert all(2 <= high / low <= 3 for low, high in itertools.pairwise(sizes))


def test_a_rung_says_what_it_is(rung: Path):
    config = json.loads((rung / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("opt", ["OPTForCausalLM"])
    assert OptModel(rung_config(TINY), load_opt(rung).params).parameters_count() == TINY_PARAMETERS


@pytest.mark.slow
def test_stock_lm_eval_as_it_stands_gives_the_scores_given_here(rung: Path):
    """`lm_eval --model hf --model_args pretrained=RUNG`, which puts in front of a text what the tokenizer says.

    Blanks at the end of a question it scores with every choice, so log-probabilities are compared between choices.
    """
    from lm_eval.models.huggingface import HFLM

    suite = load_suite("micro12", limit=4)
    stock = HFLM(pretrained=str(rung), batch_size=1, device="cpu")
    model = load_opt(rung)
    tokenizer = Tokenizer.from_folder(rung)
    assert stock.tok_encode("Tom eats") == tokenizer.encode("Tom eats", bos=True)
    found = evaluate(model, prepare(suite, tokenizer, max_length=256, splits=["test"])).samples.to_pylist()
    rows = {(row["task"], row["doc_id"]): row for row in found}
    for task in suite.tasks:
        for document in task.documents["test"]:
            row, made = rows[task.name, document.doc_id], task.requests(document)
            if task.form == "choice":
                theirs = np.array([value for value, _ in stock.loglikelihood(made, disable_tqdm=True)])
                ours = np.array(row["choice_logprobs"])
                assert ours - ours[0] == pytest.approx(theirs - theirs[0], abs=1e-4), row
                if not made[0].args[0][-1].isspace():
                    assert ours == pytest.approx(theirs, abs=1e-4), row
            else:
                assert [row["prediction"]] == stock.generate_until(made[:1], disable_tqdm=True)
