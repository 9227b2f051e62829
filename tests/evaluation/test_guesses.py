"""Guesses widen a decoding pass, and never change a text."""

import pytest
import torch
from small import random_model, small_suite
from test_engine import SHAPES

from benchmark.evaluation import guesses
from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.guesses import Pace, followers
from benchmark.evaluation.prepare import prepare
from benchmark.models.networks.opt_forward import OptNetwork

torch.set_num_threads(1)
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("row", "end", "guess"),
    [
        pytest.param([1, 2, 3, 4, 5, 9, 3, 0], 7, [4, 5, 9, 3], id="comes back to the draft"),
        pytest.param([3, 7, 3, 8, 6, 3, 0, 0], 6, [8, 6, 3, 8], id="the latest of two places"),
        pytest.param([1, 2, 3, 4, 6, 6, 0, 0], 6, [6, 6, 6, 6], id="one token again and again"),
        pytest.param([1, 2, 3, 4, 7, 8, 7, 0], 7, [8, 7, 8, 7], id="two in turn"),
        pytest.param(
            [1, 2, 3, 4, 5, 6, 5, 6], 5, [1, 2, 3, 4], id="new; what lies behind the end does not count"
        ),
    ],
)
def test_a_guess_is_what_followed_the_last_token_when_it_last_came_up(row, end, guess):
    assert followers(torch.tensor([row]), torch.tensor([end]), 4).tolist() == [guess]


def test_rows_are_guessed_each_for_itself_and_none_where_none_is_asked_for():
    rows, ends = torch.tensor([[1, 2, 1, 0], [5, 5, 0, 0]]), torch.tensor([3, 2])
    assert followers(rows, ends, 2).tolist() == [[2, 1], [5, 5]]
    assert followers(rows, ends, 0).shape == (2, 0)


def after(right, tried, positions=256, cost=20.0):
    return Pace(cost, positions, right, tried)


def test_wide_passes_are_for_guesses_that_come_true_and_for_few_texts():
    widths = [after(*seen).next(8)[0] for seen in ((0, 50), (15, 50), (30, 50), (49, 50))]
    assert widths[0] == 1
    assert widths == sorted(widths)
    assert widths[-1] > 8
    crowd = [after(45, 50).next(rows)[0] for rows in (1, 8, 32, 128, 129)]
    assert crowd == sorted(crowd, reverse=True)
    assert crowd[-1] == 1
    assert after(45, 50, cost=1.0).next(8)[0] < after(45, 50, cost=100.0).next(8)[0]


@pytest.mark.parametrize(("rows", "count"), [(8, 1), (128, 1), (129, 0), (5000, 0)])
def test_where_nothing_is_pushed_one_is_guessed_if_two_could_be_pushed(rows, count):
    assert after(0, 1000).next(rows) == (1, count)


def test_no_pass_is_wider_than_its_positions_allow():
    for rows in (1, 3, 20, 100, 200, 256):
        width, count = after(1000, 1000).next(rows)
        assert width * rows <= 256
        assert count >= width - 1


def test_the_share_counts_guesses_up_to_the_first_wrong_one_in_texts_still_going():
    pace = Pace(20.0, 256)
    pace.learn(torch.tensor([3, 0, 2]), 3, torch.tensor([True, True, False]))
    assert (int(pace.right), int(pace.tried)) == (3, 4)
    pace.learn(torch.tensor([1]), 3, torch.tensor([True]))
    assert (int(pace.right), int(pace.tried)) == (4, 6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [2, 5, 16])
def test_texts_of_any_width_are_those_of_one_token_a_pass(tokenizer, monkeypatch, shape, width):
    model = random_model(tokenizer.n_tokens, **SHAPES[shape])
    prepared = prepare(small_suite(), tokenizer, max_length=120)
    monkeypatch.setattr(Pace, "next", lambda self, rows: (1, 0))
    singly = evaluate(model, prepared)
    monkeypatch.setattr(Pace, "next", lambda self, rows: (width, width - 1))
    assert evaluate(model, prepared).written == singly.written


def test_texts_that_repeat_themselves_take_a_fraction_of_the_passes(tokenizer, monkeypatch):
    """With layers that add next to nothing, the token before is the most likely one."""
    model = random_model(tokenizer.n_tokens)
    for name, tensor in model.params.items():
        if "embed_tokens" not in name and "norm" not in name:
            tensor.mul_(0.01)
    prepared = prepare(small_suite(), tokenizer, max_length=120)
    passes = []
    extend = OptNetwork.extend

    def counting(self, tokens, *rest, rows):
        passes.append(tokens.shape)
        return extend(self, tokens, *rest, rows=rows)

    monkeypatch.setattr(OptNetwork, "extend", counting)
    evaluate(model, prepared)
    guessed = len(passes)
    passes.clear()
    monkeypatch.setattr(guesses, "WIDEST", 1)
    evaluate(model, prepared)
    assert guessed < 0.7 * len(passes)


def test_a_small_shape_pays_more_positions_for_a_pass():
    costs = [guesses.pass_cost(width, CPU) for width in (32, 108, 320, 2048)]
    assert costs == sorted(costs, reverse=True)
    assert 100 < costs[0] < 200
    assert 8 < costs[-1] < 9
