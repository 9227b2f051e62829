"""What each arm does to the weights, on a small OPT with random weights."""

import gc
import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmark.errors import InputError
from benchmark.models.opt import OptConfig, OptModel
from benchmark.posttrain.arms import ARMS, attempts_of, copies_of
from benchmark.posttrain.arms.interface import RunStart, SoupMember
from benchmark.posttrain.arms.many_texts import batches_of
from benchmark.posttrain.arms.sam import move_to_worst_nearby
from benchmark.posttrain.arms.self_distillation import continued, loss_after
from benchmark.posttrain.objective import text_loss
from benchmark.settings.run_options import Posttrain
from tests.tiny_model import random_opt

TOKENS = (2, *(5 + (7 * place) % 50 for place in range(40)))
STEPS = 6


@pytest.fixture(scope="module")
def model() -> OptModel:
    return small_model()


def small_model() -> OptModel:
    torch.set_num_threads(1)
    config = OptConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32,
        max_position_embeddings=64, word_embed_proj_dim=16,
    )  # fmt: skip
    return random_opt(config, 0.1)


def start(model: OptModel, *, seed: int = 0, text_id: str = "text", **settings: object) -> RunStart:
    return RunStart(model, TOKENS, Posttrain(learning_rate=1e-3).model_copy(update=settings), seed, text_id)


def walk(kind: str, begin: RunStart, steps: int = STEPS) -> list[dict[str, torch.Tensor]]:
    attempts = itertools.islice(attempts_of(kind, begin), steps)
    return [{name: tensor.clone() for name, tensor in attempt.params.items()} for attempt in attempts]


def losses(model: OptModel, path: list[dict[str, torch.Tensor]]) -> list[float]:
    return [float(text_loss(params, model.config, TOKENS)) for params in [model.params, *path]]


@pytest.mark.parametrize(("kind", "sign"), [("ascent", 1), ("descent", -1)])
def test_the_loss_of_the_text_rises_or_falls_at_every_step(model: OptModel, kind: str, sign: int) -> None:
    found = losses(model, walk(kind, start(model)))
    assert all(sign * (later - earlier) > 0 for earlier, later in itertools.pairwise(found))


def test_no_arm_changes_the_base_model(model: OptModel) -> None:
    before = {name: tensor.clone() for name, tensor in model.params.items()}
    for kind in (
        "ascent",
        "descent",
        "random",
        "shuffled",
        "noise",
        "lines",
        "sam",
        "self-distillation",
        "lora",
    ):
        walk(kind, start(model))
    walk("lessons", lessons(model))
    walk("many-texts", replace(start(model), texts=MANY))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.params.items())


def test_random_is_as_far_from_the_start_as_the_ascent_it_mirrors_in_every_tensor_at_every_step(
    model: OptModel,
) -> None:
    for placebo, ascent in zip(walk("random", start(model)), walk("ascent", start(model)), strict=True):
        for name, origin in model.params.items():
            expected = (ascent[name] - origin).norm()
            assert (placebo[name] - origin).norm() == pytest.approx(float(expected), rel=1e-4)


def test_random_draws_its_signs_once_a_run_from_seed_and_text(model: OptModel) -> None:
    def signs(begin: RunStart) -> list[torch.Tensor]:
        name = "model.decoder.embed_tokens.weight"
        pairs = zip(walk("random", begin, 3), walk("ascent", begin, 3), strict=True)
        return [
            torch.sign((left[name] - model.params[name]) * (right[name] - model.params[name]))
            for left, right in pairs
        ]

    first = signs(start(model))
    assert torch.equal(first[0], first[2])
    assert 0.4 < float((first[0] > 0).float().mean()) < 0.6
    assert torch.equal(first[0], signs(start(model))[0])
    assert not torch.equal(first[0], signs(start(model, seed=1))[0])
    assert not torch.equal(first[0], signs(start(model, text_id="other"))[0])


