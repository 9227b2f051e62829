"""`gapbench compare` on folders that stock lm-eval writes: figures, choices, refusals and formats."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from benchmark.compare.compare_command import by_task, comparison
from benchmark.compare.compared_scopes import VerdictShares
from benchmark.compare.log_folder import read_models
from benchmark.compare.paired_documents import Choices
from benchmark.compare.task_samples import read_samples
from benchmark.errors import InputError
from benchmark.statistics.crossed import crossed
from benchmark.statistics.design import Layout, Task
from benchmark.statistics.plain_arrays import paired_difference
from tests.compare.logged import (
    DOCUMENTS,
    TASKS,
    Knowing,
    change_lines,
    change_results,
    copy,
    evaluate,
    samples_file,
    write_tasks,
)
from tests.conftest import ROOT, run_python

RULES = VerdictShares()


class Logged(NamedTuple):
    """Folders by name, and what each model was."""

    tasks: Path
    small: Path
    new: Path
    big: Path
    limited: Path
    newer_task: Path
    seeds_a: Path
    seeds_b: Path


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    root = tmp_path_factory.mktemp("logged")
    tasks = write_tasks(root / "tasks")
    newer = write_tasks(root / "newer", {"alpha": {"metadata": {"version": 1.1}}})
    for seed in (1, 2, 3):
        evaluate(tasks, root / "seeds-a" / str(seed), Knowing(0.4, seed), tasks=["alpha"])
        evaluate(tasks, root / "seeds-b" / str(seed), Knowing(0.5, seed), tasks=["alpha"])
    return Logged(
        tasks,
        evaluate(tasks, root / "small", Knowing(0.4), parameters=1000),
        evaluate(tasks, root / "new", Knowing(0.6, before="It is "), parameters=1000),
        evaluate(tasks, root / "big", Knowing(0.65), parameters=3000),
        evaluate(tasks, root / "limited", Knowing(0.6), tasks=["alpha"], limit=20),
        evaluate(newer, root / "newer-task", Knowing(0.6), tasks=["alpha"]),
        root / "seeds-a",
        root / "seeds-b",
    )


def compared(
    first: Path, second: Path, *baselines: Path, rules: VerdictShares = RULES, **options: Any
) -> dict[str, Any]:
    """The content of the JSON."""
    unpaired = options.pop("unpaired", False)
    text = comparison(
        str(first), str(second), list(map(str, baselines)), form="json", chosen=Choices(**options), rules=rules,
        unpaired=unpaired,
    )  # fmt: skip
    return json.loads(text)


def row(found: dict[str, Any], scope: str, against: str = "A") -> dict[str, Any]:
    (one,) = [
        one
        for one in found["comparisons"]
        if one["scope"] == scope and against in (one["against"], one["against_kind"])
    ]
    return one


def table(folder: Path, task: str, filter_name: str = "none") -> pd.DataFrame:
    """The samples as they stand in the file."""
    lines = pd.read_json(samples_file(folder, task), lines=True)
    return lines[lines["filter"] == filter_name].sort_values("doc_id")


def scores(folder: Path, tasks: tuple[str, ...] = tuple(TASKS)) -> np.ndarray:
    """First metric, first filter, [documents] of all tasks."""
    first = {"gamma": ("exact_match", "strict")}
    parts = []
    for task in tasks:
        metric, name = first.get(task, ("acc", "none"))
        parts.append(table(folder, task, name)[metric].to_numpy(dtype=float))
    return np.concatenate(parts)


NAMES = np.repeat(list(TASKS), DOCUMENTS)
CLUSTERS = np.concatenate([np.arange(2 * DOCUMENTS), 1000 + np.arange(DOCUMENTS) // 3])
"""The task gamma names its cluster in its metadata."""


def figures(one: dict[str, Any]) -> tuple[float, ...]:
    return one["delta"], one["ci_low"], one["ci_high"], one["p_value"]


def test_figures_are_those_of_plain_arrays(logged: Logged) -> None:
    found = compared(logged.small, logged.new)
    a, b = scores(logged.small), scores(logged.new)
    expected = paired_difference(b, a, tasks=NAMES, clusters=CLUSTERS)
    assert figures(row(found, "all")) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value), rel=1e-12
    )
    pair = np.isin(NAMES, ("alpha", "beta"))
    expected = paired_difference(b[pair], a[pair], tasks=NAMES[pair])
    assert figures(row(found, "pair")) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value), rel=1e-12
    )
    assert [one["scope"] for one in found["comparisons"]] == ["all", "pair", *TASKS]
    assert {one["conditional"] for one in found["comparisons"]} == {"A, B"}
    assert any("rest on documents alone" in fact for fact in found["facts"])
    assert any("clusters by passage in gamma (20)" in fact for fact in found["facts"])
    assert not found["runs_paired"]


def test_a_single_0_1_task_has_mcnemars_p_unless_its_documents_are_clustered(logged: Logged) -> None:
    found = compared(logged.small, logged.new)
    a, b = scores(logged.small, ("alpha",)), scores(logged.new, ("alpha",))
    better, worse = int((b > a).sum()), int((b < a).sum())
    assert better + worse > 0
    assert row(found, "alpha")["test"] == "McNemar"
    assert row(found, "alpha")["p_value"] == pytest.approx(
        binomtest(better, better + worse).pvalue, rel=1e-12
    )
    assert row(found, "gamma")["test"] == "t"
    alone = compared(logged.small, logged.new, tasks=("alpha",))
    assert [one["scope"] for one in alone["comparisons"]] == ["alpha"]
    assert alone["comparisons"][0]["p_adjusted"] == alone["comparisons"][0]["p_value"]
    expected = paired_difference(b, a)
    assert figures(alone["comparisons"][0])[:3] == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def test_holm_is_over_summaries_and_over_tasks(logged: Logged) -> None:
    found = compared(logged.small, logged.new, logged.big)
    for kinds in (("all", "group"), ("task",)):
        member = [one for one in found["comparisons"] if one["kind"] in kinds]
        assert {one["tests"] for one in member} == {len(member)}
        p_values = [one["p_value"] for one in member]
        expected = multipletests(p_values, method="holm")[1]
        assert [one["p_adjusted"] for one in member] == pytest.approx(list(expected), rel=1e-12)
        assert all(one["mde_adjusted"] > one["mde"] for one in member)


def seeds(folder: Path) -> np.ndarray:
    """Scores [runs, documents] of three seeds on alpha."""
    return np.stack([scores(folder / str(seed), ("alpha",)) for seed in (1, 2, 3)])


def test_three_runs_a_side_are_paired_in_their_order(logged: Logged) -> None:
    a, b = seeds(logged.seeds_a), seeds(logged.seeds_b)
    expected = paired_difference(b, a)
    found = compared(logged.seeds_a, logged.seeds_b)
    assert found["runs_paired"]
    (one,) = found["comparisons"]
    assert figures(one) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value), rel=1e-12
    )
    assert one["conditional"] == ""
    folders = [
        ",".join(str(folder / str(seed)) for seed in (1, 2, 3)) for folder in (logged.seeds_a, logged.seeds_b)
    ]
    (same,) = json.loads(comparison(*folders, form="json", chosen=Choices(), rules=RULES))["comparisons"]
    assert figures(same) == figures(one)
    assert same["against"] == one["against"] == "seeds-a"
    swapped = folders[1].split(",")
    (other,) = json.loads(
        comparison(
            folders[0],
            ",".join([swapped[1], swapped[0], swapped[2]]),
            form="json",
            chosen=Choices(),
            rules=RULES,
        )
    )["comparisons"]
    assert other["delta"] == pytest.approx(one["delta"])
    assert other["ci_low"] != pytest.approx(one["ci_low"], rel=1e-6)


def test_unpaired_runs_are_two_independent_samples(logged: Logged) -> None:
    a, b = seeds(logged.seeds_a), seeds(logged.seeds_b)
    layout = Layout((Task("alpha", "classification", "acc"),), np.zeros(DOCUMENTS, int), np.arange(DOCUMENTS))
    expected = crossed([b, -a], None, layout)
    (one,) = compared(logged.seeds_a, logged.seeds_b, unpaired=True)["comparisons"]
    low, high = expected.interval()
    assert figures(one)[:3] == pytest.approx((expected.value[0], low[0], high[0]), rel=1e-12)
    assert one["conditional"] == ""


def test_three_runs_against_one_are_conditional_on_the_one(logged: Logged) -> None:
    expected = paired_difference(seeds(logged.seeds_b), scores(logged.small, ("alpha",)))
    (one,) = compared(logged.small, logged.seeds_b, tasks=("alpha",))["comparisons"]
    assert figures(one) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value), rel=1e-12
    )
    assert one["conditional"] == "A"


def test_a_larger_model_brings_noninferiority_and_an_effective_size(logged: Logged) -> None:
    found = compared(logged.small, logged.new, logged.big, tasks=("pair",))
    a, b, rung = (scores(folder, ("alpha", "beta")) for folder in (logged.small, logged.new, logged.big))
    names = NAMES[: len(a)]
    one = row(found, "all", "big")
    gap = paired_difference(rung, a, tasks=names)
    assert gap.low > 0
    assert one["gap"] == pytest.approx(gap.value)
    remaining = paired_difference(b, 0.5 * a + 0.5 * rung, tasks=names)
    assert remaining.value > 0
    assert one["p_noninferior"] == pytest.approx(remaining.p_value / 2, rel=1e-9)
    assert one["share_closed"] == pytest.approx((b.mean() - a.mean()) / (rung.mean() - a.mean()))
    assert one["verdict"] == "comparable"
    assert row(found, "all")["verdict"] == "superior"
    size = found["effective_size"]
    assert 1000 < size["size"] < 3000
    assert size["size_low"] <= size["size"] <= size["size_high"]
    share = (b.mean() - a.mean()) / (rung.mean() - a.mean())
    assert np.log(size["size"]) == pytest.approx(np.log(1000) + share * np.log(3))
    assert not any("is not larger than A" in fact for fact in found["facts"])
    turned = compared(logged.big, logged.new, logged.small, tasks=("pair",))
    assert any("small is not larger than A" in fact for fact in turned["facts"])
    assert row(turned, "all", "small")["p_noninferior"] is None
    strict = compared(logged.small, logged.new, logged.big, tasks=("pair",), rules=VerdictShares(margin=0.01))
    assert row(strict, "all", "big")["p_noninferior"] > one["p_noninferior"]
    assert row(strict, "all", "big")["verdict"] != "comparable"


def test_a_model_against_itself_is_neither_better_nor_worse(logged: Logged, tmp_path: Path) -> None:
    same = copy(logged.small, tmp_path / "same")
    found = compared(logged.small, same, logged.big)
    one = row(found, "all")
    assert (one["delta"], one["p_value"], one["verdict"]) == (0.0, 1.0, "negligible")
    assert one["ci_low"] is None


def test_filters_and_metrics_can_be_chosen(logged: Logged) -> None:
    strict = compared(logged.small, logged.new, tasks=("gamma",))
    words = compared(logged.small, logged.new, tasks=("gamma",), filter={"": "last-word"})
    assert strict["tasks"][0]["filter"] == "strict"
    assert strict["comparisons"][0]["score"] == 0.0
    assert (
        words["comparisons"][0]["score"] == table(logged.new, "gamma", "last-word")["exact_match"].mean() > 0
    )
    chosen = compared(logged.small, logged.new, metric={"": "acc_norm", "gamma": "exact_match"})
    assert [task["metric"] for task in chosen["tasks"]] == ["acc_norm", "acc_norm", "exact_match"]
    assert row(chosen, "beta")["score"] == table(logged.new, "beta")["acc_norm"].mean()


def test_chance_is_that_of_the_choices_where_they_are_known(logged: Logged) -> None:
    found = compared(logged.small, logged.new)
    assert [task["chance"] for task in found["tasks"]] == [0.25, 0.25, None]
    assert {model["average_corrected"] for model in found["models"]} == {None}
    assert any("not known of gamma" in fact for fact in found["facts"])
    choices = compared(logged.small, logged.new, tasks=("pair",))
    for model, folder in zip(choices["models"], (logged.small, logged.new), strict=True):
        mean = scores(folder, ("alpha", "beta")).mean()
        assert model["average_corrected"] == pytest.approx((mean - 0.25) / 0.75)


def test_clusters_come_from_a_field_of_the_documents(logged: Logged) -> None:
    found = compared(logged.small, logged.new, tasks=("alpha",), cluster={"": "passage"})
    a, b = scores(logged.small, ("alpha",)), scores(logged.new, ("alpha",))
    expected = paired_difference(b, a, clusters=np.arange(DOCUMENTS) // 3)
    (one,) = found["comparisons"]
    assert figures(one) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value), rel=1e-12
    )
    assert found["tasks"][0]["clusters"] == DOCUMENTS // 3
    with pytest.raises(InputError, match=r"line 1: its document has no field page; it has question, choices"):
        compared(logged.small, logged.new, cluster={"": "page"})


def test_a_metric_that_is_better_when_lower_changes_its_sign(logged: Logged, tmp_path: Path) -> None:
    plain = row(compared(logged.small, logged.new), "alpha")
    folders = [copy(folder, tmp_path / folder.name) for folder in (logged.small, logged.new)]
    for folder in folders:
        change_results(folder, lambda content: content["higher_is_better"]["alpha"].update(acc=False))
    turned = compared(*folders)
    assert row(turned, "alpha")["delta"] == -plain["delta"] < 0
    assert any("alpha is better when lower" in fact for fact in turned["facts"])


def test_a_metric_without_numbers_gives_way_to_the_next(logged: Logged, tmp_path: Path) -> None:
    folders = [copy(folder, tmp_path / folder.name) for folder in (logged.small, logged.new)]
    for folder in folders:
        change_results(folder, lambda content: content["configs"]["alpha"]["metric_list"].reverse())
    found = compared(*folders)
    assert found["tasks"][0]["metric"] == "acc_norm"
    assert any("acc_norm instead of mcc" in fact for fact in found["facts"])


def test_file_names_and_groups_of_lm_eval_0_4_9(logged: Logged, tmp_path: Path) -> None:
    """It lists a task alone as a group without members, and `--output_path x.json` wrote `x_<date>.json`."""
    folders = [copy(folder, tmp_path / folder.name) for folder in (logged.small, logged.new)]

    def older(content: dict[str, Any]) -> None:
        content["group_subtasks"] = {"gamma": [], "pair": ["beta", "alpha"]}

    for folder in folders:
        change_results(folder, older)
        (results,) = folder.rglob("results_*.json")
        results.rename(results.with_name(results.name.replace("results_", "x_", 1)))
    assert compared(*folders)["comparisons"] == compared(logged.small, logged.new)["comparisons"]


def test_the_newest_samples_of_a_task_count(logged: Logged, tmp_path: Path) -> None:
    folder = copy(logged.small, tmp_path / "small")
    inner = samples_file(folder, "alpha").parent
    newer = copy(logged.new, tmp_path / "new")

    def of_the_same_model(content: dict[str, Any]) -> None:
        content["model_name"], content["config"]["model_args"] = "small", "pretrained=small"

    change_results(newer, of_the_same_model)
    for path in newer.rglob("*_2*"):
        name = re.sub(r"_\d{4}-", "_2999-", path.name)
        if "beta" not in name:
            path.rename(inner / name)
    run = read_models([str(folder)])[0].runs[0]
    assert {name: "_2999-" in task.path.name for name, task in run.tasks.items()} == {
        "alpha": True, "beta": False, "gamma": True,
    }  # fmt: skip
    assert any("holds alpha 2 times" in fact for fact in compared(folder, logged.new)["facts"])


def test_a_run_with_a_limit_is_refused_unless_common(logged: Logged) -> None:
    with pytest.raises(
        InputError, match=r"task alpha has 60 documents in small and 20 documents in limited \(--limit 20\)"
    ) as refused:
        compared(logged.small, logged.limited)
    assert "--common to compare on the 20" in str(refused.value)
    found = compared(logged.small, logged.limited, common=True)
    a, b = scores(logged.small, ("alpha",))[:20], scores(logged.limited, ("alpha",))
    expected = paired_difference(b, a)
    (one,) = found["comparisons"]
    assert one["n_docs"] == 20
    assert figures(one)[:3] == pytest.approx((expected.value, expected.low, expected.high))
    assert any("Left out: beta" in fact for fact in found["facts"])


def _swap_document(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line | {"doc_hash": "0" * 64} if line["doc_id"] == 7 else line for line in lines]


def _other_target(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line | {"target_hash": "0" * 64} if line["doc_id"] == 8 else line for line in lines]


REFUSED: dict[str, tuple[Callable[[list[dict[str, Any]]], list[dict[str, Any]]], str]] = {
    "other document": (
        _swap_document,
        r"task alpha, document 7 is not the same in small \(doc_hash \w{8}\) and new",
    ),
    "other answer": (_other_target, r"task alpha, document 8 has another right answer"),
    "written twice": (lambda lines: lines + lines[:1], r"line 61: document 0 a second time"),
    "empty": (lambda lines: [], r"is empty"),
    "no hash": (lambda lines: [{"doc_id": 1}], r"line 1: no 'doc_hash'"),
    "odd number": (lambda lines: [lines[0] | {"doc_id": "x"}], r"line 1: doc_id x is not a whole number"),
    "no object": (lambda lines: [[]], r"line 1: not a JSON object"),
    "other metrics": (lambda lines: [lines[0], lines[1] | {"metrics": ["acc"]}], r"line 2: other metrics"),
    "no document in common": (
        lambda lines: [line | {"doc_id": line["doc_id"] + 900} for line in lines],
        r"60 documents in small and 60 documents in new, and none in common",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_samples_that_do_not_pair_are_refused_in_one_line(logged: Logged, tmp_path: Path, fault: str) -> None:
    change, message = REFUSED[fault]
    folder = copy(logged.new, tmp_path / "new")
    change_lines(samples_file(folder, "alpha"), change)
    with pytest.raises(InputError, match=message) as refused:
        compared(logged.small, folder)
    assert "\n" not in str(refused.value)


def test_a_broken_line_is_named_with_its_number(logged: Logged, tmp_path: Path) -> None:
    folder = copy(logged.new, tmp_path / "new")
    path = samples_file(folder, "beta")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], lines[4][:50] + "\n", *lines[5:]]))
    with pytest.raises(InputError, match=rf"{re.escape(path.name)}, line 5: not JSON"):
        compared(logged.small, folder)


def test_another_version_of_a_task_is_refused(logged: Logged) -> None:
    with pytest.raises(InputError, match=r"task alpha has version 1.0 in small and 1.1 in newer-task"):
        compared(logged.small, logged.newer_task)


CHOSEN: dict[str, tuple[dict[str, Any], str]] = {
    "metric": (
        {"metric": {"": "bleu"}},
        r"task alpha has no metric bleu in small; it has acc, mcc, acc_norm",
    ),
    "metric of pairs": ({"metric": {"": "mcc"}}, r"metric mcc of task alpha is not one number per document"),
    "filter": (
        {"filter": {"gamma": "loose"}},
        r"task gamma has no filter loose in small; it has strict, last-word",
    ),
    "task": ({"tasks": ("alpah",)}, r"--task alpah: no such task in all folders; the nearest is alpha"),
    "choice of a task": ({"metric": {"delta": "acc"}}, r"--metric delta=...: task delta is not compared"),
}


@pytest.mark.parametrize("choice", CHOSEN)
def test_choices_that_are_not_there_are_refused(logged: Logged, choice: str) -> None:
    options, message = CHOSEN[choice]
    with pytest.raises(InputError, match=message):
        compared(logged.small, logged.new, **options)


def test_folders_that_cannot_be_read_are_refused(logged: Logged, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no samples_\*.jsonl in it; run lm_eval with --log_samples"):
        compared(logged.small, tmp_path)
    with pytest.raises(InputError, match=r"nowhere is not a folder"):
        compared(logged.small, tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"is given twice"):
        compared(logged.small, logged.small)
    alone = copy(logged.limited, tmp_path / "alone")
    with pytest.raises(InputError, match=r"no task in common: .* has alpha; .* has beta"):
        other = copy(logged.small, tmp_path / "other")
        samples_file(other, "alpha").unlink()
        samples_file(other, "gamma").unlink()
        compared(alone, other)
    (results,) = alone.rglob("results_*.json")
    results.write_text("{")
    with pytest.raises(InputError, match=r"results_.*: not JSON"):
        compared(alone, logged.new)
    results.unlink()
    with pytest.raises(InputError, match=r"no results_.* beside it"):
        compared(alone, logged.new)


def test_options_by_task_are_read() -> None:
    assert by_task("--metric", ["acc", "gamma=f1"]) == {"": "acc", "gamma": "f1"}
    for given in (["=acc"], ["gamma="], ["acc", "f1"]):
        with pytest.raises(InputError, match="--metric"):
            by_task("--metric", given)


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_escapes_all_text(logged: Logged, tmp_path: Path) -> None:
    folder = copy(logged.new, tmp_path / "<b>new")

    def scripted(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [line | {"filtered_resps": ["</pre><script>alert(2)</script>\ud800"]} for line in lines]

    change_lines(samples_file(folder, "gamma"), scripted)
    change_results(folder, lambda content: content["config"].update(model_args=""))
    text = comparison(str(logged.small), str(folder), form="html", chosen=Choices(), rules=RULES)
    text.encode("utf-8")
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert "<script>alert(1)</script>" in page.text
    assert "</pre><script>alert(2)</script>" in page.text
    svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", text, re.DOTALL)[0])
    titles = [element.text or "" for element in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert [title.split(":")[0] for title in titles] == ["all", "pair", *TASKS]
    for task in ("alpha", "beta", "gamma"):
        differ = int((scores(logged.small, (task,)) != scores(logged.new, (task,))).sum())
        assert f"{task}: {differ} documents" in page.text
    documents = table(logged.small, "alpha")["doc_id"][
        scores(logged.small, ("alpha",)) != scores(logged.new, ("alpha",))
    ]
    shown = re.search(r"<details><summary>alpha.*?</details>", text, re.DOTALL)[0]
    assert re.findall(r'<tr><td class="r">(\d+)</td>', shown) == [str(number) for number in documents]


def test_tables_to_paste(logged: Logged) -> None:
    written = comparison(
        str(logged.small), str(logged.new), [str(logged.big)], form="md", chosen=Choices(), rules=RULES
    )
    lines = written.splitlines()
    assert lines[0].startswith(
        "| scope | documents | A | B | B - A | 95 % | p | p (Holm) | could miss | verdict |"
    )
    alpha = row(compared(logged.small, logged.new, logged.big), "alpha")
    (line,) = [line for line in lines if line.startswith("| alpha | 60 ")]
    assert f"| {alpha['score_against']:.4f} | {alpha['score']:.4f} |" in line
    assert line.endswith(f"| {alpha['verdict']} (conditional) |")
    assert any(line.startswith("| big | all ") for line in lines)
    latex = comparison(str(logged.small), str(logged.new), form="latex", chosen=Choices(), rules=RULES)
    assert latex.count(r"\begin{tabular}{lrrrrrrrrl}") == 1
    assert r"exact\_match" in latex


def test_the_command_writes_a_file_and_refuses_in_one_line(
    logged: Logged, tmp_path: Path, gapbench: Callable[..., tuple[int, str, str]], refusal: Callable[..., str]
) -> None:
    out = tmp_path / "page.html"
    folders = str(logged.small), str(logged.new)
    assert gapbench("compare", *folders, "--format", "html", "--out", str(out)) == (0, "", "")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    status, printed, _ = gapbench("compare", *folders, "--task", "pair", "--cluster", "alpha=passage")
    assert status == 0
    assert "clusters by passage in alpha (20)" in printed
    for options, message in (
        (["--format", "pdf"], "format pdf is not known"),
        (["--margin", "2"], "--margin 2 is not between 0 and 1"),
        (["--out", str(tmp_path / "no" / "x.md")], "give a file in a folder that exists"),
        (["--metric", "bleu"], "has no metric bleu"),
        (["--baseline", str(tmp_path / "none")], "is not a folder"),
    ):
        assert message in refusal("compare", *folders, *options)


def test_ten_tasks_of_a_thousand_documents_take_under_five_seconds(logged: Logged, tmp_path: Path) -> None:
    """Of the processor, the whole process with its imports; lines are those of stock lm-eval, longer."""
    for folder in (logged.small, logged.new):
        place = copy(folder, tmp_path / folder.name)
        (results,) = place.rglob("results_*.json")
        path = samples_file(place, "alpha")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        many = []
        for number in range(1000):
            line = lines[number % len(lines)] | {"doc_id": number}
            question = line["doc"]["question"] * 20
            many.append(json.dumps(line | {"doc": line["doc"] | {"question": question}}) + "\n")
        for old in place.rglob("samples_*"):
            old.unlink()
        content = json.loads(results.read_text(encoding="utf-8"))
        names = [f"task{number}" for number in range(10)]
        for section in ("configs", "versions", "n-shot", "higher_is_better"):
            content[section] = dict.fromkeys(names, content[section]["alpha"])
        content["group_subtasks"] = {}
        results.write_text(json.dumps(content), encoding="utf-8")
        for name in names:
            path.with_name(path.name.replace("alpha", name)).write_text("".join(many), encoding="utf-8")
    code = (
        "import os, sys\nfrom benchmark.cli import main\ntry:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'transformers', 'lm_eval', 'datasets', 'dvc', 'altair'} & set(sys.modules)\n"
        "    print(sum(os.times()[:2]), len(heavy), file=sys.stderr)\n"
    )
    done = run_python(
        code, "compare", str(tmp_path / "small"), str(tmp_path / "new"), "--format", "html",
        OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ">10000<" in done.stdout
    seconds, heavy = done.stderr.split()[-2:]
    assert float(seconds) < 5
    assert heavy == "0"


def test_samples_keep_the_order_of_filters(logged: Logged) -> None:
    found = read_samples(samples_file(logged.new, "gamma"))
    assert list(found) == ["strict", "last-word"]
    assert len(found["strict"].doc_id) == DOCUMENTS


def test_the_pages_show_what_the_command_prints(
    gapbench: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    line = "gapbench compare docs/example-logs/micro-1 docs/example-logs/micro-2 --cluster cluster"
    status, printed, _ = gapbench(*line.split()[1:])
    assert status == 0
    page, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/COMPARE.md", "README.md"))
    assert f"```\n{line}\n```\n\n{printed}" in page
    table_alone = "".join(f"{row}\n" for row in printed.splitlines() if row.startswith("|"))
    assert f"```\n{line}\n```\n{table_alone}" in readme
