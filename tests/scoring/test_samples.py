"""Sample tables: read whatever their order, and refused in one line where they are not of the schema."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.errors import InputError
from benchmark.scoring.run_records import Records
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.samples import RunKey
from benchmark.scoring.selection import base_scores, select_entry
from tests.scoring.synthetic import TASKS, Study, write_frame

Change = Callable[[pd.DataFrame], pd.DataFrame]


def first_run(frame: pd.DataFrame) -> pd.Series:
    return (frame["arm"] == "gap") & (frame["text_id"] == "code-0") & (frame["step"] == 1)


def set_first(column: str, value: object) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        frame[column] = frame[column].astype(object if isinstance(value, str) else frame[column].dtype)
        frame.loc[frame.index[first_run(frame)][0], column] = value
        return frame

    return change


def call_the_family(name: str) -> Change:
    return lambda frame: frame.assign(family=frame["family"].replace("classification", name))


def share_a_document(frame: pd.DataFrame) -> pd.DataFrame:
    moved = frame[(frame["split"] == "select") & (frame["doc_id"] == 0)].assign(split="test")
    return pd.concat([frame, moved])


def drop_test_document(frame: pd.DataFrame) -> pd.DataFrame:
    row = frame.index[first_run(frame) & (frame["split"] == "test")][0]
    return frame.drop(index=row)


def drop_base_document(frame: pd.DataFrame) -> pd.DataFrame:
    base = (frame["model"] == "small") & (frame["arm"] == "none") & (frame["split"] == "test")
    return frame.drop(index=frame.index[base][0])


REFUSED: list[tuple[str, Change, str]] = [
    ("a missing column", lambda f: f.drop(columns=["value", "seed"]), "columns missing: seed, value"),
    ("a value above 1", set_first("value", 1.5), "value 1.5 at task arc, doc_id 0 is not in"),
    ("a value below 0", set_first("value", -0.1), "value -0.1"),
    ("a value that is no number", set_first("value", np.nan), "value nan|empty cells"),
    ("an infinite value", set_first("value", np.inf), "value inf"),
    ("text for a number", lambda f: f.assign(value="1"), "column value is (large_)?string"),
    ("a fraction for a step", lambda f: f.assign(step=0.5), "column step is double"),
    ("an empty cell", set_first("task", None), "column task has empty cells"),
    ("a negative document", set_first("doc_id", -1), "column doc_id has -1"),
    ("an unknown split", set_first("split", "train"), "split 'train' is unknown"),
    ("two families of a task", set_first("family", "summary"), "task arc is both"),
    ("a family called all", call_the_family("all"), "no family can be called 'all': all and corpus"),
    (
        "a family like an end of an interval",
        call_the_family("x_low"),
        "task arc: no family can be called 'x_low'",
    ),
    ("a family with a comma", call_the_family("a,b"), "no family can be called 'a,b': use letters"),
    ("a family named as a task", lambda f: f.replace({"family": {"dialogue": "arc"}}), "the name of a task"),
    ("an unknown metric", set_first("metric", "bleu"), "metric 'bleu' is unknown"),
    ("two metrics of a task", set_first("metric", "f1"), "task arc is both"),
    ("two tracks", set_first("track", "other"), "tracks t and other; score one at a time"),
    ("a repeated key", lambda f: pd.concat([f, f.iloc[[5]]]), "1 rows repeat another row's key"),
    ("a repeated file", lambda f: pd.concat([f, f]), "repeat another row's key"),
    ("a shared document", share_a_document, "document 0 is in both select and test"),
    ("a missing document of a run", drop_test_document, "119 of the 120 test documents"),
    ("a missing document of the base", drop_base_document, "has no row of base model small"),
    ("no base model", lambda f: f[f["arm"] != "none"], "base model small has no"),
    ("a base model at step 1", lambda f: f.assign(step=f["step"].clip(lower=1)), "step 0 only"),
    ("a run at step 0", set_first("step", 0), "step 0 of model small, arm gap"),
    ("a base model with a text", lambda f: f.replace({"text_id": {"-": "t"}}), "must have arm and corpus"),
    ("a task without test documents", lambda f: f[(f["task"] != "arc") | (f["split"] == "select")], "arc"),
    (
        "one split of a step",
        lambda f: f[~(first_run(f) & (f["split"] == "test"))],
        "one of select and test only",
    ),
    ("a draw that is text", lambda f: f.assign(draw="first"), "column draw is (large_)?string, not int32"),
    ("a cluster that is a number", lambda f: f.assign(cluster=3), "column cluster is int64, not string"),
    ("a negative draw", lambda f: f.assign(draw=-1), "column draw has -1"),
    (
        "a probability above 1",
        lambda f: f.assign(probability=1.5),
        "probability 1.5 at task arc, doc_id 0 is not",
    ),
    ("an infinite probability", lambda f: f.assign(probability=-np.inf), "probability -inf at task arc"),
    (
        "a document with two clusters",
        lambda f: f.assign(cluster=np.where(first_run(f) & (f["doc_id"] == 6), "other", "one")),
        "document 6 of task arc has the clusters 'one' and 'other'; a document has one cluster",
    ),
    (
        "probabilities of some rows",
        lambda f: f.assign(probability=np.where(first_run(f) & (f["doc_id"] == 7), np.nan, 0.5)),
        "run small/gap/code/code-0/0, step 1: 117 of 120 rows have a probability",
    ),
    (
        "probabilities of some rows of a base model",
        lambda f: f.assign(probability=np.where((f["arm"] == "none") & (f["doc_id"] == 7), np.nan, 0.5)),
        "base model large, draw 0: 117 of 120 rows have a probability",
    ),
    ("no rows", lambda f: f.iloc[:0], "no sample rows"),
]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return Study(texts=2, steps=(1, 2)).frame()


@pytest.mark.parametrize(
    ("change", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_a_table_is_refused_in_one_line(
    frame: pd.DataFrame, change: Change, message: str, tmp_path: Path
) -> None:
    path = write_frame(change(frame), tmp_path / "samples.parquet")
    with pytest.raises(InputError, match=message) as refused:
        read_samples([path])
    assert "\n" not in str(refused.value)


def test_a_repeat_is_told_by_its_key_and_its_files(frame: pd.DataFrame, tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_frame(frame[frame["arm"] != "gap"], first)
    row = frame[first_run(frame) & (frame["split"] == "test")].iloc[[7]]
    write_frame(pd.concat([frame[frame["arm"] == "gap"], row]), second)
    key = (
        f"small/gap/code/code-0/0, step 1, test document {row['doc_id'].item()} of task {row['task'].item()}"
    )
    with pytest.raises(InputError, match=f"^1 rows repeat another row's key: {second} holds twice {key};"):
        read_samples([first, second])
    write_frame(frame[frame["arm"] == "gap"], second)
    write_frame(row, tmp_path / "c.parquet")
    with pytest.raises(InputError, match=f"{second} and {tmp_path / 'c.parquet'} hold {key};"):
        read_samples([tmp_path])


def test_a_copy_of_a_file_is_refused_and_a_file_named_twice_counts_once(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    path, copy = write_frame(frame, tmp_path / "a.parquet"), tmp_path / "copy.parquet"
    assert read_samples([path, path]).runs == read_samples([path]).runs
    copy.write_bytes(path.read_bytes())
    with pytest.raises(
        InputError, match=f"{len(frame)} rows repeat .*: {path} and {copy} hold small/"
    ) as refused:
        read_samples([path, copy])
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    path.write_text("model,value\n")
    with pytest.raises(InputError, match="not a parquet file"):
        read_samples([path])
    with pytest.raises(InputError, match="no such file"):
        read_samples([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"arc": {"family": "dialogue"}}, "family of arc"),
        ({"arc": {"metric": "f1"}}, "metric of arc"),
        ({"arc": {"chance": 1.5}}, "chance of arc"),
        ({"arc": {"chance": "half"}}, "chance of arc"),
    ],
)
def test_a_tasks_file_that_disagrees_is_refused(
    frame: pd.DataFrame, tasks: dict[str, dict[str, object]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read_samples([write_frame(frame, tmp_path / "samples.parquet")], tasks)


def test_rows_and_files_in_any_order_read_the_same(frame: pd.DataFrame, tmp_path: Path) -> None:
    one = read_samples([write_frame(frame, tmp_path / "one" / "samples.parquet")], TASKS)
    shuffled = frame.sample(frac=1, random_state=0)
    halves = [write_frame(shuffled[n::2], tmp_path / "two" / f"{9 - n}.parquet") for n in (0, 1)]
    two = read_samples(halves, TASKS)
    assert one.runs == two.runs
    for split in ("select", "test"):
        np.testing.assert_array_equal(one.values[split], two.values[split])
        np.testing.assert_array_equal(one.bases[split]["small", 0], two.bases[split]["small", 0])
        np.testing.assert_array_equal(one.layouts[split].doc_id, two.layouts[split].doc_id)


def test_values_stand_at_their_run_step_and_document(frame: pd.DataFrame, tmp_path: Path) -> None:
    samples = read_samples([write_frame(frame, tmp_path / "samples.parquet")], TASKS)
    run = next(n for n, key in enumerate(samples.runs) if key.arm == "gap" and key.text_id == "code-1")
    layout = samples.layouts["test"]
    chat = next(n for n, task in enumerate(layout.tasks) if task.name == "chat")
    mine = frame[(frame["arm"] == "gap") & (frame["text_id"] == "code-1") & (frame["step"] == 2)]
    expected = mine[(mine["task"] == "chat") & (mine["split"] == "test")].sort_values("doc_id")["value"]
    found = samples.values["test"][run, 1][layout.task_of[samples.held["test"]] == chat]
    np.testing.assert_array_equal(found, expected)


def test_small_row_groups_plain_strings_and_other_integers_read_the_same(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    one = read_samples([write_frame(frame, tmp_path / "one.parquet")])
    table = pa.Table.from_pandas(frame.astype({"step": "int8", "seed": "int16"}), preserve_index=False)
    pq.write_table(table, tmp_path / "two.parquet", row_group_size=37, use_dictionary=False)
    two = read_samples([tmp_path / "two.parquet"])
    np.testing.assert_array_equal(one.values["test"], two.values["test"])


def test_base_models_need_no_select_documents(frame: pd.DataFrame, tmp_path: Path) -> None:
    few = frame[(frame["arm"] != "none") | (frame["split"] == "test")]
    samples = read_samples([write_frame(few, tmp_path / "samples.parquet")])
    assert np.isnan(samples.bases["select"]["small", 0]).all()


def test_base_models_may_have_more_documents_than_runs(frame: pd.DataFrame, tmp_path: Path) -> None:
    few = frame[(frame["arm"] == "none") | (frame["doc_id"] < 40)]
    samples = read_samples([write_frame(few, tmp_path / "samples.parquet")])
    assert samples.values["test"].shape[-1] == 60
    assert samples.layouts["test"].size == 120


def finer(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with clusters of four documents and a probability."""
    cluster = frame["task"].str[:1] + (frame["doc_id"] // 8).astype(str)
    return frame.assign(draw=0, cluster=cluster, probability=frame["value"] / 2)


def test_documents_of_one_cluster_are_numbered_alike_within_their_task(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    shared = frame.assign(cluster=(frame["doc_id"] // 8).astype(str))
    for number, given in enumerate((finer(frame), shared, shared.sample(frac=1, random_state=1))):
        path = write_frame(given, tmp_path / f"{number}.parquet")
        for layout in read_samples([path], TASKS).layouts.values():
            np.testing.assert_array_equal(layout.cluster, layout.task_of * 10 + layout.doc_id // 8)
            assert layout.effective_clusters.tolist() == [10, 10, 10]
            np.testing.assert_array_equal(layout.cluster_task[layout.cluster], layout.task_of)


def test_a_part_of_a_layout_numbers_its_clusters_anew(frame: pd.DataFrame, tmp_path: Path) -> None:
    layout = read_samples([write_frame(finer(frame), tmp_path / "s.parquet")]).layouts["test"]
    columns = np.flatnonzero(layout.doc_id >= 40)
    few = layout.subset(columns, "some")
    np.testing.assert_array_equal(few.cluster, np.unique(layout.cluster[columns], return_inverse=True)[1])
    assert few.effective_clusters.tolist() == [5, 5, 5]


@pytest.mark.parametrize("empty", [False, True])
def test_without_the_columns_each_document_is_its_own_cluster_of_draw_0(
    frame: pd.DataFrame, empty: bool, tmp_path: Path
) -> None:
    given = frame.assign(draw=None, cluster=None, probability=None) if empty else frame
    samples = read_samples([write_frame(given, tmp_path / "samples.parquet")])
    for layout in samples.layouts.values():
        assert layout.cluster.tolist() == list(range(layout.size))
    assert {run.draw for run in samples.runs} == {0}
    assert {draw for _, draw in samples.bases["test"]} == {0}
    assert not samples.probabilities and not samples.base_probabilities
    assert base_scores(samples)["small"].finer is None


def test_a_file_that_names_no_cluster_takes_those_of_the_others(frame: pd.DataFrame, tmp_path: Path) -> None:
    base, whole = frame["arm"] == "none", finer(frame)
    write_frame(frame[base], tmp_path / "a.parquet")
    write_frame(whole[~base], tmp_path / "b.parquet")
    samples = read_samples([tmp_path])
    assert samples.layouts["test"].effective_clusters.tolist() == [10, 10, 10]
    assert base_scores(samples)["small"].finer is None
    assert select_entry(samples, ("small", "gap", "code"), Records(), paper=False).chosen.finer is None


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_probabilities_stand_where_the_values_do(seeds: tuple[int, ...], tmp_path: Path) -> None:
    given = finer(Study(texts=2, steps=(1, 2), seeds=seeds).frame())
    samples = read_samples([write_frame(given, tmp_path / "samples.parquet")], TASKS)
    for split in ("select", "test"):
        np.testing.assert_array_equal(samples.probabilities[split], samples.values[split] / 2)
    for paper in (False, True):
        chosen = select_entry(samples, ("small", "gap", "code"), Records(), paper).chosen
        assert chosen.finer is not None and chosen.start is not None
        np.testing.assert_allclose(chosen.finer[0], chosen.values / 2)
        np.testing.assert_allclose(chosen.finer[1], chosen.start / 2)
    some = chosen.columns[::3]
    on_some, finer_on_some = chosen.on_columns(some), chosen.on("probability")
    assert on_some.finer is not None and finer_on_some is not None
    np.testing.assert_array_equal(on_some.finer[0], finer_on_some.at(some))
    for scores in base_scores(samples).values():
        assert scores.finer is not None and scores.finer[1] is None
        np.testing.assert_array_equal(scores.finer[0], scores.values / 2)


def test_draws_are_apart_and_a_base_models_scores_are_their_mean(frame: pd.DataFrame, tmp_path: Path) -> None:
    other = frame.assign(draw=1, value=1 - frame["value"])
    samples = read_samples([write_frame(pd.concat([frame.assign(draw=0), other]), tmp_path / "s.parquet")])
    assert {run.draw for run in samples.runs} == {0, 1}
    assert len(samples.runs) == len(set(samples.runs)) == 8
    first, second = (samples.bases["test"]["small", draw] for draw in (0, 1))
    np.testing.assert_allclose(first + second, 1)
    base = base_scores(samples)["small"]
    assert base.units == ("draw 000", "draw 001")
    np.testing.assert_allclose(base.values, [first, second])
    assert str(RunKey("m", "a", "c", "t", 0)) == "m/a/c/t/0"
    assert str(RunKey("m", "a", "c", "t", 0, 2)) == "m/a/c/t/0, draw 2"