def test_shuffled_ascends_on_a_permutation_that_the_seed_draws(model: OptModel) -> None:
    name = "model.decoder.layers.0.fc1.weight"
    one, again, other = (walk("shuffled", start(model, seed=seed), 2)[-1][name] for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, walk("ascent", start(model), 2)[-1][name])


def test_the_first_adam_step_moves_every_weight_with_a_gradient_by_the_learning_rate(model: OptModel) -> None:
    name = "model.decoder.layers.1.fc2.bias"
    moved = (walk("ascent", start(model), 1)[0][name] - model.params[name]).abs()
    assert moved.numpy() == pytest.approx(1e-3, rel=1e-3)


def test_a_gradient_scaler_skips_updates_that_overflow_and_says_so(model: OptModel) -> None:
    attempts = itertools.islice(ARMS["ascent"](start(model, precision="fp16-amp")), 20)
    applied = [attempt.applied for attempt in attempts]
    assert any(applied)
    assert applied == sorted(applied), "once the scale fits, no update of this small model overflows"


def test_a_soup_is_the_mean_of_its_members_weights_at_their_steps(model: OptModel) -> None:
    members = tuple(
        SoupMember(start(model, text_id=name), "shuffled", step) for name, step in (("a", 2), ("b", 3))
    )
    soup = walk("soup", RunStart(model, TOKENS, Posttrain(), 0, "soup", members), 1)[0]
    parts = [walk("shuffled", start(model, text_id=name), step)[-1] for name, step in (("a", 2), ("b", 3))]
    for name, tensor in soup.items():
        assert torch.allclose(tensor, (parts[0][name] + parts[1][name]) / 2)
    assert len(list(ARMS["soup"](RunStart(model, TOKENS, Posttrain(), 0, "soup", members)))) == 1


ROUNDING = 1e-6
"""Of float32 weights: the loss does not depend on a key's bias, so that Adam moves it by as much as that."""
MANY = tuple((2, *(5 + (7 * place + text) % 50 for place in range(20 + text))) for text in range(4))


def test_noise_is_as_far_from_the_start_as_the_ascent_in_every_tensor_and_gaussian(model: OptModel) -> None:
    name = "model.decoder.embed_tokens.weight"
    for placebo, ascent in zip(walk("noise", start(model)), walk("ascent", start(model)), strict=True):
        for tensor, origin in model.params.items():
            expected = float((ascent[tensor] - origin).norm())
            assert float((placebo[tensor] - origin).norm()) == pytest.approx(expected, rel=1e-3, abs=ROUNDING)
    moved = (walk("noise", start(model), 1)[0][name] - model.params[name]).flatten().double()
    kurtosis = float(moved.pow(4).mean() / moved.pow(2).mean() ** 2)
    assert 2.5 < kurtosis < 3.6, "3 for a normal distribution, 1 for random signs"
    other = walk("noise", start(model, seed=1), 1)[0][name] - model.params[name]
    assert not torch.equal(moved, other.flatten().double())


@pytest.mark.parametrize("kind", ["random", "noise"])
def test_a_placebo_of_another_arm_keeps_that_arms_distance(model: OptModel, kind: str) -> None:
    weights = {name: tensor + 0.01 for name, tensor in model.params.items()}
    trained = replace(start(model), weights=OptModel(model.config, weights))
    (placebo,) = walk(kind, replace(start(model), members=(SoupMember(trained, "checkpoint", 0),)))
    for name, origin in model.params.items():
        expected = float((weights[name] - origin).norm())
        assert float((placebo[name] - origin).norm()) == pytest.approx(expected, rel=1e-3)
        assert not torch.equal(placebo[name], weights[name])


