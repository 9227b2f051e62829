"""Suites of lm-eval's task names: what is read, how it is split, which metric counts, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_data import write_small_data

from benchmark.errors import InputError
from benchmark.posttrain.run_code import run_files
from benchmark.settings.task_suite import TaskSuite
from benchmark.system.content_hash import sha256_of
from benchmark.tasks.lm_eval_tasks import source_rows
from benchmark.tasks.lm_eval_tasks.load_tasks import load_task_suite
from benchmark.tasks.lm_eval_tasks.name_index import lm_eval_index
from benchmark.tasks.rows import SELECT_NUMBERS_FROM
from benchmark.tasks.suite import Suite
from tests.lm_eval_rows import data_settings, local, read_jsonl, write_jsonl, write_rows

pytestmark = pytest.mark.usefixtures("one_installation")
LABELLED = {"dataset_path": "json", "output_type": "multiple_choice", "metric_list": [{"metric": "acc"}]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """What `datasets` makes of the small files goes away with them."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(source_rows, "cache_folder", lambda: folder)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows"))


def load(rows: Path, *tasks: str, root: Path = Path(), only: list[str] | None = None, **more: Any) -> Suite:
    caps = {key: more.pop(key) for key in ("documents", "select_documents", "limit") if key in more}
    data = data_settings(rows, *tasks) | more.pop("data", {})
    return load_task_suite(TaskSuite(name="small", tasks=tasks, data=data, **more), root, tasks=only, **caps)


def numbers(suite: Suite, split: str) -> list[int]:
    return [document.doc_id for document in suite.tasks[0].documents[split]]


def write_yaml(folder: Path, name: str, **keys: Any) -> None:
    """YAML is a superset of JSON; what begins with `!function` is written as it stands."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{key}: {value}" if str(value).startswith("!function") else f"{key}: {json.dumps(value)}"
        for key, value in keys.items()
    ]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def choice_yaml(folder: Path, name: str, files: dict[str, Path], **keys: Any) -> None:
    """A task of one's own: the columns ask, choices, gold."""
    given = {
        "task": name,
        **LABELLED,
        "validation_split": "validation",
        "test_split": "test" if "test" in files else None,
        "doc_to_text": "ask",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "dataset_kwargs": {"data_files": {split: str(path) for split, path in files.items()}},
    }
    write_yaml(folder, name, **(given | keys))


