"""The turns, prompts and F1 of dialogue tasks."""

import pytest

from benchmark.tasks.dialogue import normalise_turn, prompt_of, unigram_f1


@pytest.mark.parametrize(
    ("turn", "normalised"),
    [
        ("hello THERE . how are you ?", "Hello there. How are you?"),
        ("i think i'm late , sorry", "I think I'm late, sorry."),
        ("Yes.  it is", "Yes. It is."),
        ("it is (really)", "It is (really)"),
        ('he said "no"', 'He said "no"'),
        ("wait...what", "Wait...what."),
        ("  leading blanks", "leading blanks."),
        ("", ""),
    ],
)
def test_a_turn_is_normalised(turn, normalised):
    assert normalise_turn(turn) == normalised


def test_normalising_a_normalised_turn_changes_nothing():
    for turn in ("Hello there. How are you?", "I think I'm late, sorry.", 'He said "no"'):
        assert normalise_turn(turn) == turn


@pytest.mark.parametrize("turns", [2, 3, 5])
def test_the_prompt_ends_with_the_label_of_the_speaker_who_answers(turns):
    prompt = prompt_of(["hi"] * turns)
    assert prompt.split("\n")[-1] == ("User 2:" if turns % 2 == 0 else "User 1:")
    assert prompt.count("\n") == turns - 1 and prompt.startswith("User 1: Hi.\n")


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
