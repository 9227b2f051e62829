"""`gapbench plan`: its counts follow from the settings, its power from the rule by which scoring decides."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.pipeline.layout import Layout
from benchmark.plan import (
    PLANNING_FLIPS,
    PLANNING_SHARED,
    PLANNING_TEXT_SD,
    Work,
    cost,
    detectable,
    print_power,
    work_of,
)
from benchmark.scoring.inference import crossed
from benchmark.scoring.layout import Layout as Documents
from benchmark.scoring.layout import Task
from benchmark.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
FEW = ["evaluation.documents=2", "evaluation.select_documents=2", "evaluation.base_documents=2"]


def test_the_runs_of_the_micro_track_are_counted_with_its_soups(tmp_path: Path) -> None:
    # 3 corpora x 5 texts x 5 arms = 75 runs of 15 steps, scored twice; 2 soups a corpus repeat 2 runs each.
    settings = load_settings(ROOT / "params.yaml")
    assert work_of(settings, Layout(tmp_path, "micro"), "micro-1") == Work(
        steps=(75 + 12) * 15, passes=75 * 2 + 6
    )


def test_every_seed_of_a_random_arm_counts_and_every_step_under_the_papers_protocol(tmp_path: Path) -> None:
    settings = load_settings(
        ROOT / "params.yaml", ["arms={r: {kind: random, seeds: [0, 1]}}", "evaluation.protocol=paper"]
    )
    assert work_of(settings, Layout(tmp_path, "micro"), "micro-1") == Work(steps=30 * 15, passes=30 * 15)


def test_filters_and_the_updates_of_lessons_are_counted(tmp_path: Path) -> None:
    taught = "{kind: lessons, updates: 7, models: [micro-1], corpora: [seen]}"
    arms = f"{{gap: {{kind: ascent, corpora: [code]}}, taught: {taught}}}"
    settings = load_settings(ROOT / "params.yaml", [f"arms={arms}"])
    layout = Layout(tmp_path, "micro")
    assert work_of(settings, layout, "micro-1") == Work(5 * 15, 5 * 2 + 5, lesson_tokens=5 * 7 * 512)
    assert work_of(settings, layout, "micro-2") == Work(5 * 15, 5 * 2)


def test_a_corpus_without_a_number_of_texts_counts_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n')
    settings = load_settings(
        ROOT / "params.yaml",
        ["corpora={notes: {kind: file, path: notes.jsonl}}", "arms={a: {kind: ascent}}"],
    )
    assert work_of(settings, Layout(tmp_path, "micro"), "micro-1").steps == 3 * 15


def test_the_training_of_a_rung_is_part_of_its_cost() -> None:
    settings = load_settings(ROOT / "params.yaml", FEW)
    spec, layout = settings.models["micro-1"], Layout(ROOT, "micro")
    found = cost("micro-1", spec, settings, layout)
    # 58,304 parameters less 258 x 32 positions, which are looked up; 6 FLOPs each and token.
    assert found.training == 6 * (58_304 - 258 * 32) * 1_750_000
    assert found.posttraining == 6 * (58_304 - 258 * 32) * 256 * 87 * 15
    assert found.flops == found.training + found.posttraining + found.evaluation
    assert cost("micro-3", settings.models["micro-3"], settings, layout).posttraining == 0


@pytest.mark.parametrize("texts", [3, 5, 20])
def test_power_is_that_of_data_with_the_planning_values(texts: int) -> None:
    rng = np.random.default_rng(0)
    tasks, documents, datasets = 4, 100, 300
    layout = Documents(
        tuple(Task(f"t{number}", "classification", "acc") for number in range(tasks)),
        np.repeat(np.arange(tasks), documents),
        np.tile(np.arange(documents), tasks),
    )
    size = (datasets, texts, layout.size)
    shared = PLANNING_FLIPS * PLANNING_SHARED
    values = rng.normal(0, shared**0.5, (datasets, 1, layout.size))
    values = values + rng.normal(0, (PLANNING_FLIPS - shared) ** 0.5, size)
    values += rng.normal(0, PLANNING_TEXT_SD, (datasets, texts, 1))
    found = crossed([values], None, layout).detectable()[:, 0]
    typical = np.sqrt(np.mean(found**2))  # the median is too small: with few texts the variance is skewed
    assert typical == pytest.approx(detectable(texts, documents, tasks), rel=0.04)


def test_power_is_told_for_the_tasks_that_are_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ["micro_cause", "micro_story"]
    settings = load_settings(ROOT / "params.yaml", [f"evaluation.tasks={tasks}"])
    print_power(settings, Layout(tmp_path, "micro"))
    said = capsys.readouterr().out
    assert "2 tasks" in said
    assert f"{detectable(5, 320, 2):.4f}" in said
