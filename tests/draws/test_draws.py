"""Several pretraining draws from training to tables: trained ones, kept ones, and kept ones that do not fit."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from benchmark.commands.single_run import find_model
from benchmark.draws import check_kept_draw, make_kept_draws, micro_draws
from benchmark.draws.check_kept_draw import FIELD, check, retrain_one
from benchmark.draws.from_nothing import compare, make_track
from benchmark.draws.kept_at_scoring import KeptScores, fitting_kept_draws
from benchmark.draws.kept_folder import KeptFolder
from benchmark.errors import CheckFailed, InputError
from benchmark.models.micro_cache import Ladder, retrain
from benchmark.pipeline import stages
from benchmark.pipeline.score_stage import group_records
from benchmark.posttrain import run_group
from benchmark.posttrain.base_model import read_model
from benchmark.schema.stored_columns import NO_ARM
from benchmark.settings.load import load_settings
from benchmark.store.tracks import open_track
from benchmark.system.files import read_json, read_json_lines, write_json
from tests.pipeline.small import edit_params, run_stages

RUNG = {
    "kind": "micro",
    "tokens": 8000,
    "hidden": 16,
    "layers": 1,
    "heads": 2,
    "ffn": 32,
    "draws": 4,
    "trained": 2,
}
PARAMS: dict[str, Any] = {
    "track": {"name": "micro", "root": ".", "params": "params.yaml"},
    "models": {
        "tiny": {**RUNG, "role": "treated"},
        "larger": {**RUNG, "role": "baseline", "hidden": 40, "draws": 3},
    },
    "corpora": {"code": {"kind": "micro", "part": "code", "texts": 2}},
    "arms": {"gap": {"kind": "ascent"}, "random": {"kind": "random"}},
    "posttrain": {"learning_rate": 1e-3, "max_steps": 2},
    "evaluation": {
        "suite": "micro12", "tasks": ["micro_cause", "micro_persona"], "max_length": 128, "documents": 12,
        "select_documents": 6, "base_documents": 16, "steps": [2],
    },
    "execution": {"workers": 1},
    "scoring": {"resamples": 100},
    "claims": {"corpora": ["code"], "pairs": {"tiny": "larger"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def pristine(micro_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A track with two trained draws of each model, kept ones made, and results."""
    root = tmp_path_factory.mktemp("draws")
    shutil.copytree(micro_cache, root / ".gapbench" / "cache")
    params = root / "params.yaml"
    params.write_text(yaml.safe_dump(PARAMS, sort_keys=False), encoding="utf-8")
    make_kept_draws.make(params, [])
    run_stages(params)
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A copy without journal and without trained rungs; the tokenizer is there."""
    ignored = shutil.ignore_patterns("journal", "rungs")
    return Path(shutil.copytree(pristine, tmp_path / "track", ignore=ignored))


def taken(root: Path) -> KeptScores:
    """What scoring takes in of the kept draws."""
    settings, paths = open_track(root / "params.yaml")
    bases = {model: read_json(paths.run_group(model, NO_ARM) / "base.json") for model in settings.models}
    trained = [record for record, _ in group_records(settings, paths)]
    return fitting_kept_draws(settings, paths, bases, trained)


def origins(kept: KeptScores) -> dict[tuple[str, int], str]:
    return {(row.model, row.draw): row.origin for row in kept.rows}


def draws_table(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "results/micro/draws.csv", keep_default_na=False)


def edit_kept(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what `kept.json` says of every draw."""
    path = root / "kept/micro/kept.json"
    told = read_json(path)
    for draws in told["models"].values():
        for facts in draws.values():
            change(facts)
    write_json(path, told)


def test_each_draw_has_a_folder_and_is_what_its_seed_alone_gives(pristine: Path, tmp_path: Path) -> None:
    models = pristine / "data/micro/models"
    assert sorted(path.name for path in (models / "tiny").iterdir()) == ["0", "1", "model.json"]
    told = read_json(models / "tiny/model.json")
    assert len(set(told["weights_sha256"])) == 2
    spec = micro_draws.micro_models(load_settings(pristine / "params.yaml"))["tiny"].drawn(1)
    retrain(Ladder({"alone": spec}, pristine / ".gapbench/cache"), "alone", 0, tmp_path)
    assert read_model(tmp_path)[2] == read_model(models / "tiny/1")[2]