def choice_rows(count: int, first: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [
        {"ask": f"number {number}", "choices": ["odd", "even"], "gold": (number + 1) % 2, **more}
        for number in range(first, first + count)
    ]


def test_a_labelled_test_split_is_test_and_validation_is_select(rows):
    suite = load(rows, "arc_easy")
    assert numbers(suite, "test") == list(range(24))
    assert numbers(suite, "select") == list(range(SELECT_NUMBERS_FROM, SELECT_NUMBERS_FROM + 24))
    assert "test is the test split (24), select the validation split (24)" in suite.tasks[0].facts()["splits"]


@pytest.mark.parametrize("task", ["piqa", "lambada_openai", "boolq", "winogrande"])
def test_a_single_split_is_halved(rows, task):
    suite = load(rows, task)
    select, test = numbers(suite, "select"), numbers(suite, "test")
    assert sorted([*select, *test]) == list(range(24))
    assert select
    assert test
    assert "two halves" in str(suite.tasks[0].facts()["splits"])


def test_a_test_split_without_answers_is_not_used(tmp_path):
    files = {"validation": tmp_path / "validation.jsonl", "test": tmp_path / "test.jsonl"}
    write_jsonl(files["validation"], choice_rows(20))
    write_jsonl(files["test"], [row | {"gold": -1} for row in choice_rows(10, 100)])
    choice_yaml(tmp_path / "own", "parity", files)
    suite = load_task_suite(TaskSuite(name="small", tasks=("parity",), folder="own"), tmp_path)
    assert sorted(numbers(suite, "select") + numbers(suite, "test")) == list(range(20))
    assert "10 of 10 rows of the test split have no right answer" in str(suite.tasks[0].facts()["splits"])


def test_what_test_has_is_not_in_select(tmp_path):
    files = {"validation": tmp_path / "validation.jsonl", "test": tmp_path / "test.jsonl"}
    write_jsonl(files["validation"], choice_rows(12, 6))
    write_jsonl(files["test"], choice_rows(10))
    choice_yaml(tmp_path / "own", "parity", files)
    suite = load_task_suite(TaskSuite(name="small", tasks=("parity",), folder="own"), tmp_path)
    assert numbers(suite, "select") == [SELECT_NUMBERS_FROM + number for number in range(4, 12)]
    assert "without 4 that test has too" in str(suite.tasks[0].facts()["splits"])


def test_equal_documents_and_clusters_stay_in_one_half(tmp_path):
    twice = choice_rows(30) * 2
    write_jsonl(tmp_path / "rows.jsonl", [row | {"topic": f"t{i // 3}"} for i, row in enumerate(twice)])
    choice_yaml(tmp_path / "own", "parity", {"validation": tmp_path / "rows.jsonl"})
    spec = TaskSuite(name="small", tasks=("parity",), folder="own")
    select, test = (
        {number % 30 for number in numbers(load_task_suite(spec, tmp_path), split)}
        for split in ("select", "test")
    )
    assert not select & test
    spec = spec.model_copy(update={"clusters": {"parity": "topic"}})
    task = load_task_suite(spec, tmp_path).tasks[0]
    by_split = [{one.cluster for one in task.documents[split]} for split in ("select", "test")]
    assert not by_split[0] & by_split[1]
    assert by_split[0] | by_split[1] == {f"t{number}" for number in range(20)}
    with pytest.raises(InputError, match="no column 'topics', did you mean 'topic'"):
        load_task_suite(spec.model_copy(update={"clusters": {"parity": "topics"}}), tmp_path)


def test_documents_are_capped(rows):
    suite = load(rows, "arc_easy", documents=5, select_documents=3, limit=4)
    assert len(numbers(suite, "test")) == 4
    assert len(numbers(suite, "select")) == 3


def test_families_metrics_chance_and_form(rows):
    suite = load(
        rows, "arc_easy", "sciq", "lambada_openai", "gsm8k",
        families={"knowledge": ("arc_easy", "sciq"), "language": ("lambada_openai", "gsm8k")},
        metrics={"sciq": "acc_norm", "gsm8k": "exact_match,flexible-extract"}, num_fewshot=0,
    )  # fmt: skip
    found = {
        task.name: (task.family, task.form, task.metric, getattr(task, "filter", None))
        for task in suite.tasks
    }
    assert found == {
        "arc_easy": ("knowledge", "choice", "acc", None),
        "sciq": ("knowledge", "choice", "acc_norm", None),
        "lambada_openai": ("language", "loglikelihood", "acc", None),
        "gsm8k": ("language", "generation", "exact_match", "flexible-extract"),
    }
    assert suite.families == ("knowledge", "language")
    shares = [1 / len(row["choices"]["text"]) for row in read_jsonl(rows / "arc_easy" / "test.jsonl")]
    assert suite.tasks[0].chance == pytest.approx(sum(shares) / len(shares))
    assert [task.chance for task in suite.tasks[1:]] == [0.25, 0.0, 0.0]
    assert load(rows, "arc_easy", "lambada_openai").families == ("choice", "loglikelihood")


def test_filters_of_written_texts(rows):
    flexible, strict = (
        load(rows, "gsm8k", num_fewshot=0, metrics={"gsm8k": metric}).tasks[0]
        for metric in ("exact_match,flexible-extract", "exact_match")
    )
    document = flexible.documents["test"][0]
    right = document.row["answer"].split("#### ")[1]
    assert strict.filter == "strict-match"
    assert [task.graded(document, f"so {right}") for task in (flexible, strict)] == [1.0, 0.0]
    assert [task.graded(document, f"so\n#### {right}") for task in (flexible, strict)] == [1.0, 1.0]
    assert flexible.recipe != strict.recipe


def test_unknown_names_get_the_nearest(rows):
    with pytest.raises(InputError, match="lm-eval has no task 'arc_eazy', did you mean 'arc_easy'"):
        load(rows, "arc_eazy")
    with pytest.raises(InputError, match="no task 'arc_easyy', did you mean 'arc_easy'"):
        load(rows, "arc_easy", only=["arc_easyy"])
    with pytest.raises(InputError, match="micro12 is a suite of this repository"):
        load_task_suite(TaskSuite(name="micro12", tasks=("piqa",)), Path())


@pytest.mark.parametrize(
    ("tasks", "more", "message"),
    [
        (("lambada_openai",), {"metrics": {"lambada_openai": "perplexity"}}, "perplexity has no upper bound"),
        (
            ("arc_easy",),
            {"metrics": {"arc_easy": "acc_norms"}},
            "no metric 'acc_norms', did you mean 'acc_norm'",
        ),
        (("gsm8k",), {"metrics": {"gsm8k": "exact_match,loose"}, "num_fewshot": 0}, "no filter 'loose'"),
    ],
)
def test_metrics_that_cannot_be_reported_are_refused(rows, tasks, more, message):
    with pytest.raises(InputError, match=message):
        load(rows, *tasks, **more)


def test_a_task_of_perplexities_alone_is_refused(tmp_path):
    write_jsonl(tmp_path / "pages.jsonl", [{"page": f"page {number}"} for number in range(5)])
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(tmp_path / "pages.jsonl")}}}
    with pytest.raises(InputError, match=r"wikitext has only word_perplexity.*no upper bound"):
        load_task_suite(TaskSuite(name="small", tasks=("wikitext",), data={"wikitext": data}), Path())


