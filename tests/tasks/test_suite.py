"""Suites: a call's documents, few-shot examples, digests, refusals, and stock lm-eval on the same YAML."""

import hashlib
import json

import pytest
from small_data import TWELVE, write_jsonl

from benchmark.errors import InputError
from benchmark.tasks.clusters import cluster_table
from benchmark.tasks.gap12.splits import pooled_counts
from benchmark.tasks.rows import content_hash
from benchmark.tasks.suite import TASKS_FOLDER, load_suite


def documents(suite, task, split):
    return next(t for t in suite.tasks if t.name == task).documents[split]


def rewrite(path, change):
    """Change the rows of a file of JSON lines: ``change`` takes the list of rows and gives another."""
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    write_jsonl(path, rows)


def test_gap12_has_the_twelve_tasks_in_order_with_their_chance(small_data):
    suite = load_suite("gap12", tasks=TWELVE[::-1])
    assert [task.name for task in suite.tasks] == TWELVE
    chance = {task.name: round(1 / task.chance) for task in suite.tasks if task.family == "classification"}
    assert chance == dict(zip(TWELVE[:8], (2, 4, 4, 4, 2, 2, 5, 3), strict=True))
    assert {t.metric for t in suite.tasks[8:]} == {"f1"}


@pytest.mark.parametrize("task", TWELVE)
def test_select_and_test_share_no_document(small_data, task):
    suite = load_suite("gap12", tasks=[task])
    halves = [{content_hash(d.row) for d in documents(suite, task, split)} for split in ("select", "test")]
    assert halves[0] and halves[1] and not halves[0] & halves[1]


def test_halves_hold_every_validation_document_once_in_source_order(small_data):
    suite = load_suite("gap12", tasks=["copa"])
    ids = [[d.doc_id for d in documents(suite, "copa", split)] for split in ("select", "test")]
    assert ids[0] == sorted(ids[0]) and ids[1] == sorted(ids[1])
    assert sorted(ids[0] + ids[1]) == list(range(10))


def test_equal_documents_are_in_the_same_half(small_data):
    path = small_data / "tasks/copa/validation.jsonl"
    path.write_text(path.read_text() * 2)
    suite = load_suite("gap12", tasks=["copa"])
    select = {d.doc_id % 10 for d in documents(suite, "copa", "select")}
    test = {d.doc_id % 10 for d in documents(suite, "copa", "test")}
    assert not select & test


def test_columns_that_no_prompt_uses_change_nothing(small_data):
    before = load_suite("gap12", tasks=["copa"])
    rewrite(small_data / "tasks/copa/validation.jsonl", lambda rows: [{"idx": 7, **row} for row in rows])
    assert load_suite("gap12", tasks=["copa"]).digest == before.digest


def test_doc_id_is_the_row_number_before_any_filter(small_data):
    paper = load_suite("gap12", tasks=["arc_easy", "blended_skill_talk"], protocol="paper")
    for task in paper.tasks:
        assert [d.doc_id for d in task.documents["test"]] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_a_part_of_a_split_keeps_the_row_numbers_of_the_whole(small_data):
    path = small_data / "tasks/hellaswag/validation.jsonl"
    rewrite(path, lambda rows: [row | {"row": 3 * i} for i, row in enumerate(rows)])
    paper = load_suite("gap12", tasks=["hellaswag"], protocol="paper")
    assert [d.doc_id for d in documents(paper, "hellaswag", "test")] == list(range(0, 30, 3))


def test_paper_has_one_split_of_the_first_320_validation_documents(small_data):
    rewrite(small_data / "tasks/copa/validation.jsonl", lambda rows: rows * 40)
    (task,) = load_suite("gap12", tasks=["copa"], protocol="paper").tasks
    assert list(task.documents) == ["test"]
    assert [d.doc_id for d in task.documents["test"]] == list(range(320))
    (task,) = load_suite("gap12", tasks=["copa"], protocol="paper", limit=3).tasks
    assert [d.doc_id for d in task.documents["test"]] == [0, 1, 2]


def test_paper_reads_the_originals_validation_dialogues(small_data):
    paper = load_suite("gap12", tasks=["wizard_of_wikipedia"], protocol="paper")
    assert "validation" in documents(paper, "wizard_of_wikipedia", "test")[0].row["turns"][0]
    held_out = load_suite("gap12", tasks=["wizard_of_wikipedia"])
    assert "validation" in documents(held_out, "wizard_of_wikipedia", "select")[0].row["turns"][0]
    assert "test" in documents(held_out, "wizard_of_wikipedia", "test")[0].row["turns"][0]