def test_base_scores_hold_all_draws(pristine: Path) -> None:
    folder = pristine / "data/micro/runs/tiny/none"
    told = read_json(folder / "base.json")
    assert len(set(told["model_digest"])) == len(told["averages"]) == len(told["metrics"]) == 2
    samples = pq.read_table(folder / "samples.parquet")
    means = (
        samples.filter(pc.field("split") == "test").group_by(["draw", "task"]).aggregate([("value", "mean")])
    )
    for draw in (0, 1):
        rows = [row["value_mean"] for row in means.to_pylist() if row["draw"] == draw]
        assert sum(rows) / len(rows) == pytest.approx(told["averages"][draw]["test"]["all"])


def test_texts_are_nested_in_draws(pristine: Path) -> None:
    folder = pristine / "data/micro/runs/tiny/code"
    records = read_json_lines(folder / "runs.jsonl")
    assert {(record["index"], record["draw"]) for record in records} == {(0, 0), (1, 1)}
    digests = read_json(folder / "cell.json")["model_digest"]
    assert all(record["model_digest"] == digests[record["draw"]] for record in records)
    samples = pq.read_table(folder / "samples.parquet").group_by(["text_id", "draw"]).aggregate([])
    assert samples.num_rows == 2


def test_the_tables_say_which_draws_were_trained_and_which_kept(pristine: Path) -> None:
    table = draws_table(pristine)
    found = {(row.model, row.draw): (row.origin, row.n_texts) for row in table.itertuples()}
    assert found == {
        ("tiny", 0): ("trained", 1), ("tiny", 1): ("trained", 1), ("tiny", 2): ("kept", 1), ("tiny", 3): ("kept", 1),
        ("larger", 0): ("trained", 0), ("larger", 1): ("trained", 0), ("larger", 2): ("kept", 0),
    }  # fmt: skip
    assert table["weights_sha256"].str.fullmatch("[0-9a-f]{64}").all()
    runs = pd.read_csv(pristine / "results/micro/runs.csv")
    assert sorted(set(runs["index"])) == [0, 1, 2, 3]
    texts = pq.read_table(pristine / "results/micro/texts.parquet").column("text_id").to_pylist()
    assert set(runs["text_id"]) <= set(texts)
    provenance = read_json(pristine / "results/micro/provenance.json")
    assert provenance["draws"]["tiny"] == {"trained": 2, "kept": 2, "refused": 0}


def test_kept_draws_are_what_the_pipeline_trains_where_all_are_trained(
    pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "track"
    shutil.copytree(pristine, root, ignore=shutil.ignore_patterns("journal"))
    name = make_track(root / "params.yaml")
    other = root / "tracks" / name / "params.yaml"
    assert load_settings(other).models["tiny"].trained_draws == 4
    assert load_settings(other).corpora["code"].texts == 4
    run_stages(other)
    trained = root / "data" / name / "runs/tiny"
    tables = [pq.read_table(trained / place / "samples.parquet") for place in ("none", "code")]
    expected = pa.concat_tables(tables).filter(pc.field("draw") >= 2)
    kept = pa.concat_tables([one for one in taken(root).samples if one.column("model")[0].as_py() == "tiny"])
    columns = ["draw", "arm", "corpus", "text_id", "seed", "step", "task", "split", "doc_id"]
    figures = ["family", "metric", "target", "cluster", "value", "probability"]
    left, right = (one.to_pandas().set_index(columns)[figures].sort_index() for one in (expected, kept))
    pd.testing.assert_frame_equal(left, right, check_exact=False, rtol=0, atol=1.01e-6)
    compare(root / "params.yaml")
    assert "3 kept draws and 4 of their runs" in capsys.readouterr().out
    edit_kept(root, lambda facts: facts.update(model_digest="0" * 64))
    with pytest.raises(CheckFailed, match="3 have other weights, the first larger draw 2"):
        compare(root / "params.yaml")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("suite_version", "0", "other suite version: kept 0, here"),
        ("documents", "0" * 64, "other documents: kept 000000000000"),
        ("arithmetic", "native: another machine", "other arithmetic: kept native: another machine"),
        ("recipe", "0" * 64, r"other settings \(recipe\)"),
        ("model_digest", "weights-tokenizer", "other tokenizer"),
    ],
)
def test_kept_draws_that_do_not_fit_are_left_out_and_said_so(
    field: str, value: str, says: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_kept(root, lambda facts: facts.update({field: value}))
    stages.score(root / "params.yaml")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kept draws")]
    assert "0 used, 3 left out" in line
    table = draws_table(root).set_index(["model", "draw"])
    assert set(table.loc[[("tiny", 2), ("tiny", 3), ("larger", 2)], "origin"]) == {"refused"}
    assert table.loc[[("tiny", 2)], "reason"].str.contains(says).all()
    runs = pd.read_csv(root / "results/micro/runs.csv")
    assert sorted(set(runs["index"])) == [0, 1]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        (
            {"models": {**PARAMS["models"], "tiny": {**PARAMS["models"]["tiny"], "learning_rate": 1e-3}}},
            {"tiny"},
        ),
        ({"models": {**PARAMS["models"], "tiny": {**PARAMS["models"]["tiny"], "seed": 7}}}, {"tiny"}),
        ({"evaluation": {"max_length": 100}}, {"tiny", "larger"}),
        ({"execution": {"workers": 2}}, set()),
    ],
)
def test_kept_draws_are_those_of_the_settings(changes: dict[str, Any], refused: set[str], root: Path) -> None:
    edit_params(root / "params.yaml", changes)
    found = origins(taken(root))
    assert {model for (model, _), origin in found.items() if origin == "refused"} == refused


