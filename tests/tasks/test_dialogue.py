"""The turns and prompts of dialogue tasks."""

import pytest

from benchmark.tasks.dialogue import normalise_turn, prompt_of


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
