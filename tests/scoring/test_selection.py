"""The choice of step: one for all tasks on `select`, by family under `paper`, and what it is worth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.scoring.run_records import Records, read_records
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.samples import RunKey, Samples
from benchmark.scoring.selection import EntrySelection, select_entry
from benchmark.statistics.best_step import NO_STEP, best_step
from tests.scoring.synthetic import TASKS, Study, write_frame

ENTRY = ("small", "gap", "code")


def with_scores(path: Path, select: dict[int, float], test: dict[int, float], base: float = 0.5) -> Samples:
    """One run whose classification value at every document of a split is the one given for the step."""
    study = Study(entries={ENTRY: 0.0}, texts=1, steps=sorted(select))
    frame = study.frame()
    run = frame["arm"] == "gap"
    frame.loc[~run, "value"] = base
    for split, values in (("select", select), ("test", test)):
        chosen = run & (frame["split"] == split)
        frame.loc[chosen, "value"] = frame.loc[chosen, "step"].map(values)
    return read_samples([write_frame(frame, path / "samples.parquet")])


def selected(samples: Samples, records: Records | None = None, paper: bool = False) -> EntrySelection:
    return select_entry(samples, ENTRY, records or Records(), paper)


def record(**fields: object) -> Records:
    key = {"model": "small", "arm": "gap", "corpus": "code", "text_id": "code-0", "seed": 0}
    return read_records([{**key, **fields}])


@pytest.mark.parametrize(
    ("select", "base", "step"),
    [
        ({1: 0.2, 2: 0.6, 3: 0.4}, 0.5, 2),
        ({1: 0.2, 2: 0.6, 3: 0.6}, 0.5, 2),
        ({1: 0.2, 2: 0.1, 3: 0.3}, 0.9, 3),
    ],
    ids=["on select", "ties to the earliest", "the base model is no candidate"],
)
def test_the_step_is_chosen_on_select_and_reported_on_test(
    select: dict[int, float], base: float, step: int, tmp_path: Path
) -> None:
    test = {1: 0.9, 2: 0.3, 3: 0.5}
    found = selected(with_scores(tmp_path, select, test, base))
    assert found.held_out.tolist() == [step]
    assert found.run_scores[0, 0] == pytest.approx(test[step])


def test_equal_averages_tie_in_whatever_order_they_were_summed() -> None:
    assert best_step(np.array([[0.1 + 0.2, 0.3]])).tolist() == [0]
    assert best_step(np.array([[0.3, 0.1 + 0.2]])).tolist() == [0]


def test_optimism_is_best_on_test_less_chosen_on_select(tmp_path: Path) -> None:
    samples = with_scores(tmp_path, {1: 0.2, 2: 0.6}, {1: 0.75, 2: 0.3}, base=0.8)
    found = selected(samples)
    assert found.best_on_test.tolist() == [1]
    assert found.optimism.tolist() == pytest.approx([0.45])
    assert found.floor_gain.tolist() == pytest.approx([0.05])


def test_paper_chooses_by_family_on_test_with_the_base_model_among_the_candidates(tmp_path: Path) -> None:
    frame = Study(entries={ENTRY: 0.0}, texts=1, steps=(1, 2)).frame()
    frame = frame[frame["split"] == "test"]
    frame["value"] = 0.5
    dialogue = (frame["arm"] == "gap") & (frame["family"] == "dialogue")
    classification = (frame["arm"] == "gap") & (frame["family"] == "classification")
    frame.loc[dialogue, "value"] = frame.loc[dialogue, "step"].map({1: 0.6, 2: 0.7})
    frame.loc[classification, "value"] = frame.loc[classification, "step"].map({1: 0.4, 2: 0.3})
    found = selected(read_samples([write_frame(frame, tmp_path / "s.parquet")]), paper=True)
    assert found.paper["dialogue"].tolist() == [2]
    assert found.paper["classification"].tolist() == [0]
    by_scope = dict(zip(found.layout.scopes, found.run_scores[0], strict=True))
    assert by_scope["dialogue"] == pytest.approx(0.7)
    assert by_scope["classification"] == pytest.approx(0.5)
    assert np.isnan(found.optimism).all()


def test_a_step_with_weights_that_are_not_finite_is_no_candidate(tmp_path: Path) -> None:
    samples = with_scores(tmp_path, {1: 0.2, 2: 0.9}, {1: 0.3, 2: 0.9})
    steps = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None}]
    found = selected(samples, record(stop_reason="diverged", stopped_at=2, steps=steps))
    assert found.held_out.tolist() == [1]


def test_a_run_without_a_finite_step_scores_chance(tmp_path: Path) -> None:
    path = Study(entries={ENTRY: 0.1}, texts=2).write(tmp_path / "s.parquet")
    lost = RunKey(*ENTRY, "code-lost", 0)
    records = read_records([{**lost._asdict(), "stop_reason": "diverged", "steps": []}])
    found = selected(read_samples([path], TASKS, recorded=[lost]), records)
    assert found.held_out[2] == NO_STEP
    by_scope = dict(zip(found.layout.scopes, found.run_scores[2], strict=True))
    assert by_scope["arc"] == 0.25 and by_scope["copa"] == 0.5 and by_scope["chat"] == 0
    assert found.chosen.units == ("code-0", "code-1", "code-lost")


def test_a_run_told_to_take_no_step_scores_as_its_base_model(tmp_path: Path) -> None:
    path = Study(entries={}).write(tmp_path / "s.parquet")
    samples = read_samples([path], recorded=[RunKey(*ENTRY, "code-0", 0)])
    found = selected(samples, record(stop_reason="max_steps", stopped_at=0, steps=[]))
    assert found.run_scores[0] == pytest.approx(found.test[0, 0])


def test_a_run_without_rows_needs_no_select_documents_of_its_base_model(tmp_path: Path) -> None:
    frame = Study(entries={("middle", "gap", "code"): 0.1}, texts=1).frame()
    frame = frame[(frame["arm"] == "gap") | (frame["split"] == "test")]
    run = RunKey(*ENTRY, "code-0", 0)
    samples = read_samples([write_frame(frame, tmp_path / "s.parquet")], recorded=[run])
    found = selected(samples, record(stop_reason="max_steps", stopped_at=0, steps=[]))
    assert found.held_out.tolist() == [NO_STEP]
    assert found.run_scores[0] == pytest.approx(found.test[0, 0])


def test_seeds_of_a_text_are_averaged(tmp_path: Path) -> None:
    study = Study(entries={ENTRY: 0.1}, texts=2, seeds=(0, 1))
    found = selected(read_samples([study.write(tmp_path / "s.parquet")]))
    assert found.chosen.units == ("code-0", "code-1")
    text_scores = found.layout.scope_means(found.chosen.values)[:, 0]
    assert text_scores[0] == pytest.approx(found.run_scores[:2, 0].mean())


def test_the_best_text_is_chosen_on_select_and_reported_on_test(tmp_path: Path) -> None:
    samples = with_scores(tmp_path, {1: 0.2, 2: 0.6, 3: 0.4}, {1: 0.9, 2: 0.3, 3: 0.5}, base=0.5)
    found = selected(samples)
    assert best_text(found) == ("code-0", 2)
    assert found.best_gains == pytest.approx(-0.2)


def best_text(found: EntrySelection) -> tuple[str, int]:
    assert found.best is not None
    return found.text_of[found.best[0]], found.best[1]


def two_texts(path: Path, gains: dict[tuple[str, int, int], float], draws: int = 1) -> EntrySelection:
    """Two texts, base models at 0.5 and 0.6 by draw; `gains` by (text, draw, step) on `select`, half on `test`."""
    frame = Study(entries={ENTRY: 0.0}, texts=2, steps=(1, 2)).frame()
    frame = pd.concat([frame.assign(draw=draw, value=0.5 + 0.1 * draw) for draw in range(draws)])
    for (text, draw, step), found in gains.items():
        run = (frame["text_id"] == text) & (frame["draw"] == draw) & (frame["step"] == step)
        frame.loc[run & (frame["split"] == "select"), "value"] += found
        frame.loc[run & (frame["split"] == "test"), "value"] += found / 2
    return selected(read_samples([write_frame(frame, path / "samples.parquet")]))


def test_ties_for_the_best_text_go_to_the_first_text_and_step(tmp_path: Path) -> None:
    found = two_texts(tmp_path, {("code-1", 0, 1): 0.1, ("code-0", 0, 2): 0.1, ("code-1", 0, 2): 0.1})
    assert best_text(found) == ("code-0", 2)


def test_the_best_text_gains_most_over_its_own_draw_s_base_model(tmp_path: Path) -> None:
    """The second draw scores higher whatever the text does; the gain of the first is larger."""
    found = two_texts(tmp_path, {("code-1", 0, 1): 0.1, ("code-0", 1, 2): 0.05}, draws=2)
    assert best_text(found) == ("code-1", 1)
    assert found.best_gains == pytest.approx(0.05)


def test_without_a_select_split_there_is_no_best_text(tmp_path: Path) -> None:
    frame = Study(entries={ENTRY: 0.1}, texts=2).frame()
    path = write_frame(frame[frame["split"] == "test"], tmp_path / "s.parquet")
    assert selected(read_samples([path]), paper=True).best is None


def test_texts_of_a_draw_are_averaged_and_draws_are_the_units(tmp_path: Path) -> None:
    found = two_texts(
        tmp_path, {("code-0", 0, 1): 0.2, ("code-0", 1, 1): 0.1, ("code-1", 1, 1): 0.1}, draws=2
    )
    chosen = found.chosen
    assert (chosen.units, chosen.by, chosen.n_texts, chosen.n_draws) == (
        ("draw 000", "draw 001"),
        "draw",
        2,
        2,
    )
    assert chosen.start is not None
    assert chosen.start[:, 0] == pytest.approx([0.5, 0.6])
    assert (chosen.values - chosen.start)[:, 0] == pytest.approx([0.05, 0.05])