@pytest.mark.parametrize(
    ("changes", "left", "says"),
    [
        (
            {"arms": {"gap": {"kind": "ascent", "learning_rate": 1e-4}, "random": {"kind": "random"}}},
            2,
            "gap/code",
        ),
        ({"arms": {"gap": {"kind": "ascent"}}}, 2, ""),
        ({"posttrain": {"max_steps": 3}}, 0, "other settings"),
        (
            {"corpora": {"code": {"kind": "micro", "part": "code", "texts": 2, "seed": 1}}},
            0,
            "other settings",
        ),
    ],
)
def test_runs_of_kept_draws_are_those_of_the_settings_and_bases_stay(
    changes: dict[str, Any], left: int, says: str, root: Path
) -> None:
    edit_params(root / "params.yaml", changes)
    kept = taken(root)
    assert "refused" not in origins(kept).values()
    assert len(kept.records) == left
    reasons = [reason for row in kept.rows for reason in row.reasons]
    assert all(says in reason for reason in reasons)
    assert bool(reasons) == bool(says)


def test_runs_on_other_documents_and_texts_are_left_out(root: Path) -> None:
    path = root / "data/micro/runs/tiny/code/cell.json"
    told = read_json(path)
    write_json(path, told | {"documents": "another"})
    kept = taken(root)
    assert not kept.records
    assert {reason.partition(": ")[2] for row in kept.rows for reason in row.reasons} == {"other documents"}
    write_json(path, told)
    texts = root / "data/micro/corpora/code/texts.parquet"
    table = pq.read_table(texts)
    place = table.schema.get_field_index("text_id")
    pq.write_table(table.set_column(place, "text_id", pa.array(["one", "two"])), texts)
    kept = taken(root)
    assert not kept.records
    assert {reason.partition(": ")[2] for row in kept.rows for reason in row.reasons} == {"other texts"}


def test_nothing_kept_is_said(root: Path) -> None:
    shutil.rmtree(root / "kept")
    kept = taken(root)
    assert not kept.samples
    assert "3 left out; tiny draw 2: nothing is kept of it: `gapbench draws make`" in str(kept)


def test_an_interrupted_call_continues_and_gives_the_same_bytes(
    pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(pristine, tmp_path / "track"))
    before = {
        path.relative_to(root): path.read_bytes() for path in (root / "kept").rglob("*") if path.is_file()
    }
    shutil.rmtree(root / "kept")

    def fails(*arguments: Any, **named: Any) -> None:
        raise AssertionError("done again")

    monkeypatch.setattr(run_group, "execute_run", fails)
    monkeypatch.setattr(make_kept_draws, "base_scores", fails)
    monkeypatch.setattr("benchmark.models.micro_cache.train_rung", fails)
    for models in (["tiny"], ["larger"]):
        make_kept_draws.make(root / "params.yaml", models)
    after = {
        path.relative_to(root): path.read_bytes() for path in (root / "kept").rglob("*") if path.is_file()
    }
    assert after == before
    assert KeptFolder(root / "kept/micro").texts().num_rows == 4


