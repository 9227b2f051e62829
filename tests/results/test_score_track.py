"""A call of scoring: the files, their columns, and the same bytes whatever the order of rows and files."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmark.errors import InputError
from benchmark.results.score_track import CHOSEN_ONLY, run_score
from benchmark.schema.result_columns import Family, tables
from benchmark.scoring.entries import improvement_over_control, new_unit
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import gain
from benchmark.statistics.textbook import wilson
from tests.scoring.synthetic import MODELS, TASKS, Study, entry_of, layout_of, results_of, write_frame


@pytest.fixture(scope="module")
def study() -> Study:
    entries = {
        ("small", "gap", "code"): 0.15,
        ("small", "gap", "web"): 0.02,
        ("middle", "gap", "code"): 0.05,
        ("small", "random", "code"): 0.0,
    }
    return Study(entries=entries, texts=4, seeds=(0, 1))


@pytest.fixture(scope="module")
def results(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("score")
    run_score([study.write(folder / "samples.parquet")], MODELS, folder / "out", tasks=TASKS)
    return folder / "out"


def table(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / name, keep_default_na=False, na_values=[""])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_table_has_exactly_its_columns(results: Path) -> None:
    families = (Family("classification"), Family("dialogue", written=True))
    for name, schema in tables(families).items():
        with (results / name).open(newline="") as file:
            assert next(csv.reader(file)) == schema.names, name


def test_the_same_rows_in_other_files_and_orders_give_the_same_bytes(
    study: Study, results: Path, tmp_path: Path
) -> None:
    shuffled = study.frame().sample(frac=1, random_state=1)
    paths = [write_frame(shuffled[n::3], tmp_path / "in" / f"{n}.parquet") for n in (2, 0, 1)]
    models = dict(reversed(MODELS.items()))
    run_score(paths, models, tmp_path / "out", tasks=dict(reversed(TASKS.items())))
    assert contents(tmp_path / "out") == contents(results)


def test_nothing_is_written_where_input_is_refused(study: Study, tmp_path: Path) -> None:
    path = study.write(tmp_path / "samples.parquet")
    with pytest.raises(InputError):
        run_score([path], {"small": MODELS["small"]}, tmp_path / "out", tasks=TASKS)
    assert not (tmp_path / "out").exists()


def test_only_treatments_are_ranked(results: Path) -> None:
    entries = table(results, "entries.csv")
    assert entries.groupby("row_kind").size().to_dict() == {"control": 1, "entry": 3, "rung": 3}
    ranked = entries[entries["row_kind"] == "entry"]
    assert sorted(ranked["rank"]) == [1, 2, 3]
    assert entries.loc[entries["row_kind"] != "entry", "rank"].isna().all()
    assert ((ranked["rank_low"] <= ranked["rank"]) & (ranked["rank"] <= ranked["rank_high"])).all()


def test_scores_are_plain_means_of_the_tables_values(study: Study, results: Path) -> None:
    runs = table(results, "runs.csv")
    frame = study.frame().merge(
        runs.rename(columns={"selected_step": "step"})[["model", "arm", "corpus", "text_id", "seed", "step"]]
    )
    chosen = frame[frame["split"] == "test"]
    by_task = chosen.groupby(["model", "arm", "corpus", "task"])["value"].mean()
    expected = by_task.groupby(["model", "arm", "corpus"]).mean()
    entries = table(results, "entries.csv").query("row_kind != 'rung'").set_index(["model", "arm", "corpus"])
    pd.testing.assert_series_equal(
        entries["score_all"].sort_index(), expected.sort_index(), check_names=False, rtol=1e-9
    )


def test_the_gain_is_the_comparison_with_the_base_model(results: Path) -> None:
    entries = table(results, "entries.csv").query("row_kind == 'entry'")
    comparisons = table(results, "comparisons.csv").query("baseline_kind == 'base' and scope == 'all'")
    both = entries.merge(comparisons, on=["model", "arm", "corpus"])
    assert len(both) == 3
    np.testing.assert_allclose(both["gain_all"], both["delta"])
    np.testing.assert_allclose(both["gain_all_low"], both["ci_low"])


def test_a_rung_is_scored_on_the_documents_of_the_runs(tmp_path: Path) -> None:
    frame = Study(entries={("small", "gap", "code"): 0.1}).frame()
    few = frame[(frame["arm"] == "none") | (frame["doc_id"] < 40)]
    rows = results_of(few, tmp_path)("entries.csv")
    assert set(rows["n_docs"]) == {60}
    entry = rows.query("row_kind == 'entry'").iloc[0]
    rung = rows.query("row_kind == 'rung' and model == 'small'").iloc[0]
    assert entry["score_all"] - rung["score_all"] == pytest.approx(entry["gain_all"])


def test_curves_start_at_the_base_model(results: Path) -> None:
    curves = table(results, "curves.csv").query("scope == 'all' and step == 0")
    scores = table(results, "scores.csv").query("scope == 'all' and row_kind == 'rung'").set_index("model")
    assert len(curves) == 4
    np.testing.assert_allclose(curves["mean"], scores.loc[curves["model"], "score"])


def lost_run(text: str, draw: int = 0) -> dict[str, Any]:
    """The record of a run of the treatment on `code` that diverged at step 2."""
    steps = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": None}]
    named = {"model": "small", "arm": "gap", "corpus": "code", "text_id": text, "seed": 0, "draw": draw}
    return {**named, "stop_reason": "diverged", "stopped_at": 2, "steps": steps}


def test_a_curve_counts_a_diverged_run_at_chance(tmp_path: Path) -> None:
    study = Study(entries={("small", "gap", "code"): 0.2}, texts=3)
    frame = study.frame()
    lost = (frame["text_id"] == "code-1") & (frame["step"] >= 2)
    table = results_of(frame[~lost], tmp_path, runs=[lost_run("code-1")])
    curves = table("curves.csv").query("scope == 'chat'").set_index("step")
    assert curves.loc[1, "mean"] > 0.5
    assert curves.loc[2, "mean"] < 0.45
    assert set(curves["n_texts"]) == {3}
    entry = table("entries.csv").query("row_kind == 'entry'").iloc[0]
    assert entry["share_diverged"] == pytest.approx(1 / 3)


def test_test_scores_of_chosen_steps_alone_give_no_optimism_and_no_curve(tmp_path: Path) -> None:
    """The gain is that of the same steps among all of them."""
    frame = Study(entries={("small", "gap", "code"): 0.2}, texts=3).frame()
    every = results_of(frame, tmp_path / "every")
    step = every("runs.csv").set_index("text_id")["selected_step"]
    chosen = frame[(frame["step"] == 0) | (frame["step"] == frame["text_id"].map(step))]
    runs = [
        {**lost_run(text), "stop_reason": "max_steps", "settings": {"evaluation": {"test_steps": "selected"}}}
        | {"steps": [{"step": number, "loss": 3.0} for number in (1, 2, 3)], "stopped_at": 3}
        for text in step.index
    ]
    table = results_of(chosen, tmp_path / "chosen", runs=runs)
    one, other = (found("entries.csv").query("row_kind == 'entry'").iloc[0] for found in (every, table))
    assert other["gain_all"] == one["gain_all"]
    assert np.isnan(other["optimism"]) and other["optimism_note"] == CHOSEN_ONLY
    assert not np.isnan(one["optimism"])
    assert set(table("curves.csv")["step"]) == {0}


def test_states_and_overlap_stand_in_the_rows_that_have_them(tmp_path: Path) -> None:
    states = {("small", "gap", "code"): "reproduced"}
    table = results_of(Study().frame(), tmp_path, verification=states, overlap={"code": 0.25})
    rows = table("entries.csv").set_index("arm")
    assert rows.loc["gap", "verification"] == "reproduced"
    assert rows.loc["random", "verification"] == "self-reported"
    assert rows.loc["gap", "overlap"] == 0.25
    assert rows.loc["none", "verification"].isna().all()


KEY = {"model": "small", "arm": "gap", "corpus": "code", "seed": 0}


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([{**KEY, "text_id": f"code-{n}", "suite_version": str(n)} for n in (0, 1)], "suite versions 0, 1"),
        ([{**KEY, "text_id": "new", "stopped_at": 3}], "record and no sample rows"),
        ([{**KEY, "text_id": "code-0"}] * 2, "occurs twice"),
        ([KEY], "field missing or wrong"),
    ],
)
def test_run_records_that_do_not_fit_are_refused(
    study: Study, runs: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        results_of(study.frame(), tmp_path, runs=runs)


@pytest.mark.parametrize(("given", "found"), [(None, 3.0), ({("small", "code"): 2.5}, 2.5), ({}, None)])
def test_the_corpus_loss_is_that_of_the_model_and_corpus_or_else_of_the_record(
    given: dict[tuple[str, str], float] | None, found: float | None, tmp_path: Path
) -> None:
    frame = Study(entries={("small", "gap", "code"): 0.1}, texts=3).frame()
    runs = [{**KEY, "text_id": f"code-{n}", "corpus_loss": 3.0} for n in range(3)]
    table = results_of(frame, tmp_path, runs=runs, corpus_losses=given)
    for rows in (table("runs.csv"), table("entries.csv").query("row_kind == 'entry'")):
        assert set(rows["corpus_loss"].dropna()) == ({found} if found else set())


def test_the_paper_protocol_needs_no_select_split_and_gives_no_comparisons(tmp_path: Path) -> None:
    frame = Study().frame()
    frame = frame[frame["split"] == "test"]
    with pytest.raises(InputError, match="no select rows"):
        results_of(frame, tmp_path)
    table = results_of(frame, tmp_path, settings=ScoringSettings(protocol="paper"))
    assert table("comparisons.csv").empty
    entry = table("entries.csv").query("row_kind == 'entry'").iloc[0]
    runs = table("runs.csv").query("arm == 'gap'")
    assert entry["score_dialogue"] == pytest.approx(runs["test_dialogue"].mean())
    assert runs["paper_step_dialogue"].notna().all() and runs["selected_step"].isna().all()


def test_samples_of_base_models_alone_give_reference_rows(tmp_path: Path) -> None:
    table = results_of(Study(entries={}).frame(), tmp_path)
    assert set(table("entries.csv")["row_kind"]) == {"rung"}


def draws_of(study: Study, number: int) -> pd.DataFrame:
    """The study on several pretraining draws, whose documents answer otherwise."""
    frames = [Study(entries=study.entries, texts=1, steps=(1, 2), seed=0).frame() for _ in range(number)]
    for draw, frame in enumerate(frames):
        rng = np.random.default_rng(draw)
        moved = np.where(rng.random(len(frame)) < 0.05, 1 - frame["value"], frame["value"])
        frames[draw] = frame.assign(draw=draw, value=moved, probability=moved / 2)
    return pd.concat(frames)


@pytest.fixture(scope="module")
def drawn(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    path = write_frame(draws_of(study, 4), folder / "samples.parquet")
    run_score([path], MODELS, folder / "out", tasks=TASKS, settings=ScoringSettings(resamples=100))
    return folder / "out"


def test_draws_stand_in_every_table(drawn: Path) -> None:
    entries, runs = table(drawn, "entries.csv"), table(drawn, "runs.csv")
    assert set(entries["n_draws"]) == {4} and entries["conditional"].isna().all()
    assert set(runs["draw"]) == {0, 1, 2, 3}
    comparisons = table(drawn, "comparisons.csv")
    assert comparisons["conditional"].isna().all() and set(comparisons["n_draws"]) == {4}
    assert set(table(drawn, "pairs.csv")["n_draws"]) == {4}
    curves = table(drawn, "curves.csv").query("scope == 'all' and step == 0")
    rungs = entries.query("row_kind == 'rung'").set_index("model")["score_all"]
    np.testing.assert_allclose(curves["mean"], rungs.loc[curves["model"]])


def test_the_finer_measure_is_scored_by_family_and_never_over_both(drawn: Path, results: Path) -> None:
    scores, entries = table(drawn, "scores.csv"), table(drawn, "entries.csv")
    finer = scores[scores["measure"] == "probability"]
    assert set(finer["scope"]) == {"classification", "dialogue", "arc", "copa", "chat"}
    assert finer["chance"].isna().all()
    both = finer.merge(
        scores[scores["measure"] == "score"], on=["row_kind", "model", "arm", "corpus", "scope"]
    )
    np.testing.assert_allclose(both["score_x"], both["score_y"] / 2)
    np.testing.assert_allclose(entries["probability_dialogue"], entries["score_dialogue"] / 2)
    assert set(table(drawn, "comparisons.csv")["measure"]) == {"score", "probability"}
    assert set(table(results, "scores.csv")["measure"]) == {"score"}
    assert table(results, "entries.csv")["probability_dialogue"].isna().all()


def test_one_answer_a_document_has_wilson_s_interval_only_where_documents_are_independent(
    tmp_path: Path,
) -> None:
    frame = Study(entries={}).frame()
    rows = {}
    for name, cluster in (("alone", None), ("alike", (frame["doc_id"] // 16).astype(str))):
        found = results_of(frame if cluster is None else frame.assign(cluster=cluster), tmp_path / name)
        rows[name] = found("scores.csv").query("model == 'small' and scope == 'arc'").iloc[0]
    right = frame.query("model == 'small' and task == 'arc' and split == 'test'").sort_values("doc_id")[
        "value"
    ]
    assert (rows["alone"]["low"], rows["alone"]["high"]) == pytest.approx(
        tuple(map(float, wilson(right.sum(), 40)))
    )
    by_cluster = stats.ttest_1samp(right.to_numpy().reshape(5, 8).mean(axis=1), 0).confidence_interval()
    assert rows["alike"]["low"] == pytest.approx(max(by_cluster.low, 0))
    assert rows["alike"]["high"] == pytest.approx(min(by_cluster.high, 1))


def test_a_new_text_gains_with_the_probability_of_a_normal_of_mean_and_spread_between_texts() -> None:
    rng, layout = np.random.default_rng(0), layout_of(400)
    by_text = 0.01 + 0.02 * rng.normal(size=(200, 1))
    start = rng.random(400)
    values = start + by_text + 0.01 * rng.normal(size=400) + 0.05 * rng.normal(size=(200, 400))
    entry = entry_of("m", values, start, by="text")
    found = new_unit(entry, layout, gain(entry).estimated(layout).estimate)
    assert found[0] == pytest.approx(stats.norm.cdf(0.5), abs=0.05)
    assert found[1] < found[0] < found[2]
    assert found[0] == pytest.approx((by_text > 0).mean(), abs=0.05)
    low, high = gain(entry).estimated(layout).estimate.interval()
    between = stats.norm.ppf(found[2]) / high[0]
    assert stats.norm.ppf(found[1]) / low[0] == pytest.approx(between)
    two = entry_of("m", values[:2], start, by="text")
    alike = entry_of("m", np.tile(start + 0.1, (5, 1)), start, by="text")
    for few in (two, alike):
        assert np.isnan(new_unit(few, layout, gain(few).estimated(layout).estimate)).all()


def test_improvement_over_controls_is_paired_and_names_the_strongest_control() -> None:
    layout, start = layout_of(10), np.zeros(10)
    ours = entry_of("m", np.repeat([[0.1], [0.2], [0.3], [0.4]], 10, axis=1), start, by="text")
    weak, strong = (
        entry_of("m", ours.values + shift, start, arm=arm, by="text")
        for arm, shift in (("weak", -0.05), ("strong", np.array([[0.01], [0.0], [-0.01], [0.01]])))
    )
    assert improvement_over_control(ours, [weak, strong], layout) == (pytest.approx(1.5 / 4), "strong")
    assert improvement_over_control(ours, [weak], layout) == (1.0, "weak")
    other = entry_of("m", ours.values, start, ("w", "x", "y", "z"), arm="other", by="text")
    assert improvement_over_control(ours, [other], layout) == (None, None)


def test_a_draw_whose_run_diverged_counts_at_chance_in_curves(study: Study, tmp_path: Path) -> None:
    frame = draws_of(Study(entries={("small", "gap", "code"): 0.2}), 3)
    lost = (frame["arm"] == "gap") & (frame["draw"] == 1) & (frame["step"] == 2)
    settings = ScoringSettings(resamples=100)
    table = results_of(frame[~lost], tmp_path, runs=[lost_run("code-0", draw=1)], settings=settings)
    curves = table("curves.csv").query("scope == 'chat'").set_index("step")
    kept = frame[(frame["arm"] == "gap") & (frame["task"] == "chat") & (frame["split"] == "test")]
    by_draw = kept[kept["step"] == 2].groupby("draw")["value"].mean()
    assert curves.loc[2, "mean"] == pytest.approx((by_draw[0] + by_draw[2]) / 3)
    entry = table("entries.csv").query("row_kind == 'entry'").iloc[0]
    assert entry["share_diverged"] == pytest.approx(1 / 3)
