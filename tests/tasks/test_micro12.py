"""The micro suite: twelve tasks in the original forms that nothing on their surface gives away."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.tasks.clusters import cluster_table, markdown
from benchmark.tasks.dialogue import DialogueTask
from benchmark.tasks.metrics import unigram_f1
from benchmark.tasks.suite import TASKS_FOLDER, Document, Suite, SuiteTask, load_suite
from tests.conftest import run_python


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("micro12")


@pytest.fixture(scope="module")
def choice_rows(suite: Suite) -> dict[str, list[tuple[str, list[str], int]]]:
    """(context, choices, answer) of every test document of each multiple-choice task."""
    return {
        task.name: [_choice_row(task, document.row) for document in task.documents["test"]]
        for task in suite.tasks[:8]
    }


def _choice_row(task: SuiteTask, row: dict) -> tuple[str, list[str], int]:
    definition = task.task
    answer = definition.doc_to_target(row)
    return definition.doc_to_text(row), definition.doc_to_choice(row), int(answer)


def test_there_are_eight_choice_tasks_and_four_dialogues(suite: Suite):
    assert [task.family for task in suite.tasks] == ["classification"] * 8 + ["dialogue"] * 4
    choices = [round(1 / task.chance) for task in suite.tasks[:8]]
    # piqa, hellaswag, arc easy, arc challenge, copa, winogrande, math_qa, pubmed_qa
    assert choices == [2, 4, 4, 4, 2, 2, 5, 3]


def test_documents_are_enough_and_numbered_through_both_splits(suite: Suite):
    for task in suite.tasks:
        select, test = task.documents["select"], task.documents["test"]
        assert len(select) >= 200
        assert len(test) >= 600
        numbers = [document.doc_id for document in (*select, *test)]
        assert numbers == list(range(len(numbers)))


CLUSTERS = {
    "micro_physical": 47,
    "micro_story": 83,
    "micro_science_easy": 37,
    "micro_science_hard": 14,
    "micro_cause": 47,
    "micro_pronoun": 26,
    "micro_counting": 10,
    "micro_passage": 12,
    "micro_persona": 183,
    "micro_empathy": 10,
    "micro_animals": 20,
    "micro_people": 189,
}


def test_every_document_has_the_cluster_of_what_it_asks(suite: Suite):
    """The numbers of docs/CLUSTERS.md."""
    table = cluster_table(suite)
    assert {row[0]: row[2] for row in table} == CLUSTERS
    written = Path("docs/CLUSTERS.md").read_text(encoding="utf-8")
    assert all(line in written for line in markdown(suite))
    for task in suite.tasks:
        assert all(document.row["cluster"] for split in task.documents.values() for document in split)


def test_no_prompt_and_no_answer_holds_the_cluster_column(suite: Suite):
    for task in suite.tasks:
        document = task.documents["test"][0]
        other = Document(document.doc_id, {**document.row, "cluster": "another"})
        assert [r.args for r in task.requests(document)] == [r.args for r in task.requests(other)]


def test_questions_with_one_right_answer_are_alike(suite: Suite):
    counting = next(task for task in suite.tasks if task.name == "micro_counting")
    for document in counting.documents["test"]:
        assert document.cluster == document.row["choices"][document.row["label"]]


def test_stated_chance_is_that_of_the_choices(suite: Suite, choice_rows: dict):
    for task in suite.tasks[:8]:
        assert all(len(choices) == round(1 / task.chance) for _, choices, _ in choice_rows[task.name])
        assert all(len(set(choices)) == len(choices) for _, choices, _ in choice_rows[task.name])


def _longest(context: str, choices: list[str]) -> int:
    return max(range(len(choices)), key=lambda place: len(choices[place]))


def _shortest(context: str, choices: list[str]) -> int:
    return min(range(len(choices)), key=lambda place: len(choices[place]))


def _most_shared(context: str, choices: list[str]) -> int:
    words = set(re.findall(r"\w+", context.lower()))
    return max(
        range(len(choices)), key=lambda place: len(words & set(re.findall(r"\w+", choices[place].lower())))
    )


@pytest.mark.parametrize("baseline", [_longest, _shortest, _most_shared])
def test_no_surface_cue_gives_the_answer(
    suite: Suite, choice_rows: dict, baseline: Callable[[str, list[str]], int]
):
    for task in suite.tasks[:8]:
        rows = choice_rows[task.name]
        right = sum(baseline(context, choices) == answer for context, choices, answer in rows)
        # 640 documents: three standard errors of a guess are at most 0.06.
        assert right / len(rows) < task.chance + 0.065, task.name


def test_answers_stand_in_every_place_about_equally_often(suite: Suite, choice_rows: dict):
    for task in suite.tasks[:8]:
        places = Counter(answer for _, _, answer in choice_rows[task.name])
        total = len(choice_rows[task.name])
        assert max(places.values()) / total < task.chance + 0.065, task.name


def test_the_commonest_right_answer_is_a_poor_guess(suite: Suite, choice_rows: dict):
    for task in suite.tasks[:8]:
        rows = choice_rows[task.name]
        half = len(rows) // 2
        often = Counter(choices[answer] for _, choices, answer in rows[:half])
        right = sum(
            max(choices, key=lambda choice: often[choice]) == choices[answer]
            for _, choices, answer in rows[half:]
        )
        assert right / (len(rows) - half) < task.chance + 0.11, task.name


def test_dialogues_end_with_the_label_of_the_one_who_answers(suite: Suite):
    for task in suite.tasks[8:]:
        assert isinstance(task.task, DialogueTask)
        for document in task.documents["test"][:20]:
            generation, reference = task.requests(document)
            prompt = generation.args[0]
            turns = document.row["turns"]
            assert prompt.startswith("User 1: ")
            assert prompt.endswith(f"\nUser {1 + (len(turns) - 1) % 2}:")
            assert reference.args == (prompt, "</s>" + turns[-1])


def test_no_constant_reply_scores_well(suite: Suite):
    for task in suite.tasks[8:]:
        replies = [document.row["turns"][-1] for document in task.documents["test"]]
        often = [reply for reply, _ in Counter(replies).most_common(20)]
        best = max(sum(unigram_f1(reply, one) for one in replies) / len(replies) for reply in often)
        assert best < 0.45, task.name


def test_nearly_all_replies_fit_the_room_for_new_tokens(suite: Suite, micro_cache: Path):
    from benchmark.models.micro_training import micro_tokenizer

    tokenizer = micro_tokenizer(micro_cache)
    for task in suite.tasks[8:]:
        room = task.task.config.generation_kwargs["max_gen_toks"]
        replies = [" " + document.row["turns"][-1] for document in task.documents["test"]]
        lengths = [len(ids) for ids in tokenizer.encode_batch(replies, bos=False)]
        assert sum(length <= room for length in lengths) / len(lengths) > 0.95, task.name


def test_a_few_shot_prompt_holds_other_documents(suite: Suite):
    shots = load_suite("micro12-2shot", limit=5)
    for task in shots.tasks:
        plain = next(one for one in suite.tasks if one.name == task.name)
        row = task.documents["test"][0]
        prompt = task.requests(row)[0].args[0]
        assert prompt.endswith(plain.requests(row)[0].args[0])
        assert len(task.examples) == 2


def test_another_process_draws_the_same_suite_anew(suite: Suite, tmp_path: Path):
    code = "from benchmark.tasks.suite import load_suite; print(load_suite('micro12').digest)"
    found = run_python(code, GAPBENCH_CACHE=str(tmp_path), PYTHONHASHSEED="7")
    assert any(tmp_path.rglob("*.json")), "the documents were drawn, not found"
    assert found.stdout.strip() == suite.digest


def test_the_paper_protocol_reports_test_documents_alone():
    paper = load_suite("micro12", tasks=["micro_cause"], protocol="paper")
    assert set(paper.tasks[0].documents) == {"test"}
    assert len(paper.tasks[0].documents["test"]) == 320


def test_stock_lm_eval_asks_the_same_of_every_task(suite: Suite):
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(TASKS_FOLDER / "micro12"), include_defaults=False)
    found = simple_evaluate(
        model="dummy", tasks=["micro12"], task_manager=manager, limit=2, bootstrap_iters=0, verbosity="ERROR"
    )
    assert set(found["samples"]) == {task.name for task in suite.tasks}
    for task in suite.tasks:
        metric = "f1" if task.family == "dialogue" else "acc"
        for theirs, ours in zip(found["samples"][task.name], task.documents["test"][:2], strict=True):
            assert theirs["doc"] == ours.row
            assert theirs["arguments"] == [request.args for request in task.requests(ours)]
            if task.family == "classification":
                # The dummy model's likelihoods are random; the answer is right where the right choice has the largest.
                likelihoods = [response[0] for response in theirs["filtered_resps"]]
                assert theirs[metric] == (max(likelihoods) == likelihoods[_choice_row(task, ours.row)[2]])
            else:
                assert theirs[metric] == unigram_f1(theirs["resps"][0][0], ours.row["turns"][-1])
        mean = sum(sample[metric] for sample in found["samples"][task.name]) / 2
        assert found["results"][task.name][f"{metric},none"] == mean
