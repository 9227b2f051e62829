"""What each arm does to the weights, on a small OPT with random weights."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmark.errors import InputError
from benchmark.models.opt import OptConfig, OptModel
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.arms.interface import RunStart, SoupMember
from benchmark.posttrain.objective import text_loss
from benchmark.settings.run_options import Posttrain
from tests.tiny_model import random_opt

TOKENS = (2, *(5 + (7 * place) % 50 for place in range(40)))
STEPS = 6


@pytest.fixture(scope="module")
def model() -> OptModel:
    torch.set_num_threads(1)
    config = OptConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32,
        max_position_embeddings=64, word_embed_proj_dim=16,
    )  # fmt: skip
    return random_opt(config, 0.1)


def start(model: OptModel, *, seed: int = 0, text_id: str = "text", **settings: object) -> RunStart:
    return RunStart(model, TOKENS, Posttrain(learning_rate=1e-3).model_copy(update=settings), seed, text_id)


def walk(kind: str, begin: RunStart, steps: int = STEPS) -> list[dict[str, torch.Tensor]]:
    attempts = itertools.islice(ARMS[kind](begin), steps)
    return [{name: tensor.clone() for name, tensor in attempt.params.items()} for attempt in attempts]


def losses(model: OptModel, path: list[dict[str, torch.Tensor]]) -> list[float]:
    return [float(text_loss(params, model.config, TOKENS)) for params in [model.params, *path]]


@pytest.mark.parametrize(("kind", "sign"), [("ascent", 1), ("descent", -1)])
def test_the_loss_of_the_text_rises_or_falls_at_every_step(model: OptModel, kind: str, sign: int) -> None:
    found = losses(model, walk(kind, start(model)))
    assert all(sign * (later - earlier) > 0 for earlier, later in itertools.pairwise(found))


def test_no_arm_changes_the_base_model(model: OptModel) -> None:
    before = {name: tensor.clone() for name, tensor in model.params.items()}
    for kind in ("ascent", "descent", "random", "shuffled"):
        walk(kind, start(model))
    walk("lessons", lessons(model))
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
