"""Metrics of one document: values worked out by hand, and the engine's own computation against them."""

import math
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from benchmark.evaluation.engine import _choice
from benchmark.tasks.metrics import accuracy, choice_probability, reference_probability, unigram_f1


def test_the_likeliest_choice_is_the_answer_and_of_equal_ones_the_first():
    assert [accuracy([-3.0, -1.0, -2.0], gold) for gold in range(3)] == [0.0, 1.0, 0.0]
    assert [accuracy([-2.0, -1.0, -1.0], gold) for gold in range(3)] == [0.0, 1.0, 0.0]


def test_the_engine_scores_choices_as_the_functions_do():
    """Log-probabilities from few values, so that many tie; two to four choices per document."""
    documents = [one for count in (2, 3, 4) for one in product((-3.0, -2.5, -2.0), repeat=count)]
    golds = [number % len(one) for number, one in enumerate(documents)]
    right = [
        [float(place == gold) for place in range(len(one))]
        for one, gold in zip(documents, golds, strict=True)
    ]
    values = np.zeros((len(documents), 4))
    for row, one in enumerate(right):
        values[row, : len(one)] = one
    sums = np.array([logprob for one in documents for logprob in one], np.float32)
    task = SimpleNamespace(
        continuations=np.cumsum([0, *map(len, documents)]), values=values, gold=np.array(golds), lengths=None
    )
    split = SimpleNamespace(workload=SimpleNamespace(first_slot=2 * np.arange(len(sums) + 1)))
    scored = _choice(task, split, sums)
    assert scored.value.tolist() == [accuracy(one, gold) for one, gold in zip(documents, golds, strict=True)]
    assert scored.probability.tolist() == [
        choice_probability(one, wanted) for one, wanted in zip(documents, right, strict=True)
    ]
    losses = [-one[gold] / 2 for one, gold in zip(documents, golds, strict=True)]
    assert scored.loss == pytest.approx(np.mean(losses), abs=1e-12)


def test_a_right_choice_is_as_probable_as_the_softmax_says_and_counts_every_right_one():
    assert choice_probability([math.log(3), 0.0], [1.0, 0.0]) == pytest.approx(0.75, abs=1e-15)
    assert choice_probability([math.log(3), 0.0], [0.0, 1.0]) == pytest.approx(0.25, abs=1e-15)
    assert choice_probability([-1.0, -1.0, -1.0], [1.0, 1.0, 0.0]) == pytest.approx(2 / 3, abs=1e-15)
    assert choice_probability([-1e5, -2e5], [1.0, 0.0]) == 1.0
    assert choice_probability([-1e5, -2e5], [0.0, 1.0]) == 0.0


def test_a_references_probability_is_the_geometric_mean_of_its_tokens():
    found = [reference_probability(logprob, tokens) for logprob, tokens in ((0.0, 2), (-3.0, 3), (1e-7, 1))]
    assert found == [1.0, math.exp(-1), 1.0]


@pytest.mark.parametrize(
    ("prediction", "reference", "f1"),
    [
        ("A red car!", "the red car", 1.0),
        ("red", "red car", 2 / 3),
        ("red red", "red", 2 / 3),
        ("don't", "dont", 1.0),
        ("blue", "red", 0.0),
        ("", "red", 0.0),
        ("the", "a", 0.0),
    ],
)
def test_unigram_f1_counts_words_without_case_punctuation_and_articles(prediction, reference, f1):
    assert unigram_f1(prediction, reference) == pytest.approx(f1)
