"""Drafts change how soon a text is written, never the text."""

import functools
import random
from collections import Counter
from dataclasses import replace

import pytest
import torch
from small import UNTIL, random_model, small_suite
from test_engine import SHAPES

from benchmark.evaluation import batch_plan, batched_scoring, decoding
from benchmark.evaluation.batch_plan import Batch, Ending, Group
from benchmark.evaluation.drafts import make_drafts
from benchmark.evaluation.engine import drafts_from, evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.evaluation.stops import stop_table, token_bytes
from benchmark.models.networks.opt_forward import OptNetwork
from benchmark.models.networks.opt_shape import POSITION_OFFSET, POSITIONS
from benchmark.models.opt import OptModel

torch.set_num_threads(1)


def neighbour(model, distance=0.02, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return OptModel(
        model.config,
        {
            name: tensor + distance * torch.randn(tensor.shape, generator=generator)
            for name, tensor in model.params.items()
        },
    )


def guesses(kind, model, prepared, tokenizer, plain=None):
    """Drafts of one kind, as another evaluation would have them; `plain` is the model's own where it is known."""
    evaluation = evaluate(neighbour(model), prepared) if kind == "neighbour" else plain
    evaluation = evaluation or evaluate(model, prepared)
    evaluation = replace(evaluation, written={split: dict(of) for split, of in evaluation.written.items()})
    rng = random.Random(0)
    stop = tokenizer.encode(UNTIL, bos=False)
    for texts in evaluation.written.values():
        for unit, text in texts.items():
            if kind == "noise":
                texts[unit] = [rng.randrange(tokenizer.n_tokens) for _ in text]
            if kind == "empty":
                texts[unit] = [tokenizer.eos_id] * len(text)
            if kind == "stopped at once":
                texts[unit] = (stop + [tokenizer.eos_id] * len(text))[: len(text)]
            if kind == "one token off":
                place = rng.randrange(len(text))
                texts[unit] = [*text[:place], (text[place] + 1) % tokenizer.n_tokens, *text[place + 1 :]]
    return drafts_from(evaluation, prepared)


def single_steps(monkeypatch):
    """Counts the calls that push one token a row."""
    seen = []
    extend = OptNetwork.extend

    def counting(self, tokens, *rest, rows):
        seen.extend([len(tokens)] if rows is None else [])
        return extend(self, tokens, *rest, rows=rows)

    monkeypatch.setattr(OptNetwork, "extend", counting)
    return seen


@pytest.fixture(scope="module")
def plainly(tokenizer, suite):
    """A model of a shape, the documents in batches of a size, and the texts that plain decoding gives, made once."""

    @functools.cache
    def decode(shape, batch_tokens):
        model = random_model(tokenizer.n_tokens, **SHAPES[shape])
        prepared = prepare(suite, tokenizer, max_length=120, batch_tokens=batch_tokens)
        return model, prepared, evaluate(model, prepared)

    return decode


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["own", "neighbour", "one token off", "noise", "empty", "stopped at once"])
def test_any_draft_leads_to_the_texts_of_plain_decoding(tokenizer, plainly, shape, kind):
    for batch_tokens in (1, 64, 8192):
        model, prepared, plain = plainly(shape, batch_tokens)
        drafted = evaluate(model, prepared, drafts=guesses(kind, model, prepared, tokenizer, plain))
        assert drafted.written == plain.written
        assert drafted.samples.equals(plain.samples)


@pytest.fixture
def singly(tokenizer, suite, monkeypatch):
    """The single steps of a model without drafts, and with drafts of some kind."""

    def steps_of(kind):
        model = random_model(tokenizer.n_tokens)
        prepared = prepare(suite, tokenizer, max_length=120)
        drafts = guesses(kind, model, prepared, tokenizer)
        steps = single_steps(monkeypatch)
        evaluate(model, prepared)
        plain = len(steps)
        evaluate(model, prepared, drafts=drafts)
        return steps[:plain], steps[plain:]

    return steps_of


def test_a_model_that_writes_its_draft_takes_no_single_step(singly):
    plain, drafted = singly("own")
    assert len(plain) >= 10
    assert drafted == []


def test_a_row_goes_on_from_where_it_departs_from_its_draft(singly):
    """One token off in the middle: about half of the tokens are written singly."""
    plain, drafted = map(sum, singly("one token off"))
    assert 0.2 * plain < drafted < 0.8 * plain