def test_caps_draw_documents_by_hash_and_a_limit_takes_the_first(small_data):
    def taken(split, **caps):
        return documents(load_suite("gap12", tasks=["piqa"], **caps), "piqa", split)

    for split, cap in (("test", "documents"), ("select", "select_documents")):
        whole = taken(split)
        by_hash = sorted(whole, key=lambda d: hashlib.sha256(f"piqa {d.doc_id}".encode()).hexdigest())
        for count in range(1, len(whole) + 2):
            capped = taken(split, **{cap: count})
            assert set(map(id_of, capped)) == set(map(id_of, by_hash[:count]))
            assert list(map(id_of, capped)) == sorted(map(id_of, capped))
            assert taken(split, limit=count) == whole[:count]
        assert taken(split, **{cap: 2}, limit=1) == whole[:1]
        assert taken(split, **{cap: 2}, limit=3) == taken(split, **{cap: 2})


def id_of(document):
    return document.doc_id


def test_capped_documents_are_not_the_first_ones(small_data):
    path = small_data / "tasks/copa/validation.jsonl"
    rewrite(path, lambda rows: [{**rows[0], "premise": f"It fell {n}."} for n in range(400)])
    ids = [d.doc_id for d in documents(load_suite("gap12", tasks=["copa"], documents=50), "copa", "test")]
    assert len(ids) == 50 and max(ids) > 300 and min(ids) < 100


CLUSTERED = {
    "winogrande": ("dev.jsonl", "qID", [f"Q{n // 2}-{1 + n % 2}" for n in range(10)]),
    "hellaswag": ("validation.jsonl", "activity_label", [f"sport {n // 3}" for n in range(10)]),
    "math_qa": ("dev.json", "linear_formula", [f"add(n0,n{n // 4})" for n in range(10)]),
}


def with_column(folder, task):
    """Write the task's cluster column into its rows; the file's own form is kept."""
    name, column, values = CLUSTERED[task]
    path = folder / "tasks" / task / name
    text = path.read_text()
    rows = json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    rows = [{**row, column: value} for row, value in zip(rows, values, strict=True)]
    lines = json.dumps(rows) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(lines)


@pytest.mark.parametrize("task", CLUSTERED)
def test_documents_that_ask_the_same_are_one_cluster_in_one_half(small_data, task):
    with_column(small_data, task)
    suite = load_suite("gap12", tasks=[task])
    found = {
        split: {d.doc_id: d.cluster for d in documents(suite, task, split)} for split in ("select", "test")
    }
    wanted = [value.split("-")[0] for value in CLUSTERED[task][2]]
    assert {**found["select"], **found["test"]} == dict(enumerate(wanted))
    assert not set(found["select"].values()) & set(found["test"].values())


@pytest.mark.parametrize("task", TWELVE)
def test_without_such_a_column_each_document_is_its_own_cluster(small_data, task):
    suite = load_suite("gap12", tasks=[task])
    for split in ("select", "test"):
        assert all(d.cluster == str(d.doc_id) for d in documents(suite, task, split))


def test_a_how_to_article_is_its_own_cluster_whatever_its_topic(small_data):
    health = {"activity_label": "Health"}
    rewrite(
        small_data / "tasks/hellaswag/validation.jsonl",
        lambda rows: [r | health | {"ctx": f"[header] {r['ctx']}"} for r in rows],
    )
    suite = load_suite("gap12", tasks=["hellaswag"], protocol="paper")
    assert [d.cluster for d in documents(suite, "hellaswag", "test")] == [str(n) for n in range(10)]


def test_a_training_row_whose_twin_is_in_test_is_left_out(small_data):
    with_column(small_data, "winogrande")
    path = small_data / "tasks/winogrande/train_s.jsonl"
    rewrite(path, lambda rows: [r | {"qID": f"Q{n}-9"} for n, r in enumerate(rows)])
    suite = load_suite("gap12", tasks=["winogrande"], split_source="train")
    assert [d.cluster for d in documents(suite, "winogrande", "select")] == [f"Q{n}" for n in range(5, 10)]