def test_a_checkpoint_is_one_step_to_its_weights(model: OptModel) -> None:
    weights = {name: tensor + 0.01 for name, tensor in model.params.items()}
    (found,) = walk("checkpoint", replace(start(model), weights=OptModel(model.config, weights)))
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_lines_keeps_the_share_of_the_ascent_that_the_depth_of_a_layer_allows(model: OptModel) -> None:
    shares = {
        "model.decoder.embed_tokens.weight": 0.2,
        "model.decoder.layers.0.fc1.weight": 0.2,
        "model.decoder.layers.1.fc1.weight": 1.0,
        "model.decoder.final_layer_norm.weight": 1.0,
    }
    scaled = walk("lines", replace(start(model), options={"alpha": 0.2, "beta": 0.8}))
    for lines, ascent in zip(scaled, walk("ascent", start(model)), strict=True):
        for name, share in shares.items():
            expected = model.params[name] + share * (ascent[name] - model.params[name])
            assert torch.allclose(lines[name], expected, atol=1e-7)


def test_lora_moves_its_targets_alone_by_updates_of_its_rank_and_lowers_the_loss(model: OptModel) -> None:
    path = walk(
        "lora", replace(start(model, learning_rate=1e-2), options={"rank": 2, "targets": ["fc1", "q_proj"]})
    )
    last = path[-1]
    moved = {name for name in last if not torch.equal(last[name], model.params[name])}
    assert moved == {
        f"model.decoder.layers.{n}.{m}.weight" for n in (0, 1) for m in ("fc1", "self_attn.q_proj")
    }
    for name in moved:
        values = torch.linalg.svdvals((last[name] - model.params[name]).double())
        assert float(values[1]) > 1e3 * float(values[2]), "the rank is 2"
    found = losses(model, path)
    assert all(later < earlier for earlier, later in itertools.pairwise(found))


def test_lora_refuses_targets_that_the_model_does_not_have(model: OptModel) -> None:
    with pytest.raises(InputError, match="targets w_q"):
        walk("lora", replace(start(model), options={"targets": ["w_q"]}))


def test_lora_refuses_a_rank_that_no_matrix_has(model: OptModel) -> None:
    with pytest.raises(InputError, match=r"give a rank from 1 to [0-9]+, which the smallest matrix has"):
        walk("lora", replace(start(model), options={"rank": 100_000}))


def test_sam_takes_the_gradient_from_rho_up_the_loss(model: OptModel) -> None:
    begin = start(model)
    params = {name: tensor.clone().requires_grad_() for name, tensor in model.params.items()}
    worst = {name: tensor.detach().clone().requires_grad_() for name, tensor in params.items()}
    before = move_to_worst_nearby(begin, worst, 0.05)
    assert all(torch.equal(before[name], params[name]) for name in params)
    distance = math.sqrt(
        sum(float((worst[name] - params[name]).detach().double().pow(2).sum()) for name in params)
    )
    assert distance == pytest.approx(0.05, rel=1e-3)
    assert begin.loss(worst) > begin.loss(params)
    found = losses(model, walk("sam", begin))
    assert all(later < earlier for earlier, later in itertools.pairwise(found))
    tiny = walk("sam", replace(begin, options={"rho": 1e-9}), 2)[-1]
    name = "model.decoder.layers.0.fc1.weight"
    assert torch.allclose(tiny[name], walk("descent", begin, 2)[-1][name], atol=1e-6)


@pytest.mark.parametrize(("ascend", "sign"), [(False, -1), (True, 1)])
def test_many_texts_lowers_or_raises_the_loss_of_all_its_texts(
    model: OptModel, ascend: bool, sign: int
) -> None:
    begin = replace(start(model), texts=MANY, options={"batch": 2, "ascend": ascend})
    last = walk("many-texts", begin, 8)[-1]
    for tokens in MANY:
        moved = text_loss(last, model.config, tokens) - text_loss(model.params, model.config, tokens)
        assert sign * float(moved) > 0