def test_examples_are_those_of_the_training_split(rows):
    two = load(rows, "piqa", num_fewshot=2).tasks[0]
    shown = {row["goal"] for row in read_jsonl(rows / "piqa" / "train.jsonl")}
    prompts = [two.requests(one)[0].args[0] for split in ("select", "test") for one in two.documents[split]]
    for prompt in prompts:
        goals = [part.split("\nAnswer:")[0] for part in prompt.split("Question: ")[1:]]
        assert len(goals) == 3
        assert set(goals[:2]) <= shown
    assert len(set(prompts)) == len(prompts)
    assert two.requests(two.documents["test"][0])[0].args == two.requests(two.documents["test"][0])[0].args
    assert load(rows, "gsm8k", num_fewshot=0).digest != load(rows, "gsm8k").digest


def test_examples_that_the_data_lack_are_missed(rows):
    data = local(rows, "gsm8k")
    del data["dataset_kwargs"]["data_files"]["train"]
    data = {key: value for key, value in data.items() if value is not None}
    with pytest.raises(InputError, match="its 5 examples per prompt come from the split train"):
        load(rows, "gsm8k", data={"gsm8k": data})
    assert load(rows, "gsm8k", data={"gsm8k": data}, num_fewshot=0).tasks[0].documents["test"]


def test_rows_without_the_columns_of_the_prompt_are_refused(rows, tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", [{"ctx": "a", "endings": ["b", "c"], "label": 0}] * 3)
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"validation": "rows.jsonl"}}}
    with pytest.raises(
        InputError, match=r"task hellaswag: its prompt or answer needs what its rows lack \(ctx_a\)"
    ):
        load_task_suite(TaskSuite(name="small", tasks=("hellaswag",), data={"hellaswag": data}), tmp_path)
    with pytest.raises(InputError, match=r"needs what its rows lack.*goal"):
        load_task_suite(TaskSuite(name="small", tasks=("piqa",), data={"piqa": data}), tmp_path)