def test_the_cluster_is_no_part_of_what_a_document_says(small_data):
    before = load_suite("gap12", tasks=["winogrande"], protocol="paper").tasks[0]
    with_column(small_data, "winogrande")
    after = load_suite("gap12", tasks=["winogrande"], protocol="paper").tasks[0]
    for old, new in zip(before.documents["test"], after.documents["test"], strict=True):
        assert content_hash(old.row) == content_hash(new.row)
        assert [r.args for r in before.requests(old)] == [r.args for r in after.requests(new)]


@pytest.mark.parametrize("task", CLUSTERED)
def test_halves_of_the_real_data_share_no_cluster(data_dir, monkeypatch, task):
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    ((_, found, clusters, largest, _, shared),) = cluster_table(load_suite("gap12", tasks=[task]))
    assert shared == 0 and largest > 1 and clusters < 0.8 * found


def _training_rows(folder):
    """Training rows for the tasks that take `select` from them, and COPA's, beside the small validation files."""
    for task, split in (("piqa", "valid"), ("hellaswag", "validation"), ("arc_easy", "validation")):
        text = (folder / f"tasks/{task}/{split}.jsonl").read_text()
        for thing in ("rope", "lamp"):
            text = text.replace(thing, f"new {thing}")
        lines = [line for line in text.splitlines() if "new " in line]
        if task == "piqa":
            lines = [json.dumps({**json.loads(line), "label": 0}) for line in lines]
        (folder / f"tasks/{task}/train.jsonl").write_text("".join(line + "\n" for line in lines))
    rows = [
        {"premise": f"The old {n} fell.", "choice1": "It broke.", "choice2": "It sang.", "label": n % 2}
        for n in range(40)
    ]
    write_jsonl(folder / "tasks/copa/train.jsonl", rows)


def test_whole_tests_every_validation_document_and_pools_copas_labelled_rows(small_data):
    _training_rows(small_data)
    tasks = ["piqa", "hellaswag", "arc_easy", "copa", "winogrande", "pubmed_qa", "blended_skill_talk"]
    suite = load_suite("gap12", tasks=tasks, split_source="whole")
    paper = load_suite("gap12", tasks=tasks, protocol="paper")
    halves = load_suite("gap12", tasks=tasks)
    for task in ("piqa", "hellaswag", "arc_easy", "winogrande"):
        assert documents(suite, task, "test") == documents(paper, task, "test")
    name = "blended_skill_talk"
    assert documents(suite, name, "test") == documents(halves, name, "test")
    copa = {split: documents(suite, "copa", split) for split in ("select", "test")}
    ids = [document.doc_id for found in copa.values() for document in found]
    assert len(ids) == len(set(ids)) == 50 and len(copa["test"]) > 30 and len(copa["select"]) > 3
    assert {id_ < 10 for id_ in ids} == {True, False}
    assert len(documents(suite, "pubmed_qa", "test")) + len(documents(suite, "pubmed_qa", "select")) == 10
    for task in suite.tasks:
        split = [{content_hash(d.row) for d in task.documents[name]} for name in ("select", "test")]
        assert split[0] and split[1] and not split[0] & split[1]


def test_whole_leaves_training_rows_out_that_are_also_validation_rows(small_data):
    text = (small_data / "tasks/winogrande/dev.jsonl").read_text()
    with (small_data / "tasks/winogrande/train_s.jsonl").open("a") as file:
        file.write(text)
    suite = load_suite("gap12", tasks=["winogrande"], split_source="whole")
    assert len(documents(suite, "winogrande", "select")) == len(documents(suite, "winogrande", "test")) == 10


def test_whole_with_the_data_has_four_fifths_of_a_pooled_task(data_dir, monkeypatch):
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    suite = load_suite("gap12", tasks=["pubmed_qa"], split_source="whole")
    found = len(documents(suite, "pubmed_qa", "test"))
    assert pooled_counts(suite.tasks[0].task, 500) == (500, 400)
    assert found == pytest.approx(400, abs=30)


def test_train_takes_select_from_the_training_split(small_data):
    suite = load_suite("gap12", tasks=["winogrande"], split_source="train")
    assert all("train_s" in d.row["sentence"] for d in documents(suite, "winogrande", "select"))
    assert [d.doc_id for d in documents(suite, "winogrande", "test")] == list(range(10))


@pytest.mark.parametrize("task", [name for name in TWELVE if name != "winogrande"])
def test_train_refuses_a_task_whose_training_split_is_missing(small_data, task):
    with pytest.raises(InputError, match=f"{task}.train.* is missing in GAPBENCH_DATA"):
        load_suite("gap12", tasks=[task], split_source="train")


