"""The words of families: each suite here declares them, other families are called by their names."""

import pytest
import yaml

from benchmark.tasks.family_words import FamilyWords, family_labels, family_words
from benchmark.tasks.suite import TASKS_FOLDER, suite_names


@pytest.mark.parametrize("suite", suite_names())
def test_a_suite_declares_words_for_the_families_of_its_tasks(suite: str) -> None:
    metadata = yaml.safe_load((TASKS_FOLDER / suite / "_suite.yaml").read_text())["metadata"]
    assert set(metadata["families"]) == {"classification", "dialogue"}
    found = family_words(suite, metadata["families"])
    assert found["classification"] == FamilyWords("Multiple choice", "accuracy")
    assert list(family_labels(f"{suite}-5shot", metadata["families"]).values()) == [
        "multiple choice",
        "dialogue",
    ]


@pytest.mark.parametrize("suite", ["gap12@1", "gap12-original", "gap12-2shot"])
def test_a_suite_is_known_with_a_version_or_shots(suite: str) -> None:
    assert family_words(suite, ["classification"])["classification"].label == "Multiple choice"


@pytest.mark.parametrize("suite", ["", "gap1", "gap123", "../gap12", "my-suite", "gap12/"])
def test_other_families_are_called_by_their_names(suite: str) -> None:
    found = family_words(suite, ["open-answers", "classification", "QA"])
    assert [words.label for words in found.values()] == ["Open answers", "Classification", "QA"]
    assert found["QA"].inside == "QA" and found["open-answers"].inside == "open answers"