def test_files_labels_and_their_faults(tmp_path, monkeypatch):
    monkeypatch.setenv("GAPBENCH_DATA", str(write_small_data(tmp_path / "data")))
    given = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"validation": "tasks/piqa/valid.jsonl"}},
    }
    labels = {"labels": {"validation": "tasks/piqa/valid-labels.lst"}}
    spec = TaskSuite(name="small", tasks=("piqa",), data={"piqa": given | labels})
    task = load_task_suite(spec, tmp_path).tasks[0]
    documents = sorted([*task.documents["select"], *task.documents["test"]], key=lambda one: one.doc_id)
    assert [one.row["label"] for one in documents] == [0, 1] * 5
    assert sha256_of(tmp_path / "data/tasks/piqa/valid.jsonl") in str(task.facts()["data"])
    assert str(tmp_path) not in str(task.facts())
    (tmp_path / "short.lst").write_text("0\n1\n")
    for changed, message in (
        ({"labels": {"validation": "short.lst"}}, "has 2 labels for 10 rows"),
        ({"labels": {"test": "short.lst"}}, "no split 'test'"),
        (
            {"dataset_kwargs": {"data_files": {"validation": "none.jsonl"}}},
            "none.jsonl is missing in GAPBENCH_DATA",
        ),
        (
            {"dataset_kwargs": {"data_files": "tasks/piqa/valid.jsonl"}},
            "data_files must name a file for each split",
        ),
    ):
        with pytest.raises(InputError, match=message):
            load_task_suite(
                TaskSuite(name="small", tasks=("piqa",), data={"piqa": given | labels | changed}), tmp_path
            )


def test_files_that_a_suite_of_the_repository_pins(tmp_path, monkeypatch):
    monkeypatch.setenv("GAPBENCH_DATA", str(write_small_data(tmp_path)))
    names = ("piqa", "arc_easy", "arc_challenge", "winogrande")
    suite = load_task_suite(
        TaskSuite(name="small", tasks=names, data={name: {"files_of": "gap12"} for name in names}), tmp_path
    )
    for task in suite.tasks:
        assert sum(len(documents) for documents in task.documents.values()) == 10
    with pytest.raises(InputError, match=r"hellaswag.*lack.*ctx_a"):
        load_task_suite(
            TaskSuite(name="small", tasks=("hellaswag",), data={"hellaswag": {"files_of": "gap12"}}), tmp_path
        )
    with pytest.raises(InputError, match="suite gap12 has no task 'sciq'"):
        load_task_suite(
            TaskSuite(name="small", tasks=("sciq",), data={"sciq": {"files_of": "gap12"}}), tmp_path
        )


def test_edited_files_are_read_again(rows, tmp_path):
    copy = write_rows(tmp_path, seed=1)
    first = load(copy, "piqa").digest
    found = read_jsonl(copy / "piqa" / "validation.jsonl")
    found[0]["sol1"] += " and"
    write_jsonl(copy / "piqa" / "validation.jsonl", found)
    assert load(copy, "piqa").digest != first
    assert load(copy, "piqa", metrics={"piqa": "acc_norm"}).digest != load(copy, "piqa").digest