def test_a_call_needs_the_files_of_its_tasks_only(small_data):
    for path in small_data.rglob("*"):
        if path.is_file() and "copa" not in str(path):
            path.unlink()
    assert load_suite("gap12", tasks=["copa"]).tasks
    with pytest.raises(InputError, match=r"tasks/piqa/valid\.jsonl is missing"):
        load_suite("gap12", tasks=["copa", "piqa"])


def test_few_shot_examples_are_select_documents_that_are_not_scored(small_data):
    whole = load_suite("gap12", tasks=["piqa", "wizard_of_internet"])
    suite = load_suite("gap12-2shot", tasks=["piqa", "wizard_of_internet"], seed=1)
    assert suite.name == "gap12-2shot"
    for task in suite.tasks:
        assert len(task.examples) == 2
        assert {d.doc_id for d in task.examples} <= {d.doc_id for d in documents(whole, task.name, "select")}
        assert documents(whole, task.name, "test") == task.documents["test"]
        for split in task.documents.values():
            for document in split:
                assert document.row not in [example.row for example in task.examples]


def test_a_few_shot_prompt_holds_the_examples_with_their_answers(small_data):
    (task,) = load_suite("gap12-1shot", tasks=["copa"]).tasks
    example, document = task.examples[0].row, task.documents["test"][0]
    answer = example[f"choice{example['label'] + 1}"]
    context, continuation = task.requests(document)[0].args
    assert context == f"{example['premise']} {answer}\n\n{document.row['premise']}"
    assert continuation == " It broke."


def test_a_dialogue_example_ends_with_its_normalised_answer(small_data):
    (task,) = load_suite("gap12-1shot", tasks=["wizard_of_internet"]).tasks
    generation, reference = task.requests(task.documents["test"][0])
    assert "User 1: It is a fine" in generation.args[0].split("\n\n")[0]
    assert generation.args[0].split("\n\n")[0].endswith(". I use it.")
    assert reference.args[0] == generation.args[0]


def test_the_seed_draws_the_examples(small_data):
    draws = {
        tuple(d.doc_id for d in load_suite("gap12-2shot", tasks=["copa"], seed=seed).tasks[0].examples)
        for seed in range(8)
    }
    assert len(draws) > 1
    first, again = (load_suite("gap12-2shot", tasks=["copa"], seed=3) for _ in range(2))
    assert first.digest == again.digest


def test_num_fewshot_and_the_suites_suffix_mean_the_same(small_data):
    suffix, number = (
        load_suite("gap12-2shot", tasks=["copa"]),
        load_suite("gap12", num_fewshot=2, tasks=["copa"]),
    )
    assert (suffix.name, suffix.digest) == (number.name, number.digest)


def test_the_digest_follows_documents_and_settings(small_data):
    digests = {
        load_suite("gap12", tasks=["winogrande"], **settings).digest
        for settings in (
            {},
            {"limit": 1},
            {"protocol": "paper"},
            {"split_source": "train"},
            {"num_fewshot": 1},
        )
    }
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "gap21"}, "suite 'gap21' is unknown.*did you mean 'gap12'"),
        ({"tasks": ["arc_esy"]}, "no task 'arc_esy'.*did you mean 'arc_easy'"),
        ({"tasks": []}, "no task of suite gap12 is asked for"),
        ({"protocol": "papper"}, "protocol 'papper' is unknown"),
        ({"split_source": "test"}, "split_source 'test' is unknown"),
        ({"limit": 0}, "limit is 0"),
        ({"num_fewshot": -1}, "num_fewshot is -1"),
        ({"name": "gap12-2shot", "num_fewshot": 5}, "has 2 examples per prompt, num_fewshot says 5"),
        ({"name": "gap12-2shot", "protocol": "paper"}, "no select documents to draw few-shot examples from"),
        ({"name": "gap12-9shot", "tasks": ["copa"]}, "too few for 9 examples"),
    ],
)
def test_what_a_suite_cannot_be_is_refused_in_one_line(small_data, arguments, message):
    with pytest.raises(InputError, match=message) as refused:
        load_suite(**({"name": "gap12"} | arguments))
    assert "\n" not in str(refused.value)


