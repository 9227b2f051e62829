"""Studies drawn from a track's variances keep its means and variances, and `gapbench simulate` prints them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.claims.parts import Scores
from benchmark.commands import simulate
from benchmark.errors import InputError
from benchmark.scoring.run_records import Model
from benchmark.settings.scoring_rules import Claims, Controls, DeclaredControl, NextRung
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.simulations.whole_study import Simulator, Study, on_common_documents, read_study
from benchmark.statistics.contrast import gain, level
from tests.scoring.synthetic import Study as Tables
from tests.scoring.synthetic import base_of, entry_of, layout_of, write_frame

FAMILIES = ("classification", "classification", "dialogue")
LAYOUT = layout_of(60, 60, 60, families=FAMILIES)
MODELS = {name: Model(name, size, "l", "both") for name, size in (("m", 100), ("l", 250))}
CONTROLS = Controls(
    positive=DeclaredControl(model="m", arm="tuned", corpus="code"),
    same="m",
    next_rung=NextRung(model="m", larger="l"),
)
CLAIMS = Claims(pairs={"m": "l"}, placebos=("random",), controls=CONTROLS)


def made(draws: int = 8) -> Study:
    rng = np.random.default_rng(0)
    documents = rng.normal(size=180) / 5

    def noise(*parts: float) -> np.ndarray:
        by_draw, by_task, left = parts
        tasks = by_task * rng.normal(size=(draws, 3))[:, LAYOUT.task_of]
        return by_draw * rng.normal(size=(draws, 1)) + tasks + left * rng.normal(size=(draws, 180))

    base = base_of("m", 0.4 + documents + noise(0.03, 0.02, 0.05))
    larger = base_of("l", 0.6 + documents + noise(0.03, 0.02, 0.05))
    entries = {}
    for arm, gained in (("gap", 0.01), ("random", 0.0), ("tuned", 0.2)):
        moved = gained + rng.normal(size=180) / 10 + noise(0.004, 0.002, 0.01)
        entry = entry_of("m", base.values + moved, base.values, arm=arm)
        entries[entry.key] = entry
    return Study(entries, {"m": base, "l": larger}, MODELS, LAYOUT, ScoringSettings(claims=CLAIMS))


STUDY = made()
NUMBER = 300


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return list(Simulator(STUDY).studies(NUMBER))


def over(studies: list[Study], contrast: str) -> tuple[np.ndarray, np.ndarray]:
    """Values and the variances of documents and draws at `all` of each study, [studies] and [studies, 2]."""
    values, parts = [], []
    for study in studies:
        found = (
            gain(study.entries["m", "gap", "code"]) if contrast == "gain" else level(study.bases["m"])
        ).estimated(study.layout)
        values.append(found.estimate.value[0])
        parts.append([part.variance[0] for part in found.estimate.parts])
    return np.array(values), np.array(parts)


@pytest.mark.parametrize("contrast", ["gain", "level"])
def test_simulated_studies_have_the_means_and_variances_of_the_study(
    studies: list[Study], contrast: str
) -> None:
    values, parts = over(studies, contrast)
    (truth,), (own,) = over([STUDY], contrast)
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / NUMBER**0.5)
    error = 4 * parts.std(axis=0) / NUMBER**0.5
    # Resampled documents and stored draws hold some interaction more, so they are at most a little more.
    interaction = interaction_of(contrast)
    assert (parts.mean(axis=0) > own - error - 0.05 * own).all()
    assert (parts.mean(axis=0) < own + 1.2 * interaction + error + 0.05 * own).all()
    assert values.var(ddof=1) == pytest.approx(own.sum() + interaction, rel=0.35)


def interaction_of(contrast: str) -> float:
    from benchmark.statistics.crossed import sampled

    entry = STUDY.entries["m", "gap", "code"]
    values = entry.gains_at(entry.columns) if contrast == "gain" else STUDY.bases["m"].values
    found = sampled(values, LAYOUT)
    assert found.interaction is not None
    return float(found.interaction[0])


def test_draws_differ_by_task_as_the_stored_ones_do_and_a_gain_goes_with_its_base(
    studies: list[Study],
) -> None:
    def effects(study: Study) -> np.ndarray:
        values = np.concatenate(
            [
                study.layout.task_means(study.bases["m"].values),
                study.layout.task_means(gains_of(study)),
            ],
            axis=1,
        )
        return np.cov(values, rowvar=False)

    found = np.stack([effects(study) for study in studies])
    error = 5 * found.std(axis=0) / NUMBER**0.5 + 0.1 * np.abs(np.diag(effects(STUDY))).max() / 10
    assert (np.abs(found.mean(axis=0) - effects(STUDY)) < error + 0.05**2 / 60).all()


def gains_of(study: Study) -> np.ndarray:
    entry = study.entries["m", "gap", "code"]
    return entry.gains_at(entry.columns)


def test_true_gains_can_be_set_and_placebos_then_gain_nothing() -> None:
    simulator = Simulator(STUDY, {"classification": 0.05, "dialogue": -0.02})
    found = list(simulator.studies(60))
    for arm, truth in (("gap", (0.05, -0.02)), ("random", (0.0, 0.0))):
        by_study = np.array(
            [gain(s.entries["m", arm, "code"]).estimated(s.layout).estimate.value[1:3] for s in found]
        )
        assert by_study.mean(axis=0) == pytest.approx(truth, abs=4 * by_study.std() / 60**0.5)
    control = [gain(s.entries["m", "tuned", "code"]).estimated(s.layout).estimate.value[0] for s in found]
    assert np.mean(control) == pytest.approx(0.2, abs=0.02)


def test_more_draws_than_are_stored_make_a_study_surer() -> None:
    studies = list(Simulator(STUDY, draws=20).studies(5))
    assert {len(study.bases["m"].units) for study in studies} == {20}
    assert {study.entries["m", "gap", "code"].n_draws for study in studies} == {20}
    many, few = (over(some, "level")[1][:, 1].mean() for some in (studies, list(Simulator(STUDY).studies(5))))
    assert many < few


def test_clusters_are_drawn_whole_and_one_that_is_drawn_twice_is_two() -> None:
    cluster = np.arange(180) // 6
    study = replace(STUDY, layout=layout_of(60, 60, 60, families=FAMILIES, cluster=cluster))
    one = Simulator(study).one(np.random.default_rng(0))
    assert one.layout.effective_clusters.tolist() == [10, 10, 10]
    assert set(np.bincount(one.layout.cluster)) == {6}


def test_a_stream_repeats() -> None:
    first, second = (Simulator(STUDY).one(np.random.default_rng([0, 3])) for _ in range(2))
    np.testing.assert_array_equal(gains_of(first), gains_of(second))


def test_controls_and_claims_of_a_study_are_those_of_scoring() -> None:
    controls, claims = STUDY.controls(), STUDY.claims()
    assert controls is not None
    assert [row["control"] for row in controls["estimates"]] == ["positive", "same rung", "next rung"]
    assert set(claims) == {"C1", "C2", "C3", "C4"}
    assert Scores(STUDY.entries, STUDY.bases, LAYOUT, STUDY.settings).declared() == (("m",), ("code",))


def test_documents_that_runs_have_not_are_left_out() -> None:
    few = np.flatnonzero(np.arange(180) % 3 > 0)
    entries = {key: entry.on_columns(few) for key, entry in STUDY.entries.items()}
    common = on_common_documents(replace(STUDY, entries=entries))
    assert common.layout.counts.tolist() == [40, 40, 40]
    np.testing.assert_array_equal(gains_of(common), gains_of(STUDY)[:, few])
    assert Simulator(common).one(np.random.default_rng(0)).layout.size == 120
    with pytest.raises(InputError, match="no shared test document of task t0"):
        on_common_documents(
            replace(STUDY, entries={k: e.on_columns(np.arange(60, 180)) for k, e in STUDY.entries.items()})
        )


def results(folder: Path, draws: int) -> Path:
    """A results folder with the documents of base models and entries by draw, each run at one step."""
    tables = Tables(entries={("small", arm, "code"): 0.1 for arm in ("gap", "random")}, texts=1, steps=(1,))
    frames = []
    for draw in range(draws):
        frame = tables.frame()
        moved = np.random.default_rng(draw).random(len(frame)) < 0.1
        frames.append(frame.assign(draw=draw, value=np.where(moved, 1 - frame["value"], frame["value"])))
    frame = pd.concat(frames)
    write_frame(frame[frame["split"] == "test"], folder / "documents.parquet")
    pd.DataFrame({"model": ["small", "middle", "large"], "parameters": [1000, 3000, 9000]}).to_csv(
        folder / "entries.csv", index=False
    )
    return folder


def test_simulate_prints_what_a_track_would_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"small": 1000, "middle": 3000, "large": 9000}
    models = {name: Model(name, size, "l", "both") for name, size in sizes.items()}
    controls = Controls(positive=DeclaredControl(model="small", arm="gap", corpus="code"), same="middle")
    claims = Claims(pairs={"small": "middle"}, placebos=("random",), controls=controls)
    study = read_study(results(tmp_path, 6), models, ScoringSettings(claims=claims))
    monkeypatch.setattr(simulate, "track_study", lambda params: study)
    simulate.simulate(tmp_path / "params.yaml", studies=3)
    said = capsys.readouterr().out
    assert "3 simulated studies with 6 pretraining draws per model, seed 0" in said
    for words in (
        "told apart",
        "small: ",
        "positive: ",
        "same rung: ",
        "all together: ",
        "nothing is gained",
    ):
        assert words in said
    assert said.count("  C1: ") == said.count("  C4: ") == 2
    simulate.simulate(tmp_path / "params.yaml", studies=3)
    assert capsys.readouterr().out == said
    simulate.simulate(tmp_path / "params.yaml", studies=2, draws=9)
    assert "2 simulated studies with 9 pretraining draws per model" in capsys.readouterr().out


def test_results_without_draws_or_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no documents\.parquet"):
        read_study(tmp_path, {}, ScoringSettings())
    with pytest.raises(InputError, match="fewer than 3 pretraining draws"):
        read_study(results(tmp_path, 2), {}, ScoringSettings())


def test_too_few_draws_for_two_halves_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "track_study", lambda _: made())
    with pytest.raises(
        InputError, match="5 pretraining draws leave fewer than 3 in a half: give --draws 6 or more"
    ):
        simulate.simulate(Path("params.yaml"), studies=1, draws=5)
