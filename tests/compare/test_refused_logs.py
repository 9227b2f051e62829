"""Logs from which `gapbench compare` would read a wrong figure: one line that names the place, and exit code 2."""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compare.logged import change_lines, change_results, copy, samples_file
from tests.conftest import ROOT

Command = Callable[..., tuple[int, str, str]]
Change = Callable[[Path, Path], Any]
LOGS = ROOT / "docs" / "example-logs"
TASK, OTHER = "micro_cause", "micro_persona"
NAN = float("nan")


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the example logs: A and B."""
    return copy(LOGS / "micro-1", tmp_path / "one"), copy(LOGS / "micro-2", tmp_path / "two")


def first_line(**fields: Any) -> Change:
    """Change fields of the first line of B's samples."""
    return lambda _, b: change_lines(samples_file(b, TASK), lambda lines: [lines[0] | fields, *lines[1:]])


def every_line(**fields: Any) -> Change:
    def change(a: Path, b: Path) -> None:
        for folder in (a, b):
            change_lines(samples_file(folder, TASK), lambda lines: [line | fields for line in lines])

    return change


def results(**sections: Any) -> Change:
    """Replace sections of B's results file; `_` in their names is `-` where lm-eval has one."""
    named = {name.replace("n_", "n-"): value for name, value in sections.items()}
    return lambda _, b: change_results(b, lambda content: content.update(named))


def direction(**values: Any) -> Change:
    """What B's results file says of `acc`; nothing without `values`."""
    return results(higher_is_better={TASK: values, OTHER: {"f1": True}})


def cut(a: Path, b: Path) -> None:
    for folder in (a, b):
        change_lines(samples_file(folder, TASK), lambda lines: lines[:30])


def one_score(a: Path, b: Path) -> None:
    change_lines(samples_file(b, TASK), lambda lines: [lines[0] | {"acc": 1 - lines[0]["acc"]}, *lines[1:]])


def other_cluster(a: Path, b: Path) -> None:
    change_lines(
        samples_file(b, TASK),
        lambda lines: [line | {"doc": line["doc"] | {"cluster": "x"}} for line in lines],
    )


def key_twice(path: Path, text: str) -> None:
    content = path.read_text(encoding="utf-8")
    end = content.index("}\n") if path.suffix == ".jsonl" else content.rindex("}")
    path.write_text(content[:end] + text + content[end:], encoding="utf-8")


def another_analysis(a: Path, b: Path) -> None:
    (path,) = b.glob("results_*.json")
    for stem in ("analysis_", "x_"):
        shutil.copy(path, path.with_name(path.name.replace("results_", stem)))
    path.unlink()


def two_models(a: Path, b: Path) -> None:
    for path in a.iterdir():
        if OTHER not in path.name:
            shutil.copy(path, b)


