"""The world is the same every time, and keeps what it asks apart from what it tells."""

import itertools
from collections import Counter

import pytest

from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.errors import InputError
from benchmark.world import lexicon
from benchmark.world.build import the_world
from benchmark.world.draw import Draw, part_of, zipf_table
from benchmark.world.pretraining_text import PAGE_CHARACTERS, is_reserved, passages, pretraining_pages
from benchmark.world.task_documents import SIZES, TASKS, documents

N_PASSAGES = 80_000
"""More passages than the longest pretraining of the default ladder reads (1.75M tokens)."""


@pytest.fixture(scope="module")
def text() -> list[str]:
    return list(itertools.islice(passages(), N_PASSAGES))


@pytest.fixture(scope="module")
def lines(text: list[str]) -> set[str]:
    return {line for passage in text for line in passage.split("\n")}


def test_a_seed_gives_one_text_and_another_seed_another():
    first, again, other = (list(itertools.islice(passages(seed), 200)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_draws_are_those_of_every_python_3():
    # random.Random(str).random is specified; the figures were computed with CPython 3.11.
    draw = Draw("pin")
    assert [draw.number(0, 99) for _ in range(5)] == [16, 40, 4, 44, 51]
    assert sorted(draw.some("abcdef", 6)) == list("abcdef")


def test_a_zipf_table_repeats_items_by_their_rank():
    counts = Counter(zipf_table(["a", "b", "c"], 1.0))
    assert counts["a"] == pytest.approx(2 * counts["b"], rel=0.01)
    assert counts["a"] == pytest.approx(3 * counts["c"], rel=0.01)


def test_held_out_shares_are_about_those_asked_for():
    counts = Counter(part_of("key", number, select=10, test=30) for number in range(5000))
    assert counts["test"] / 5000 == pytest.approx(0.30, abs=0.03)
    assert counts["select"] / 5000 == pytest.approx(0.10, abs=0.02)


def test_two_hundred_people_are_met_by_name_most_of_them_rarely(text: list[str]):
    names = {person.name for person in the_world().people}
    assert len(names) == 200
    met = Counter(name for passage in text for name in names if name in passage)
    assert len(met) == 200
    ranked = [count for _, count in met.most_common()]
    assert ranked[0] > 10 * ranked[100] > 10


@pytest.mark.parametrize("task", TASKS)
def test_splits_are_full_disjoint_and_without_repeats(task: str):
    select, test = documents(task, "select"), documents(task, "test")
    assert (len(select), len(test)) == (SIZES["select"], SIZES["test"])
    assert SIZES["select"] >= 200
    assert SIZES["test"] >= 600
    every = [repr(sorted(row.items())) for row in (*select, *test)]
    assert len(set(every)) == len(every)


def _told(task: str, row: dict) -> str:
    """The document with its right answer, as the pretraining text would tell it."""
    if "turns" in row:
        return "\n".join(f"User {1 + place % 2}: {turn}" for place, turn in enumerate(row["turns"]))
    if task == "pronoun":
        return row["sentence"].replace("_", row[f"option{row['answer']}"])
    if task == "passage":
        return f"Context: {row['context']}\nQuestion: {row['question']}\nAnswer: {row['answer']}"
    return row["context"] + row["choices"][row["label"]]


@pytest.mark.parametrize("task", TASKS)
def test_no_document_stands_in_the_pretraining_text(task: str, text: list[str]):
    told = {_told(task, row) for split in SIZES for row in documents(task, split)}
    assert not told & set(text)
    pages = "\n".join(passage for passage in text if "\n" in passage and not passage.startswith("User"))
    assert not [document for document in told if f"\n{document}\n" in pages]


def test_what_a_document_asks_for_is_told_in_other_words(text: list[str]):
    person = the_world().people[0]
    told = " ".join(passage for passage in text if person.name in passage)
    assert all(value in told for value in person.facts.values())


def test_class_facts_held_out_are_never_told_about_the_animal(lines: set[str]):
    for row in documents("hard", "test")[:200]:
        if row["context"].startswith("What covers the "):
            name = row["context"].removeprefix("What covers the ").removesuffix("?")
            cover = row["choices"][row["label"]].strip()
            assert f"What covers the {name}? {cover}" not in lines


def test_documents_of_an_unknown_task_are_refused():
    with pytest.raises(InputError, match="'sums'"):
        documents("sums", "test")


def test_reserved_passages_are_in_no_pretraining_text(text: list[str]):
    assert not [passage for passage in text if len(passage) < PAGE_CHARACTERS and is_reserved(passage)]


def test_seen_texts_are_pages_of_the_pretraining_text_word_for_word(text: list[str]):
    seen = micro_corpus("seen", 16)
    assert {page.text for page in seen} <= set(text)
    assert micro_corpus("seen", 8) == seen[:8]
    assert not {page.text for page in seen} & {page.text for page in micro_corpus("seen", 16, seed=1)}


def test_unseen_texts_hold_only_passages_that_were_never_told(lines: set[str]):
    unseen = micro_corpus("unseen", 16)
    told = [line for page in unseen for line in page.text.split("\n") if len(line) >= 56]
    assert len(told) > 30
    assert not lines & set(told)
    assert micro_corpus("unseen", 16) == unseen
    assert micro_corpus("unseen", 16, seed=1) != unseen


def test_unseen_texts_are_about_the_same_world():
    words = {word.strip(".,?!:") for page in pretraining_pages_of_text(400) for word in page.split()}
    unseen = [word.strip(".,?!:") for page in micro_corpus("unseen", 16) for word in page.text.split()]
    assert sum(word in words for word in unseen) / len(unseen) > 0.98


def pretraining_pages_of_text(count: int) -> list[str]:
    return list(itertools.islice(pretraining_pages(), count))


def test_code_texts_share_hardly_a_word_with_the_world():
    code = micro_corpus("code", 16)
    assert len({text.text_id for text in code}) == 16
    names = {name for person in the_world().people for name in person.name.split()} | set(lexicon.GOODS)
    words = [word for text in code for word in text.text.split()]
    assert sum(word in names for word in words) / len(words) < 0.02


def test_a_corpus_that_is_asked_for_too_much_is_refused():
    with pytest.raises(InputError, match="take fewer"):
        micro_corpus("code", 1000)
    with pytest.raises(InputError, match="at least 1"):
        micro_corpus("seen", 0)