class FakeHub:
    """Answers for the Hub's client: one data set, at one commit."""

    commit = "0123456789abcdef" * 2 + "01234567"

    def __init__(self, rows: Path, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import datasets
        from huggingface_hub import HfApi, constants

        real, self.asked = datasets.load_dataset, []
        files = local(rows, task)["dataset_kwargs"]

        def info(_api: Any, repository: str, *, revision: str | None = None, **_more: Any) -> Any:
            self.asked.append((repository, revision))
            return type("Info", (), {"sha": self.commit})

        def load_dataset(*, path: str, name: str | None, revision: str, **more: Any) -> Any:
            self.asked.append((path, name, revision))
            return real("json", **files, **more)

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(HfApi, "dataset_info", info)
        monkeypatch.setattr(datasets, "load_dataset", load_dataset)


def test_a_data_set_of_the_hub_is_read_at_its_commit(rows, monkeypatch):
    hub = FakeHub(rows, "arc_easy", monkeypatch)
    task = load_task_suite(TaskSuite(name="small", tasks=("arc_easy",)), Path()).tasks[0]
    assert hub.asked == [("allenai/ai2_arc", None), ("allenai/ai2_arc", "ARC-Easy", hub.commit)]
    assert task.facts()["data"] == f"allenai/ai2_arc@{hub.commit} (ARC-Easy)"
    hub.asked.clear()
    pin = "f" * 40
    spec = TaskSuite(name="small", tasks=("arc_easy",), data={"arc_easy": {"revision": pin}})
    load_task_suite(spec, Path())
    assert hub.asked == [("allenai/ai2_arc", "ARC-Easy", pin)]


def test_without_a_network_one_line_says_so(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="data set baber/piqa: its commit cannot be looked up") as caught:
        load_task_suite(TaskSuite(name="small", tasks=("piqa",)), Path())
    assert "\n" not in str(caught.value)


def own_suite(tmp_path: Path) -> TaskSuite:
    """Two tasks with code of their own, in a group that weighs them by their documents."""
    write_jsonl(tmp_path / "odd.jsonl", choice_rows(40))
    write_jsonl(tmp_path / "more.jsonl", choice_rows(12, 100))
    own = tmp_path / "own"
    function = {"doc_to_text": "!function words.ask"}
    choice_yaml(own, "first", {"validation": tmp_path / "odd.jsonl"}, **function)
    choice_yaml(own, "second", {"validation": tmp_path / "more.jsonl"}, **function)
    (own / "words.py").write_text("def ask(row):\n    return f\"Is {row['ask']} even or odd?\"\n")
    write_yaml(
        own, "both", group="both", task=["first", "second"],
        aggregate_metric_list=[{"metric": "acc", "aggregation": "mean", "weight_by_size": True}],
    )  # fmt: skip
    return TaskSuite(name="small", tasks=("both",), folder="own", families={"parity": ("both",)})


def test_a_folder_of_ones_own(tmp_path):
    spec = own_suite(tmp_path)
    suite = load_task_suite(spec, tmp_path)
    assert [(task.name, task.family) for task in suite.tasks] == [("first", "parity"), ("second", "parity")]
    asked = suite.tasks[0].requests(suite.tasks[0].documents["test"][0])[0].args[0]
    assert asked.endswith("even or odd?")
    (group,) = suite.groups
    assert (group.name, group.tasks, group.weight_by_size) == ("both", ("first", "second"), True)
    assert [task.name for task in load_task_suite(spec, tmp_path, tasks=["second"]).tasks] == ["second"]


def test_the_code_of_a_folder_is_in_the_digest(tmp_path):
    spec = own_suite(tmp_path)
    first = load_task_suite(spec, tmp_path).digest
    assert load_task_suite(spec, tmp_path).digest == first
    own = tmp_path / "own"
    (own / "helper.py").write_text("LIMIT = 3\n")
    second = load_task_suite(spec, tmp_path).digest
    assert second != first
    (own / "helper.py").write_text("LIMIT = 4\n")
    assert load_task_suite(spec, tmp_path).digest not in (first, second)


def test_code_that_leads_out_of_the_folder_is_refused(tmp_path, monkeypatch):
    spec = own_suite(tmp_path)
    (tmp_path / "elsewhere.py").write_text("LIMIT = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    words = tmp_path / "own" / "words.py"
    text = words.read_text()
    words.write_text("import elsewhere\n" + text)
    with pytest.raises(
        InputError, match=r"words.py needs 'elsewhere'.*neither in the folder nor an installed package"
    ):
        load_task_suite(spec, tmp_path)
    words.write_text("import json, numpy\n" + text)
    load_task_suite(spec, tmp_path)
    write_yaml(tmp_path / "own", "third", include="../outside.yaml", task="third")
    with pytest.raises(InputError, match=r"outside.yaml, which is outside the folder"):
        load_task_suite(spec, tmp_path)
    with pytest.raises(InputError, match="no folder"):
        load_task_suite(spec.model_copy(update={"folder": "none"}), tmp_path)


def test_code_of_a_folder_that_fails_is_one_line(tmp_path):
    spec = own_suite(tmp_path)
    (tmp_path / "own" / "words.py").write_text("def ask(row):\n    raise RuntimeError('first\\nsecond')\n")
    with pytest.raises(InputError, match=r"task first cannot be made: RuntimeError: first$"):
        load_task_suite(spec, tmp_path)


def test_the_key_of_a_run_covers_the_code_of_such_suites_alone():
    ours = {path.as_posix().partition("/benchmark/")[2] for path in run_files([], "some-tasks")}
    micro = {path.as_posix().partition("/benchmark/")[2] for path in run_files([], "micro12")}
    loader = "tasks/lm_eval_tasks/load_tasks.py"
    assert loader in ours
    assert loader not in micro
    assert not [file for file in ours if "gap12" in file or "micro12" in file]


@pytest.mark.parametrize("name", ["piqa", "arc_easy"])
def test_real_files(data_dir, monkeypatch, name):
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    task = load_task_suite(
        TaskSuite(name="small", tasks=(name,), data={name: {"files_of": "gap12"}}), Path()
    ).tasks[0]
    counts = {split: len(documents) for split, documents in task.documents.items()}
    assert sum(counts.values()) == {"piqa": 1838, "arc_easy": 570}[name]
    assert min(counts.values()) > 0.45 * sum(counts.values())
    document = min(
        (one for documents in task.documents.values() for one in documents), key=lambda one: one.doc_id
    )
    asked = task.requests(document)[0].args
    assert asked[0].startswith("Question: ")
    assert asked[0].endswith("\nAnswer:")
    assert asked[1].startswith(" ")
    assert task.chance == pytest.approx({"piqa": 0.5, "arc_easy": 0.25}[name], abs=1e-3)


@pytest.mark.slow
def test_mmlu_makes_the_requests_of_stock(tmp_path):
    """A group of groups with few-shot examples from `dev`: all 57 tasks over one small file."""
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    index = lm_eval_index()
    for split, count in (("test", 24), ("dev", 5)):
        made = [
            {"question": f"{split} {row}?", "choices": [f"{row}{end}" for end in "abcd"], "answer": row % 4}
            for row in range(count)
        ]
        write_jsonl(tmp_path / "mmlu" / f"{split}.jsonl", made)
    suite = load(tmp_path, "mmlu", num_fewshot=5)
    assert len(suite.tasks) == 57
    assert {len(group.tasks) for group in suite.groups if group.name == "mmlu"} == {57}
    for task in suite.tasks[::19]:
        config = load_yaml(index[task.name].yaml_path) | local(tmp_path, "mmlu") | {"num_fewshot": 5}
        stock = ConfigurableTask(config=config)
        stock.set_config("num_fewshot", 5)
        stock.build_all_requests(rank=0, world_size=1)
        ours = [
            request.args
            for split in ("select", "test")
            for document in task.documents[split]
            for request in task.requests(document)
        ]
        assert sorted(ours) == sorted(instance.args for instance in stock.instances)


def test_examples_are_refused_where_stock_could_not_draw_one_more(rows):
    """Where a task names no split for examples, stock draws one more and drops the document that is asked."""
    count = len(read_jsonl(rows / "boolq" / "train.jsonl"))
    assert load(rows, "boolq", num_fewshot=count - 1).tasks
    with pytest.raises(InputError, match=f"{count} rows are too few for {count} examples"):
        load(rows, "boolq", num_fewshot=count)
