"""A stop string ends a text exactly where the decoded text first holds it."""

import random

import pytest
from small import WORDS

from benchmark.evaluation.stops import cut_at_stops, special_tokens_with, stop_table, token_bytes


def test_bytes_of_tokens_join_to_the_text(tokenizer):
    texts = token_bytes(tokenizer)
    written = "the User\nUser 1: caf\u00e9 \u2713\t\x00"
    ids = tokenizer.encode(written, bos=True)
    assert b"".join(texts[number] for number in ids).decode() == written
    assert len(texts) == tokenizer.n_tokens


@pytest.mark.parametrize("stop", ["\nUser ", "aab", "\n\n", " "])
def test_the_automaton_accepts_at_the_token_that_completes_the_stop(tokenizer, stop):
    texts = token_bytes(tokenizer)
    table = stop_table(texts, stop)
    rng = random.Random(stop)
    pieces = [*WORDS, *stop, stop, stop[:-1], "\nUser", "a", "\nUs", "er"]
    ended = 0
    for _ in range(200):
        ids = tokenizer.encode("".join(rng.choice(pieces) for _ in range(8)), bos=False)
        ids.insert(rng.randrange(len(ids) + 1), tokenizer.pad_id)
        state, first = 0, None
        for place, number in enumerate(ids):
            state = int(table[state, number])
            if state == len(table) - 1 and first is None:
                first = place
        held = [place for place in range(len(ids)) if stop in tokenizer.decode(ids[: place + 1])]
        assert first == (held[0] if held else None)
        ended += first is not None
    assert ended > 10


def test_text_is_cut_at_the_first_of_several_stops():
    assert cut_at_stops("one two three", (" three", " two")) == "one"
    assert cut_at_stops("one", ("x",)) == "one"


def test_a_special_token_that_is_written_as_the_stop_ends_a_text(tokenizer):
    ends = special_tokens_with(tokenizer, "<pad>")
    assert ends == [tokenizer.pad_id]
    table = stop_table(token_bytes(tokenizer), "<pad>", ends)
    assert (table[:, tokenizer.pad_id] == len(table) - 1).all()
    assert (table[0, tokenizer.eos_id]) == 0