COPA, HELLASWAG = "tasks/copa/validation.jsonl", "tasks/hellaswag/validation.jsonl"
PUBMED, WIZARD = (
    f"official-gap/data/validation_data/{name}" for name in ("pubmed_qa.csv", "wizard_of_internet.json")
)
CHOICE = {"ctx": "a", "endings": ["b"], "label": 0}
BROKEN = {
    "no JSON": (COPA, "{\n", "line 1 is not JSON"),
    "a list": ("tasks/math_qa/dev.json", "3", "is not a list of objects"),
    "a missing column": (COPA, '{"premise": "a"}\n', "row 1 has no 'choice1'"),
    "an answer beyond the choices": (
        HELLASWAG,
        json.dumps(CHOICE | {"label": 1}),
        "row 1 has no right answer",
    ),
    "a text that is none": (
        COPA,
        '{"premise": 3, "choice1": "a", "choice2": "b", "label": 1}\n',
        "row 1 has no right answer",
    ),
    "a row number that is none": (HELLASWAG, json.dumps(CHOICE | {"row": "first"}), "row 1 has row 'first'"),
    "no rows": (COPA, "", "task copa has no test documents"),
    "an unclosed quote": (
        PUBMED,
        'abstract,question,final_decision\n"' + "a" * 140_000,
        "is not a CSV table",
    ),
    "too few labels": ("tasks/piqa/valid-labels.lst", "1\n", "has 1 labels for 10 rows"),
    "dialogues without text": (WIZARD, "{}", "no object 'text'"),
    "turns that are no strings": (WIZARD, '{"text": {"0": [1, 2]}}', "not a list of turns"),
    "single turns only": (WIZARD, '{"text": {"0": ["hi"]}}', "no select documents"),
    "not UTF-8": (COPA, b"\xff", "not UTF-8 at byte 0"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_data_is_refused_with_its_place(small_data, fault):
    path, content, message = BROKEN[fault]
    (small_data / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    tasks = [name for name in TWELVE if name in path]
    with pytest.raises(InputError, match=message) as refused:
        load_suite("gap12", tasks=tasks)
    assert "\n" not in str(refused.value)


def test_stock_lm_eval_runs_every_task_from_the_same_yaml(small_data):
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(TASKS_FOLDER / "gap12"), include_defaults=False)
    results = simple_evaluate(
        model="dummy", tasks=TWELVE, task_manager=manager, limit=2, bootstrap_iters=0, num_fewshot=1
    )
    assert set(results["samples"]) == set(TWELVE)
    for name in TWELVE:
        metrics = results["results"][name]
        assert "acc,none" in metrics or {"f1,none", "nll,none"} <= metrics.keys()


def test_stock_lm_eval_makes_the_requests_that_a_suite_makes(small_data):
    from lm_eval.tasks import TaskManager

    manager = TaskManager(
        include_path=str(TASKS_FOLDER / "gap12"), include_defaults=False, metadata={"protocol": "paper"}
    )
    for task in load_suite("gap12", tasks=TWELVE, protocol="paper").tasks:
        stock = manager.load([task.name])["tasks"][task.name]
        stock.build_all_requests(limit=None)
        ours = [request for document in task.documents["test"] for request in task.requests(document)]
        assert [instance.args for instance in stock.instances] == [request.args for request in ours]


def test_stock_lm_eval_makes_the_same_few_shot_prompts_from_a_suites_tasks(small_data):
    for task in load_suite("gap12-2shot", tasks=TWELVE).tasks:
        task.task.build_all_requests(limit=None)
        ours = [request for document in task.documents["test"] for request in task.requests(document)]
        assert [instance.args for instance in task.task.instances] == [request.args for request in ours]


def test_documents_by_task_lower_both_splits_of_the_tasks_that_they_name() -> None:
    plain = load_suite("micro12", tasks=["micro_cause", "micro_persona"], documents=40, select_documents=30)
    fewer = load_suite(
        "micro12",
        tasks=["micro_cause", "micro_persona"],
        documents=40,
        select_documents=30,
        documents_by_task={"micro_persona": 12},
    )
    assert fewer.tasks[0].documents == plain.tasks[0].documents
    for split in ("select", "test"):
        assert len(fewer.tasks[1].documents[split]) == 12
        chosen = {one.doc_id for one in fewer.tasks[1].documents[split]}
        assert chosen < {one.doc_id for one in plain.tasks[1].documents[split]}
    with pytest.raises(InputError, match=r"documents_by_task: no task 'micro_person'.*micro_persona"):
        load_suite("micro12", documents=4, documents_by_task={"micro_person": 12})