def test_a_draft_ends_with_its_first_end_of_sequence_or_stop_string(tokenizer):
    stop, other, end = (
        tokenizer.encode(UNTIL, bos=False),
        tokenizer.encode("at", bos=False)[0],
        tokenizer.eos_id,
    )
    new = 2 + len(stop)
    written = {
        0: [other, *stop, end],
        1: [other, end] + [end] * (new - 2),
        2: [other] * new,
        3: [end] * new,
        4: [*stop, other, end],
    }
    group = Group((Batch((3, 1, 0), 20), Batch((2, 4), 9)), 4, Ending(new, (UNTIL,)))
    table = stop_table(token_bytes(tokenizer), UNTIL)
    drafts = make_drafts(group, written, {UNTIL: table}, end)
    assert drafts.tokens.tolist() == [written[number] for number in (3, 1, 0, 2, 4)]
    assert drafts.lengths.tolist() == [1, 2, 1 + len(stop), new, len(stop)]
    assert drafts.states[0][2, :2].tolist() == [0, 0]
    assert int(table[drafts.states[0][4, len(stop) - 1], stop[-1]]) == len(table) - 1


def test_no_part_pushes_more_than_the_largest_batch_of_its_group(tokenizer, suite):
    prepared = prepare(suite, tokenizer, max_length=120, batch_tokens=64)
    drafts = drafts_from(evaluate(random_model(tokenizer.n_tokens), prepared), prepared)
    groups = prepared.splits["test"].workload.plan.groups
    several = 0
    for group, draft in zip(groups, drafts["test"], strict=True):
        assert (draft is None) == (group.ending is None)
        if draft is not None:
            largest = max(batch.positions for batch in group.batches)
            assert all(len(part.rows) * part.width <= largest for part in draft.parts)
            pushed = sorted(row for part in draft.parts for row in part.rows.tolist())
            assert pushed == [row for row, length in enumerate(draft.lengths.tolist()) if length > 1]
            several += len(draft.parts) > 1
    assert several


def test_texts_left_over_from_several_groups_are_written_together(tokenizer, monkeypatch):
    model = random_model(tokenizer.n_tokens)
    monkeypatch.setattr(batch_plan, "GROUP_TEXTS", 8)
    prepared = prepare(small_suite(60), tokenizer, max_length=120, batch_tokens=160)
    plain = evaluate(model, prepared)
    drafts = drafts_from(evaluate(neighbour(model, 0.001), prepared), prepared)
    together = []
    finish = batched_scoring.finish_texts

    def counting(network, space, parts):
        together.append(sum(len(part.row) > 0 for part in parts))
        finish(network, space, parts)

    monkeypatch.setattr(batched_scoring, "finish_texts", counting)
    assert evaluate(model, prepared, drafts=drafts).samples.equals(plain.samples)
    assert max(together) > 1


def test_texts_that_end_early_stay_within_the_models_positions(tokenizer, monkeypatch):
    """Prompts of the longest length allowed, whose texts fill the model's positions exactly."""
    roomy = random_model(tokenizer.n_tokens)
    tight = random_model(tokenizer.n_tokens, max_position_embeddings=40)
    tight.params.update({name: tensor for name, tensor in roomy.params.items() if name != POSITIONS})
    tight.params[POSITIONS] = roomy.params[POSITIONS][: 40 + POSITION_OFFSET].clone()
    prepared = prepare(small_suite(30), tokenizer, max_length=40, positions=40)
    workload = prepared.splits["test"].workload
    assert workload.longest == 40
    whole = batched_scoring.run_workload(OptNetwork(roomy.config, roomy.params), workload, eos_id=-1).tokens
    often = Counter(token for text in whole.values() for token in set(text[:6])).most_common(1)[0][0]
    monkeypatch.setattr(decoding, "SHRINK_AT", 0.0)
    ended = batched_scoring.run_workload(
        OptNetwork(tight.config, tight.params), workload, eos_id=often
    ).tokens
    assert {text[-1] == often for text in ended.values()} == {True, False}
    for unit, text in whole.items():
        length = text.index(often) + 1 if often in text else len(text)
        assert ended[unit] == text[:length] + [often] * (len(text) - length)


def test_texts_wait_only_as_long_as_one_cache_for_all_keeps_to_half_of_the_largest(tokenizer, monkeypatch):
    model = random_model(tokenizer.n_tokens)
    monkeypatch.setattr(batch_plan, "GROUP_TEXTS", 8)
    prepared = prepare(small_suite(60), tokenizer, max_length=120, batch_tokens=160)
    drafts = drafts_from(evaluate(neighbour(model, 0.001), prepared), prepared)
    joined = decoding._joined

    def checked(network, parts):
        texts, bounds = joined(network, parts)
        largest = max(
            group.slots for split in prepared.splits.values() for group in split.workload.plan.groups
        )
        assert len(texts.row) * texts.cache.keys.shape[3] <= largest // 2
        calls.append(len(parts))
        return texts, bounds

    calls = []
    monkeypatch.setattr(decoding, "_joined", checked)
    evaluate(model, prepared, drafts=drafts)
    assert calls