FAULTS: dict[str, tuple[Change, str]] = {
    "two models in a folder": (two_models, "differ in model_name; give each"),
    "a run inside a run": (
        lambda a, b: copy(a, b / "inner"),
        "two has samples of its own, and so has",
    ),
    "direction not said": (direction(), "higher_is_better does not say true or false of acc of task micro_cause"),
    "direction as text": (direction(acc="true"), "higher_is_better.micro_cause.acc: Input should be a valid boolean"),
    "direction differs": (direction(acc=False), "higher_is_better of acc is True in"),
    "cut": (cut, "has 30 documents, but results_"),
    "one score changed": (one_score, "the mean of acc is 0."),
    "NaN": (first_line(acc=NAN), "line 1: acc is nan, not a number"),
    "null": (first_line(acc=None), "line 1: acc is None, not a number"),
    "text": (first_line(acc="x"), "line 1: acc is x, not a number"),
    "overflows": (first_line(acc=1e308), "line 1: acc is 1e+308, not a number of at most 1e+50"),
    "more than 64 bits": (first_line(acc=10**400), "line 1: acc is 1000"),
    "no hashes": (every_line(doc_hash=None), "line 1: doc_hash None is not a text"),
    "filter null": (every_line(filter=None), "line 1: filter None is not a text"),
    "long number": (first_line(doc_id=2**70), "line 1: doc_id 1180591620717411303424 is not a whole number"),
    "metrics a number": (first_line(metrics=3), "line 1: metrics are not a list of names"),
    "metrics a list of lists": (first_line(metrics=[[]]), "line 1: metrics are not a list of names"),
    "cluster differs": (other_cluster, 'document 0 is in cluster "was put in the fire" in micro-1 and in "x"'),
    "key twice in a line": (
        lambda a, b: key_twice(samples_file(b, TASK), ', "acc": 0.0'),
        "line 1: not JSON (a key is given twice)",
    ),
    "key twice in the results": (
        lambda a, b: key_twice(next(b.glob("results_*")), ', "higher_is_better": {}'),
        "not JSON (a key is given twice)",
    ),
    "two results": (another_analysis, "may both be its results; keep one of them"),
    "config a list": (results(config=[1]), ": config: Input should be a valid dictionary; restore the file"),
    "config of a task a number": (results(configs={TASK: 3}), ": configs.micro_cause: Input should be"),
    "metric_list a number": (
        results(configs={TASK: {"metric_list": 3}}),
        ": configs.micro_cause.metric_list: Input should be a valid list",
    ),
    "size of 1300 bits": (
        results(config={"model_num_parameters": 10**400}),
        ": config.model_num_parameters: Input should be less than",
    ),
    "groups a list": (results(group_subtasks=[1]), ": group_subtasks: Input should be a valid dictionary"),
    "counts a number": (results(n_samples=3), ": n-samples: Input should be a valid dictionary"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_logs_that_cannot_be_trusted_are_refused(
    fault: str, logs: tuple[Path, Path], refusal: Callable[..., str]
) -> None:
    change, message = FAULTS[fault]
    change(*logs)
    assert message in refusal("compare", *map(str, logs), "--cluster", "cluster")


@pytest.mark.parametrize("given", ["", "one,", ",one", "one,,"])
def test_an_empty_name_is_not_the_working_directory(
    given: str, logs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    copy(LOGS / "micro-1", logs[0] / "one")
    monkeypatch.chdir(logs[0])
    (name,) = logs[0].glob("results_*")
    assert name.is_file()
    assert f"an empty name in '{given}' is not a folder" in refusal("compare", given, str(logs[1]))


def test_two_models_below_one_folder_are_no_runs_of_one(
    logs: tuple[Path, Path], refusal: Callable[..., str]
) -> None:
    said = refusal("compare", str(logs[0].parent), str(LOGS / "micro-2"))
    assert "holds several models: micro-1 (" in said
    assert "give the runs of one model" in said


def test_runs_of_one_size_under_several_names_are_named(
    logs: tuple[Path, Path], tmp_path: Path, gapbench: Command, refusal: Callable[..., str]
) -> None:
    """Seeds may each have their name; a name that comes twice is a second model."""
    for seed in (1, 2, 3):
        folder = copy(LOGS / "micro-1", tmp_path / "seeds" / str(seed))
        change_results(folder, lambda content, seed=seed: content.update(model_name=f"seed-{seed}"))
    status, printed, _ = gapbench("compare", str(tmp_path / "seeds"), str(logs[1]))
    assert status == 0
    assert "seed-1, seed-2, seed-3 are taken as runs of one model, seeds." in printed
    fourth = copy(tmp_path / "seeds" / "3", tmp_path / "seeds" / "4")
    said = refusal("compare", str(tmp_path / "seeds"), str(logs[1]))
    assert said.strip().endswith(f"{fourth} is a copy of {tmp_path / 'seeds' / '3'}; give each run once")
    shutil.rmtree(fourth)
    change_results(tmp_path / "seeds" / "3", lambda content: content.update(model_name="seed-1", date=1.0))
    assert "seeds holds several models: seed-1" in refusal("compare", str(tmp_path / "seeds"), str(logs[1]))


def figures(gapbench: Command, *arguments: str) -> tuple[Any, ...]:
    status, printed, said = gapbench("compare", *arguments, "--format", "json")
    assert status == 0, said
    found = json.loads(printed)
    return [[row[name] for name in ("delta", "ci_low", "ci_high")] for row in found["comparisons"]], found[
        "facts"
    ]


def test_documents_that_are_repeated_do_not_narrow_the_interval(
    logs: tuple[Path, Path], gapbench: Command
) -> None:
    folders = tuple(map(str, logs))
    before, _ = figures(gapbench, *folders, "--task", OTHER)
    for folder in logs:
        change_lines(
            samples_file(folder, OTHER),
            lambda lines: [*lines, *(line | {"doc_id": line["doc_id"] + 100} for line in lines)],
        )
        change_results(folder, lambda content: content["n-samples"][OTHER].update(effective=120))
    after, facts = figures(gapbench, *folders, "--task", OTHER)
    assert after[0] == pytest.approx(before[0])
    assert any("60 of 120 documents of micro_persona repeat another one" in fact for fact in facts)


def test_tasks_whose_samples_are_missing_are_named(logs: tuple[Path, Path], gapbench: Command) -> None:
    for folder in logs:
        samples_file(folder, OTHER).unlink()
    _, facts = figures(gapbench, *map(str, logs))
    assert "Left out: micro_persona, of which micro-1 has no samples." in facts


def remade(folder: Path, values: list[float], reported: float, aggregation: str | None) -> None:
    """Let `TASK` report one number of the metric `made`, better when lower, and have `acc` beside it."""
    scores = iter(values)
    change_lines(
        samples_file(folder, TASK),
        lambda lines: [line | {"made": next(scores), "metrics": ["made", "acc"]} for line in lines],
    )

    def change(content: Any) -> None:
        content["results"][TASK]["made,none"] = reported
        content["higher_is_better"][TASK]["made"] = False
        told = {} if aggregation is None else {"aggregation": aggregation}
        content["configs"][TASK]["metric_list"].insert(0, {"metric": "made", **told})

    change_results(folder, change)


@pytest.mark.parametrize("aggregation", ["perplexity", None])
def test_the_smaller_perplexity_is_better(
    aggregation: str | None, logs: tuple[Path, Path], gapbench: Command
) -> None:
    """Its samples are log-likelihoods: higher is better, though of their exponential lower is."""
    for folder, likely in zip(logs, (-3.0, -2.0), strict=True):
        values = [likely - 0.01 * (row % 7) for row in range(60)]
        remade(folder, values, math.exp(-sum(values) / 60), aggregation)
    found, facts = figures(gapbench, *map(str, logs), "--task", TASK)
    assert found[0][0] == pytest.approx(1.0)
    assert f"made of {TASK} is compared by the log-likelihood of each document: higher is better." in facts


@pytest.mark.parametrize("aggregation", ["median", "def own(items): ...", None])
def test_numbers_that_lm_eval_does_not_average_are_not_averaged(
    aggregation: str | None, logs: tuple[Path, Path], gapbench: Command, refusal: Callable[..., str]
) -> None:
    before, _ = figures(gapbench, *map(str, logs))
    for folder in logs:
        remade(folder, [-1.0] * 40 + [0.5] * 20, 0.5, aggregation)
    after, facts = figures(gapbench, *map(str, logs))
    assert after == before
    assert f"{TASK}: acc instead of made, which is not the mean of one number per document." in facts
    said = refusal("compare", *map(str, logs), "--metric", f"{TASK}=made")
    assert "reports another number than its mean over documents; choose another metric" in said


def test_documents_chosen_by_samples_are_taken_though_the_count_is_that_of_the_task(
    logs: tuple[Path, Path], gapbench: Command
) -> None:
    """lm-eval up to 0.4.11 states all documents of the task; its hash of the samples tells them from a cut file."""
    cut(*logs)
    for folder in logs:
        lines = [json.loads(line) for line in samples_file(folder, TASK).read_text("utf-8").splitlines()]
        text = "".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines)
        mean = sum(line["acc"] for line in lines) / len(lines)

        def change(content: Any, text: str = text, mean: float = mean) -> None:
            content["task_hashes"] = {TASK: hashlib.sha256(text.encode()).hexdigest()}
            content["results"][TASK]["acc,none"] = mean

        change_results(folder, change)
    status, printed, _ = gapbench("compare", *map(str, logs), "--task", TASK)
    assert status == 0
    assert "| 30 |" in printed


def test_samples_without_scores_are_named(logs: tuple[Path, Path], refusal: Callable[..., str]) -> None:
    every_line(metrics=["bypass"], bypass=None)(*logs)
    assert "(lm_eval --predict_only writes none)" in refusal("compare", *map(str, logs), "--task", TASK)


def test_runs_of_one_model_that_differ_are_told_apart_by_their_folders(
    logs: tuple[Path, Path], tmp_path: Path, refusal: Callable[..., str]
) -> None:
    other = copy(logs[0], tmp_path / "other")
    change_results(other, lambda content: content.update(date=1.0))
    change_lines(
        samples_file(other, OTHER), lambda lines: [line | {"doc_id": 100 + line["doc_id"]} for line in lines]
    )
    said = refusal("compare", f"{logs[0]},{other}", str(logs[1]))
    assert f"60 documents in {logs[0]} " in said
    assert f"60 documents in {other} " in said


def bom(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def beside(path: Path) -> None:
    """A file that ends in the date of the results and is none."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["versions"][TASK] = "another"
    path.with_name(path.name.replace("results_", "analysis_")).write_text(
        json.dumps(content), encoding="utf-8"
    )


def brackets(path: Path) -> None:
    for file in list(path.parent.iterdir()):
        file.rename(file.with_name(file.name.replace("2026-", "[2026]-")))


def hidden(path: Path) -> None:
    """What an editor keeps of the files."""
    copy(path.parent, path.parent / ".ipynb_checkpoints")


def told_otherwise(path: Path) -> None:
    """An earlier run of the same model whose results say less of it, and its arguments in another form."""
    date, earlier = path.stem.removeprefix("results_"), "2025-01-01T00-00-00.000000"
    for file in list(path.parent.iterdir()):
        shutil.copy(file, file.with_name(file.name.replace(date, earlier)))
    for told, arguments, commit, size in (
        (date, {"dtype": "float32", "pretrained": "x"}, "abc", 117504),
        (earlier, "pretrained=x,dtype=float32", "", None),
    ):
        file = path.with_name(f"results_{told}.json")
        content = json.loads(file.read_text(encoding="utf-8"))
        content["config"] |= {"model_args": arguments, "model_sha": commit, "model_num_parameters": size}
        file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("change", [bom, beside, brackets, hidden, told_otherwise])
def test_harmless_differences_change_no_figure(
    change: Callable[[Path], None], logs: tuple[Path, Path], gapbench: Command
) -> None:
    before, _ = figures(gapbench, *map(str, logs))
    change(next(logs[1].glob("results_*")))
    assert figures(gapbench, *map(str, logs))[0] == before


def test_fields_that_are_only_shown_may_be_anything(logs: tuple[Path, Path], gapbench: Command) -> None:
    for name, value in (("arguments", 5), ("filtered_resps", 5), ("target", "9" * 5000), ("resps", {"a": 1})):
        every_line(**{name: value})(*logs)
    one, two = map(str, logs)
    assert gapbench("compare", one, two, "--format", "html")[0] == 0


def test_a_full_disk_leaves_the_page_that_was_there(
    logs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine", encoding="utf-8")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    said = refusal("compare", *map(str, logs), "--out", str(page))
    assert f"--out {page}: No space left on device: make room" in said
    assert page.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "page.md", "two"]


@pytest.mark.parametrize("place", ["file/page.md", "n" * 300, "none/page.md"])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(
    place: str, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / place
    assert f"--out {out}" in refusal("compare", "no-folder", "none-either", "--out", str(out))


def test_a_page_behind_a_link_and_a_pipe_are_written_where_they_are(
    logs: tuple[Path, Path], tmp_path: Path, gapbench: Command
) -> None:
    (tmp_path / "real.md").touch()
    (tmp_path / "link.md").symlink_to("real.md")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    for name in ("link.md", "pipe"):
        assert gapbench("compare", *map(str, logs), "--out", str(tmp_path / name)) == (0, "", "")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text(encoding="utf-8").startswith("| scope |")
    assert os.read(reader, 9) == b"| scope |"
    os.close(reader)
