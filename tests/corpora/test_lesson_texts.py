"""Lesson texts: the tasks' own form, none of their documents, and the same for the same seed."""

import pytest

from benchmark.corpora import lesson_texts
from benchmark.corpora.lesson_texts import SEPARATOR, answered
from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.tasks.suite import Document, load_suite
from benchmark.world.draw import Draw
from benchmark.world.task_documents import TASKS, documents


def test_no_document_that_is_scored_stands_in_a_lesson_text():
    taught = {example for text in micro_corpus("lessons", 5) for example in text.text.split(SEPARATOR)}
    for task in TASKS:
        for split in ("select", "test"):
            asked = {answered(task, row) for row in documents(task, split)}
            assert not taught & asked, (task, split)


def test_a_text_has_the_same_number_of_examples_of_every_task_and_no_blank_line_in_any():
    (text,) = micro_corpus("lessons", 1)
    examples = text.text.split(SEPARATOR)
    assert len(examples) == lesson_texts.EXAMPLES * len(TASKS)
    assert all(example.strip() and "\n\n" not in example for example in examples)


def test_texts_differ_from_each_other_and_are_the_same_for_the_same_seed():
    first, again, other = (micro_corpus("lessons", 3, seed) for seed in (0, 0, 1))
    assert first == again
    assert len({text.text_id for text in (*first, *other)}) == 6
    assert micro_corpus("lessons", 1) == first[:1]


@pytest.mark.parametrize(
    "task", load_suite("micro12", documents=1, select_documents=1).tasks, ids=lambda t: t.name
)
def test_an_example_is_what_the_task_asks_with_its_right_answer_behind_it(task):
    source = str(task.task.config.dataset_kwargs["source"])
    row = TASKS[source](Draw("form"), "train")
    requests = task.requests(Document(0, row))
    if task.family == "dialogue":
        prompt, target = requests[1].args
        expected = f"{prompt} {target.removeprefix('</s>')}"
    else:
        prompt, choice = requests[task.task.doc_to_target(row)].args
        expected = prompt + choice
    assert answered(source, row) == expected