@pytest.mark.parametrize(
    ("changes", "models", "says"),
    [
        ({"corpora": {"code": {"kind": "micro", "part": "code", "texts": 3}}}, [], "give at most 2 texts"),
        ({"corpora": {"code": {"kind": "micro", "part": "seen", "texts": 2, "seed": 1}}}, [], "use seed 0"),
        ({"models": {"tiny": {**RUNG, "draws": 2}}, "claims": {"pairs": {}}}, [], "no draw to keep"),
        ({}, ["tny"], "did you mean 'tiny'"),
        (
            {"models": {"tiny": {**RUNG, "trained": 5}}, "claims": {"pairs": {}}},
            [],
            "trained 5: there are 4 draws",
        ),
    ],
)
def test_draws_that_cannot_be_kept_are_refused_in_one_line(
    changes: dict[str, Any], models: list[str], says: str, root: Path
) -> None:
    edit_params(root / "params.yaml", changes)
    with pytest.raises(InputError, match=says):
        make_kept_draws.make(root / "params.yaml", models)


def checked(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(root / "results/micro/provenance.json")[FIELD]
    return found


def test_a_kept_draw_that_is_trained_again_has_the_recorded_weights(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(root / "params.yaml", seed=5)
    said = capsys.readouterr().out
    assert "--seed 5" in said
    assert "the weights are those of the record" in said
    told = checked(root)
    assert (told["seed"], told["agrees"], told["compared"]) == (5, True, "weights")
    assert (told["model"], told["draw"]) in {("tiny", 2), ("tiny", 3), ("larger", 2)}
    check(root / "params.yaml")
    assert isinstance(checked(root)["seed"], int)


def test_a_draw_that_was_trained_beside_the_pipeline_is_compared_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    retrained = []
    train = check_kept_draw.retrain
    monkeypatch.setattr(
        check_kept_draw, "retrain", lambda *given: (retrained.append(given[1:3]), train(*given))
    )
    monkeypatch.setattr("os.nice", lambda _: 0)
    retrain_one(root / "params.yaml", seed=7)
    check(root / "params.yaml")
    told = checked(root)
    assert retrained == [(told["model"], told["draw"])]
    assert (told["seed"], told["agrees"]) == (7, True)
    assert capsys.readouterr().out.count("training kept draw") == 1
    check(root / "params.yaml")
    assert len(retrained) == 2


def test_a_draw_that_was_trained_for_other_settings_is_not_compared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)
    retrain_one(root / "params.yaml", seed=7)
    (chosen,) = (root / ".gapbench/retrained").rglob(check_kept_draw.CHOSEN)
    chosen.write_text(chosen.read_text().replace('"recipe": "', '"recipe": "0'), encoding="utf-8")
    check(root / "params.yaml")
    assert checked(root)["agrees"] is True
    assert not chosen.exists()


def test_a_record_that_is_wrong_is_found_and_noted(root: Path) -> None:
    edit_kept(root, lambda facts: facts.update(model_digest="0" * 64))
    with pytest.raises(CheckFailed, match="the weights are NOT those of the record"):
        check(root / "params.yaml", seed=1)
    assert checked(root)["agrees"] is False


@pytest.mark.parametrize(("moved", "agrees"), [(0.0, True), (0.5, False)])
def test_in_another_arithmetic_scores_are_held_to_the_bound_of_a_draw(
    moved: float, agrees: bool, root: Path
) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["arithmetic"], facts["model_digest"] = "native: another machine", "0" * 64
        facts["averages"] = {scope: value + moved for scope, value in facts["averages"].items()}

    edit_kept(root, change)
    if agrees:
        check(root / "params.yaml", seed=2)
    else:
        with pytest.raises(CheckFailed, match="OUTSIDE their bounds"):
            check(root / "params.yaml", seed=2)
    told = checked(root)
    assert (told["compared"], told["agrees"]) == ("scores", agrees)


def test_where_nothing_is_kept_nothing_is_trained_again(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(root / "kept")
    monkeypatch.setattr(check_kept_draw, "retrain", lambda *_: pytest.fail("trained"))
    check(root / "params.yaml")
    assert "nothing to train again" in capsys.readouterr().out


def test_a_run_can_name_a_trained_draw(root: Path) -> None:
    (root / "dvc.yaml").write_text("", encoding="utf-8")
    assert find_model("tiny", root, 1)[1] == root / "data/micro/models/tiny/1"
    with pytest.raises(
        InputError, match=r"--draw 2: model tiny has draws 0 to 1 \(draws up to 3 are kept as scores"
    ):
        find_model("tiny", root, 2)
    with pytest.raises(InputError, match="only a model of the ladder has further draws"):
        find_model(str(root / "data/micro/models/tiny/1"), root, 1)
    assert (root / "data/micro/runs/tiny" / NO_ARM).is_dir()
