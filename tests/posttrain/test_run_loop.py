"""One run from start to end on a tiny rung of the micro ladder, and a group of several."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.errors import InputError
from benchmark.posttrain import run_group
from benchmark.posttrain.arms.interface import SoupMember
from benchmark.posttrain.base_model import Base, load_base
from benchmark.posttrain.run_cache import RunCache
from benchmark.posttrain.run_group import write_run_group
from benchmark.posttrain.run_loop import RunResult, execute_run
from benchmark.posttrain.run_requests import group_requests, request, run_key
from benchmark.posttrain.sample_rows import base_samples
from benchmark.schema.sample_defaults import with_defaults
from benchmark.schema.stored_columns import SAMPLES
from benchmark.settings.load import validate
from benchmark.settings.track_settings import Settings
from benchmark.tasks.suite_of_track import suite_of


def settings_with(**changes: Any) -> Settings:
    raw: dict[str, Any] = {
        "track": {"name": "test"},
        "models": {},
        "corpora": {},
        "arms": {name: {"kind": kind} for name, kind in KINDS.items()}
        | {"soup": {"kind": "soup", "of": "gap"}},
        "posttrain": {"learning_rate": 1e-3, "max_steps": 4},
        "evaluation": {"suite": "micro12", "documents": 12, "select_documents": 12},
        "execution": {"workers": 1},
    }
    for section, values in changes.items():
        raw[section] = {**raw.get(section, {}), **values}
    return validate(raw, "test")


KINDS = {"gap": "ascent", "descent": "descent", "random": "random", "shuffled": "shuffled"}


@pytest.fixture(scope="module")
def base(tiny_rung: Path) -> Base:
    return base_with(tiny_rung, settings_with())


def base_with(tiny_rung: Path, settings: Settings) -> Base:
    suite = suite_of(settings.evaluation, documents=settings.evaluation.documents)
    return load_base("tiny", tiny_rung, suite, settings.evaluation, settings.execution)


def run(base: Base, settings: Settings, arm: str = "gap") -> RunResult:
    text = micro_corpus("code", 1, 0)[0]
    return execute_run(request(settings, base, "code", text, arm, 0), base.scorer)


def test_the_record_holds_step_0_and_every_step_after_it(base: Base) -> None:
    result = run(base, settings_with())
    steps = result.record.steps
    assert [step.step for step in steps] == [0, 1, 2, 3, 4]
    assert result.record.stop_reason == "max_steps"
    assert result.samples.schema.equals(SAMPLES)
    assert sorted(set(result.samples.column("step").to_pylist())) == [1, 2, 3, 4]
    assert steps[0].distance == 0
    assert all(later.distance > earlier.distance for earlier, later in itertools.pairwise(steps))
    json.dumps(result.record.stored(), allow_nan=False)


def test_random_goes_as_far_as_gap(base: Base) -> None:
    gap, placebo = (run(base, settings_with(), arm).record.steps for arm in ("gap", "random"))
    for left, right in zip(gap, placebo, strict=True):
        assert left.distance == pytest.approx(right.distance, rel=1e-4)


def test_the_step_is_chosen_by_the_select_average_among_steps_one_and_up(base: Base) -> None:
    record = run(base, settings_with()).record
    averages = {step.step: step.select_averages["all"] for step in record.steps[1:]}
    assert record.selected_step == {"all": max(averages, key=lambda step: (averages[step], -step))}


def test_only_the_steps_that_are_asked_for_are_scored(tiny_rung: Path) -> None:
    settings = settings_with(evaluation={"steps": [2, 4]})
    result = run(base_with(tiny_rung, settings), settings)
    assert sorted(set(result.samples.column("step").to_pylist())) == [2, 4]
    assert [bool(step.metrics) for step in result.record.steps] == [True, False, True, False, True]


def test_digests_are_those_of_step_0_and_of_the_steps_that_are_scored_or_kept(tiny_rung: Path) -> None:
    settings = settings_with(evaluation={"steps": [2, 4]})
    base = base_with(tiny_rung, settings)
    few = [step.weights_sha256 for step in run(base, settings).record.steps]
    every = settings_with(evaluation={"steps": [2, 4]}, checkpoints={"keep": "all"})
    all_steps = [step.weights_sha256 for step in run(base, every).record.steps]
    assert [digest is not None for digest in few] == [True, False, True, False, True]
    assert all(all_steps) and [all_steps[step] for step in (0, 2, 4)] == [few[step] for step in (0, 2, 4)]


def test_no_steps_at_all_is_a_run_of_the_base_model(base: Base) -> None:
    result = run(base, settings_with(posttrain={"max_steps": 0}))
    assert [step.step for step in result.record.steps] == [0]
    assert result.samples.num_rows == 0
    assert result.record.selected_step == {"all": None}


def test_a_run_that_breaks_down_at_once_scores_chance(base: Base) -> None:
    result = run(base, settings_with(posttrain={"learning_rate": 1e30}))
    assert result.record.stop_reason == "diverged"
    assert result.record.steps[-1].loss is None
    assert result.record.selected_step == {"all": 1}
    chance = {task.name: task.chance for task in base.scorer.suite.tasks}
    for name in ("value", "probability"):
        values = result.samples.group_by("task").aggregate([(name, "min"), (name, "max")]).to_pylist()
        found = {row["task"]: (row[f"{name}_min"], row[f"{name}_max"]) for row in values}
        assert found == {task: (pytest.approx(value), pytest.approx(value)) for task, value in chance.items()}


def test_the_draw_stands_in_samples_and_record_and_every_document_has_a_cluster(base: Base) -> None:
    text = micro_corpus("code", 1, 0)[0]
    asked = request(settings_with(), base, "code", text, "gap", 0)
    for draw in (0, 3):
        result = execute_run(replace(asked, draw=draw), base.scorer)
        assert result.record.draw == draw
        assert set(result.samples.column("draw").to_pylist()) == {draw}
        assert (
            result.samples.column("cluster").null_count
            == result.samples.column("probability").null_count
            == 0
        )
        assert all(0 <= value <= 1 for value in result.samples.column("probability").to_pylist())
    start = base_samples(base.scorer.start.samples, track="t", model="m", draw=3)
    assert set(start.column("draw").to_pylist()) == {3}


def test_samples_without_draw_and_cluster_are_of_draw_0_and_each_document_by_itself(base: Base) -> None:
    whole = base_samples(base.scorer.start.samples, track="t", model="m")
    assert with_defaults(whole).equals(whole)
    absent = whole.drop_columns(["draw", "cluster", "probability"])
    for table in (absent, pa.Table.from_pylist(absent.to_pylist(), schema=SAMPLES)):
        filled = with_defaults(table)
        assert filled.schema.equals(SAMPLES)
        assert set(filled.column("draw").to_pylist()) == {0}
        assert filled.column("probability").null_count == filled.num_rows
        own = [str(number) for number in filled.column("doc_id").to_pylist()]
        assert filled.column("cluster").to_pylist() == own


def test_under_the_protocol_paper_each_family_has_its_step(tiny_rung: Path) -> None:
    settings = settings_with(evaluation={"protocol": "paper"})
    record = run(base_with(tiny_rung, settings), settings).record
    for family, step in record.selected_step.items():
        scores = [one.averages[family] for one in record.steps[1:]]
        assert scores[step - 1] == max(scores)


def test_a_run_group_is_the_same_for_any_number_of_workers_and_from_the_cache(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = micro_corpus("code", 4, 0)
    for name, workers in (("one", 1), ("two", 2), ("again", 1)):
        if name == "again":
            monkeypatch.setattr(run_group, "execute_run", None)  # no run is repeated
        settings = settings_with(execution={"workers": workers})
        cache = RunCache(tmp_path / ("journal" if name != "two" else "other"))
        write_run_group(settings, [base], "code", texts, tmp_path / name, cache)
    for file in ("samples.parquet", "runs.jsonl", "cell.json"):
        contents = {(tmp_path / name / file).read_bytes() for name in ("one", "two", "again")}
        assert len(contents) == 1, file
    samples = pq.read_table(tmp_path / "one" / "samples.parquet")
    arms = pc.value_counts(samples.column("arm")).to_pylist()
    assert {row["values"] for row in arms} == {*KINDS, "soup"}
    soups = samples.filter(pc.field("arm") == "soup")
    assert len(set(soups.column("text_id").to_pylist())) == 2


def test_a_runs_key_holds_the_code_of_its_own_arm_and_suite_and_of_a_soups_members(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[frozenset[str], str]] = []

    def code(kinds: frozenset[str], suite: str, outside: frozenset[str]) -> str:
        assert not outside
        asked.append((kinds, suite))
        return f"code of {sorted(kinds)}"

    (text,) = micro_corpus("code", 1, 0)
    single = request(settings_with(), base, "code", text, "random", 0)
    soup = request(settings_with(), base, "code", text, "soup", 0)
    soup = replace(soup, members=(SoupMember(single, "shuffled", 2),))
    before = [run_key(run, base.scorer) for run in (single, soup)]
    monkeypatch.setattr("benchmark.posttrain.run_requests.run_code", code)
    after = [run_key(run, base.scorer) for run in (single, soup)]
    assert asked == [(frozenset({"random"}), "micro12"), (frozenset({"soup", "shuffled"}), "micro12")]
    assert not set(before) & set(after)


def test_a_runs_key_depends_on_whatever_its_figures_depend_on(base: Base, tiny_rung: Path) -> None:
    texts = micro_corpus("code", 2, 0)
    soup = (SoupMember(request(settings_with(), base, "code", texts[1], "gap", 0), "ascent", 2),)

    def key(
        text: Any = texts[0], arm: str = "gap", seed: int = 0, corpus: str = "code", **sections: Any
    ) -> str:
        settings = settings_with(**sections)
        scorer = base.scorer if "evaluation" not in sections else base_with(tiny_rung, settings).scorer
        return run_key(request(settings, base, corpus, text, arm, seed), scorer)

    def key_of(**changes: Any) -> str:
        return run_key(
            replace(request(settings_with(), base, "code", texts[0], "gap", 0), **changes), base.scorer
        )

    usual = key()
    corrected = replace(base.scorer, prepared=replace(base.scorer.prepared, suite_digest="right answers"))
    native = replace(base, arithmetic="native: another")
    assert usual == key_of() == key(execution={"workers": 7})
    others = [
        key(text=texts[1]),
        key(arm="descent"),
        key(arm="random"),
        key(arm="random", seed=1),
        key(corpus="seen"),
        key(track={"name": "other"}),
        key(posttrain={"learning_rate": 2e-3}),
        key(posttrain={"max_steps": 5}),
        key(evaluation={"documents": 11}),
        key(evaluation={"select_documents": 11}),
        key(evaluation={"steps": [2]}),
        key(evaluation={"protocol": "paper"}),
        key(evaluation={"tasks": ["micro_cause"]}),
        key_of(model_name="other"),
        key_of(model_digest="of other weights"),
        key_of(draw=1),
        key_of(tokens=(2, 5, 6)),
        key_of(members=soup),
        key_of(members=(replace(soup[0], step=3),)),
        run_key(request(settings_with(), native, "code", texts[0], "gap", 0), base.scorer),
        run_key(request(settings_with(), base, "code", texts[0], "gap", 0), corrected),
    ]
    assert len({usual, *others}) == 1 + len(others)


TAUGHT = {"taught": {"kind": "lessons", "learning_rate": 5e-3, "updates": 4, "corpora": ["lessons"]}}
LESSONS = {"lessons": {"kind": "micro", "part": "lessons", "texts": 1}}


def test_the_one_checkpoint_of_lessons_is_scored_whatever_the_steps_are(tiny_rung: Path) -> None:
    settings = settings_with(corpora=LESSONS, arms=TAUGHT, evaluation={"steps": [2, 4]})
    base = base_with(tiny_rung, settings)
    (text,) = micro_corpus("lessons", 1)
    asked = request(settings, base, "lessons", text, "taught", 0)
    examples = text.text.split("\n\n")
    assert len(asked.passages) == len(examples)
    assert base.tokenizer.decode(asked.passages[7]) == examples[7]
    assert all(ids[0] == ids[-1] == base.tokenizer.eos_id for ids in asked.passages)
    record = execute_run(asked, base.scorer).record
    assert [bool(step.metrics) for step in record.steps] == [True, True]
    assert record.selected_step == {"all": 1}
    assert record.settings["arm"]["updates"] == 4


def test_a_key_depends_on_the_updates_of_lessons_and_on_no_filter(base: Base) -> None:
    (text,) = micro_corpus("lessons", 1)

    def key(arm: str = "taught", **changes: Any) -> str:
        arms = TAUGHT | {arm: {**(TAUGHT | {"gap": {"kind": "ascent"}})[arm], **changes}}
        settings = settings_with(corpora=LESSONS, arms=arms)
        return run_key(request(settings, base, "lessons", text, arm, 0), base.scorer)

    assert key() == key(corpora=None)
    assert len({key(), key(updates=5), key(learning_rate=1e-2)}) == 3
    assert key("gap") == key("gap", corpora=["lessons"])


def test_a_run_group_holds_the_runs_that_filters_leave(tiny_rung: Path, tmp_path: Path) -> None:
    corpora = {
        "lessons": {**LESSONS["lessons"], "arms": ["taught"]},
        "code": {"kind": "micro", "part": "code"},
    }
    settings = settings_with(corpora=corpora, arms=TAUGHT)
    base, cache = base_with(tiny_rung, settings), RunCache(tmp_path / "journal")
    for corpus in ("lessons", "code"):
        write_run_group(settings, [base], corpus, micro_corpus(corpus, 2), tmp_path / corpus, cache)
    arms = {
        corpus: set(pq.read_table(tmp_path / corpus / "samples.parquet").column("arm").to_pylist())
        for corpus in ("lessons", "code")
    }
    assert arms == {"lessons": {"taught"}, "code": {*KINDS, "soup"}}


def test_a_soup_of_more_runs_than_a_draw_has_is_refused_before_any_run(base: Base) -> None:
    corpora = {"code": {"kind": "micro", "part": "code"}}
    settings = settings_with(corpora=corpora, arms={"soup": {"kind": "soup", "of": "gap", "group": 3}})
    texts = micro_corpus("code", 4)
    assert list(group_requests(settings, [base], "code", texts))
    with pytest.raises(
        InputError, match=r"arms\.soup\.group: .* 3 runs of 'gap'.* has 2 on corpus code: lower it"
    ):
        list(group_requests(settings, [base, replace(base, draw=1)], "code", texts))