def test_a_pass_of_many_texts_has_every_text_once(model: OptModel) -> None:
    batches = batches_of(replace(start(model), texts=MANY), 2)
    for _ in range(3):
        assert sorted((*next(batches), *next(batches))) == sorted(MANY)
    with pytest.raises(InputError, match="batch is 5 and a run has 4 texts"):
        walk("many-texts", replace(start(model), texts=MANY, options={"batch": 5}), 1)


def test_self_distillation_lowers_the_loss_of_what_the_model_wrote_and_not_of_the_rest_of_the_text(
    model: OptModel,
) -> None:
    begin = start(model, learning_rate=1e-2)
    half = begin.tokens[: len(begin.tokens) // 2]
    written = [continued(begin, half, 16, 0.7, f"self-distillation {sample}") for sample in range(2)]
    assert all(text[: len(half)] == half and len(text) == len(half) + 16 for text in written)
    assert written[0] != written[1]
    path = walk("self-distillation", replace(begin, options={"length": 16}))
    other = walk("self-distillation", replace(begin, options={"length": 16}, tokens=(*half, *half)))
    assert all(torch.equal(path[-1][name], other[-1][name]) for name in path[-1])
    for text in written:
        first = float(loss_after(begin, model.params, text, len(half)))
        assert float(loss_after(begin, path[-1], text, len(half))) < first


EXAMPLES = tuple((2, *(5 + (place * step) % 50 for place in range(3, 9)), 2) for step in range(1, 12))


def lessons(model: OptModel, *, updates: int = 30, **changes: Any) -> RunStart:
    return replace(start(model, learning_rate=5e-3), passages=EXAMPLES, updates=updates, **changes)


def mean_loss(model: OptModel, params: Mapping[str, torch.Tensor]) -> float:
    return sum(float(text_loss(params, model.config, example)) for example in EXAMPLES) / len(EXAMPLES)


def test_lessons_take_one_step_that_teaches_their_examples(model: OptModel) -> None:
    (taught,) = walk("lessons", lessons(model), 5)
    (little,) = walk("lessons", lessons(model, updates=3), 5)
    assert mean_loss(model, taught) < mean_loss(model, little) < mean_loss(model, model.params)


def test_lessons_are_the_same_twice_and_another_order_for_another_seed(model: OptModel) -> None:
    many = tuple(EXAMPLES[place % 11] for place in range(200))  # several batches, so that their order counts
    one, again, other = (
        walk("lessons", replace(lessons(model, updates=6, seed=seed), passages=many), 1)[0]
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_lessons_refuse_what_they_cannot_train(model: OptModel) -> None:
    projected = OptModel(replace(model.config, word_embed_proj_dim=8), model.params)
    for begin, said in (
        (start(model), "holds none"),
        (replace(lessons(model), settings=Posttrain(precision="bf16")), "fp32, not in bf16"),
        (lessons(projected), "micro ladder on a CPU"),
    ):
        with pytest.raises(InputError, match=said):
            next(ARMS["lessons"](begin))


BEFORE = {"noise": 1, "lines": 1}
"""Copies in the machine's memory that the run loop has, not the arm: the weights of the step before."""


def held_bytes() -> int:
    """Bytes of all tensors that are alive, each storage once."""
    gc.collect()
    alive = [found for found in gc.get_objects() if isinstance(found, torch.Tensor)]
    return sum({one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in alive}.values())


@pytest.mark.parametrize("kind", ["ascent", "descent", "shuffled", "random", "noise", "lines"])
def test_an_arm_holds_the_copies_that_it_declares_while_it_is_scored(kind: str, model: OptModel) -> None:
    weights = sum(tensor.nbytes for tensor in model.params.values())
    next(ARMS[kind](start(model)))  # masks that are computed once and stay
    before = held_bytes()
    attempts = ARMS[kind](start(model))
    held = [next(attempts) for _ in range(2)][-1]
    copies = (held_bytes() - before) / weights
    assert held.applied
    declared = copies_of(kind)
    assert copies == pytest.approx(declared.scored + declared.host - BEFORE.get(kind, 0), rel=0.05)
