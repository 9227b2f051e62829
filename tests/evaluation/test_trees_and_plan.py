"""Prefix trees hold each distinct prefix once; the plan is fixed, bounded and hashed."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmark.evaluation.batch_plan import GROUP_TEXTS, Ending, make_plan
from benchmark.evaluation.trees import Continuation, build_tree, cut_left


def random_continuations(rng: random.Random, alphabet: int = 3) -> list[Continuation]:
    context = [rng.randrange(alphabet) for _ in range(rng.randint(1, 6))]
    return [
        cut_left(context, [rng.randrange(alphabet) for _ in range(rng.randint(1, 6))], rng.choice([6, 50]))
        for _ in range(rng.randint(1, 6))
    ]


def ancestors(tree, node: int) -> list[int]:
    return [other for other in range(node + 1) if node < tree.end[other]]


@pytest.mark.parametrize("seed", range(40))
def test_every_distinct_prefix_is_one_node_with_its_own_ancestors(seed):
    rng = random.Random(seed)
    continuations = random_continuations(rng)
    prompt = continuations[0].ids[:3] if seed % 2 else ()
    tree = build_tree(continuations, prompt)
    pushed = [one.ids[:-1] for one in continuations] + [prompt]
    prefixes = {path[: stop + 1] for path in pushed for stop in range(len(path))}
    found = {tuple(tree.ids[ancestors(tree, node)]) for node in range(tree.size)}
    assert found == prefixes
    assert tree.size == len(prefixes)
    assert [len(ancestors(tree, node)) - 1 for node in range(tree.size)] == tree.depth.tolist()
    assert tree.ids[: tree.prompt].tolist() == list(prompt)


@pytest.mark.parametrize("seed", range(40))
def test_each_scored_token_is_read_at_the_node_of_the_prefix_before_it(seed):
    continuations = random_continuations(random.Random(seed))
    tree = build_tree(continuations)
    for number, one in enumerate(continuations):
        mine = tree.owner == number
        assert tree.token[mine].tolist() == list(one.ids[one.scored_from :])
        for place, node in zip(range(one.scored_from, len(one.ids)), tree.row[mine], strict=True):
            assert tuple(tree.ids[ancestors(tree, node)]) == one.ids[:place]


def test_equal_choices_are_read_at_the_same_nodes():
    tree = build_tree([cut_left([5, 6], [7, 8], 20), cut_left([5, 6], [7, 8], 20)])
    assert tree.size == 3
    assert tree.row.tolist() == [1, 2, 1, 2]


def test_texts_are_cut_from_the_left_and_position_zero_is_never_scored():
    assert cut_left([1, 2, 3], [4, 5], 4) == Continuation((2, 3, 4, 5), 2)
    assert cut_left([1], [2, 3, 4], 3) == Continuation((2, 3, 4), 1)


def random_trees(seed: int, count: int = 60):
    rng = random.Random(seed)
    trees, endings = [], []
    for number in range(count):
        context = [rng.randrange(50) for _ in range(rng.randint(1, 90))]
        generates = number % 4 == 0
        choices = [
            [rng.randrange(50) for _ in range(rng.randint(1, 9))] for _ in range(1 if generates else 3)
        ]
        continuations = [cut_left(context, choice, 200) for choice in choices]
        trees.append(build_tree(continuations, context if generates else ()))
        endings.append(Ending(8, ("x",)) if generates else None)
    return trees, endings


@pytest.mark.parametrize("batch_tokens", [1, 64, 500, 8192])
def test_the_plan_covers_each_tree_once_and_keeps_its_budgets(batch_tokens):
    trees, endings = random_trees(0)
    plan = make_plan(trees, endings, batch_tokens=batch_tokens, cache_tokens=400)
    batches = [batch for group in plan.groups for batch in group.batches]
    assert sorted(number for batch in batches for number in batch.trees) == list(range(len(trees)))
    for batch in batches:
        assert batch.length == max(trees[number].size for number in batch.trees)
        assert batch.positions <= batch_tokens or len(batch.trees) == 1
    for group in plan.groups:
        assert group.slots <= 400 or len(group.batches) == 1
    assert plan.positions_needed == sum(tree.size for tree in trees) + 15 * 7
    assert plan.positions_pushed == sum(batch.positions for batch in batches) + 15 * 7


def test_a_group_continues_as_many_texts_as_it_may_whatever_a_batch_holds():
    trees, endings = random_trees(3, count=2400)
    for batch_tokens in (200, 1000, 100000):
        plan = make_plan(trees, endings, batch_tokens=batch_tokens, cache_tokens=10**9)
        written = [group for group in plan.groups if group.ending]
        assert sum(group.rows for group in written) == 600
        assert all(group.rows <= GROUP_TEXTS or len(group.batches) == 1 for group in written)
        for group, after in pairwise(written):
            assert group.rows + len(after.batches[0].trees) > GROUP_TEXTS, "no group is cut before that"


def test_trees_of_like_size_share_batches_so_that_padding_stays_small():
    trees, endings = random_trees(1, count=400)
    plan = make_plan(trees, endings, batch_tokens=2048, cache_tokens=8192)
    assert plan.positions_pushed <= 1.05 * plan.positions_needed
    assert sum(len(group.batches) for group in plan.groups) < 120


def test_the_hash_is_that_of_tokens_readings_and_batches():
    trees, endings = random_trees(2)
    settings = {"batch_tokens": 500, "cache_tokens": 2000}
    plan = make_plan(trees, endings, **settings)
    again = make_plan(*random_trees(2), **settings)
    assert plan == again
    assert make_plan(trees, endings, batch_tokens=300, cache_tokens=2000).plan_hash != plan.plan_hash
    for name in ("ids", "token"):
        changed = list(trees)
        array = getattr(trees[3], name).copy()
        array[0] += 1
        changed[3] = replace(trees[3], **{name: array.astype(np.int32)})
        assert make_plan(changed, endings, **settings).plan_hash != plan.plan_hash
