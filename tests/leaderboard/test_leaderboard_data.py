"""Reading the results folder: whole, partial, broken and changing."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from leaderboard.display import tables
from leaderboard.parts import document_rows
from leaderboard.parts.document_rows import Checkpoint
from leaderboard.site import track_data


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the made results that a test may spoil; returns the track's folder."""
    shutil.copytree(made, tmp_path / "results")
    monkeypatch.setenv("GAPBENCH_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results" / "micro"


def test_every_csv_is_read_as_it_stands(folder: Path) -> None:
    schemas = track_data.schemas("micro")
    for name in schemas:
        table = track_data.table("micro", name)
        stored = pd.read_csv(folder / name)
        if "measure" in stored:
            finer = track_data.table("micro", name, track_data.PROBABILITY)
            assert set(finer.frame["measure"]) == {"probability"} and "all" not in set(finer.frame["scope"])
            stored = stored[stored["measure"] == "score"].reset_index(drop=True)
        assert not table.problem and not table.note and len(table.frame) == len(stored), name
        numbers = [field.name for field in schemas[name] if pa.types.is_floating(field.type)]
        pd.testing.assert_frame_equal(table.frame[numbers], stored[numbers].astype(float), check_exact=True)


def test_results_of_an_older_version_are_read_with_their_former_names(folder: Path) -> None:
    former = {new: old for old, new in track_data.FORMER.items()}
    for name in ("entries.csv", "comparisons.csv", "scores.csv", "pairs.csv"):
        stored = pd.read_csv(folder / name)
        if "measure" in stored:
            stored = stored[stored["measure"] == "score"].drop(columns="measure").reset_index(drop=True)
        old = stored.drop(columns=["n_draws", "conditional"]).rename(columns=former)
        old.to_csv(folder / name, index=False)
        table = track_data.table("micro", name)
        assert "n_draws" in table.note and not table.problem
        assert list(table.frame["n_texts"]) == list(stored["n_texts"]), name
        assert table.frame["n_draws"].isna().all()
        assert "measure" not in table.frame or set(table.frame["measure"]) == {"score"}
        assert not track_data.table("micro", name, track_data.PROBABILITY) or name not in (
            "comparisons.csv",
            "scores.csv",
        )


def test_a_changed_file_is_read_again(folder: Path) -> None:
    before = len(track_data.table("micro", "entries.csv").frame)
    path = folder / "entries.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    os.utime(path, ns=(1, 1))
    assert before > 1 and len(track_data.table("micro", "entries.csv").frame) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe garbage \x80", b"a,b\n1\n2,3,4\n", b"model,arm\nx,y\n"]
)
def test_a_broken_table_is_a_sentence(folder: Path, content: bytes) -> None:
    (folder / "entries.csv").write_bytes(content)
    table = track_data.table("micro", "entries.csv")
    assert not table and "entries.csv" in table.problem and "\n" not in table.problem


def test_cells_that_are_no_numbers_are_empty_and_named(folder: Path) -> None:
    frame = pd.read_csv(folder / "entries.csv", dtype=str)
    frame.loc[0, "score_all"] = "lots"
    frame.to_csv(folder / "entries.csv", index=False)
    table = track_data.table("micro", "entries.csv")
    assert "score_all" in table.note
    assert (
        table.frame["score_all"].isna().sum() == 1
        and table.frame["score_all"].notna().sum() == len(frame) - 1
    )


def test_an_absent_column_is_empty_and_named(folder: Path) -> None:
    pd.read_csv(folder / "entries.csv").drop(columns=["effective_size"]).to_csv(
        folder / "entries.csv", index=False
    )
    table = track_data.table("micro", "entries.csv")
    assert "effective_size" in table.note and table.frame["effective_size"].isna().all()


def test_absent_files_and_tracks_are_sentences(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pairs.csv" in track_data.table("nowhere", "pairs.csv").problem
    (folder / "claims.json").write_text("{")
    content, problem = track_data.document("micro", "claims.json")
    assert content is None and "claims.json" in problem
    monkeypatch.setenv("GAPBENCH_RESULTS", str(folder / "nothing"))
    assert track_data.tracks() == []


def test_documents_are_read_by_filter(folder: Path) -> None:
    stored = pd.read_parquet(folder / "documents.parquet")
    runs = pd.read_csv(folder / "runs.csv")
    one = runs[(runs["arm"] == "gap") & (runs["corpus"] == "code")].iloc[0]
    who = {
        "treated": Checkpoint(one["model"], "gap", "code", one["text_id"]),
        "untreated": Checkpoint(one["model"]),
    }
    frame, absent = document_rows.side_by_side("micro", "cause", who)
    assert absent == []
    expected = stored[
        (stored["task"] == "cause")
        & (stored["model"] == one["model"])
        & (stored["arm"] == "gap")
        & (stored["text_id"] == one["text_id"])
    ]
    assert list(frame["treated score"]) == list(expected.sort_values("doc_id")["value"])
    ordered = document_rows.differing_first(frame, "treated", "untreated")
    changed = (ordered["change"] != "= same").to_numpy()
    assert changed.any() and not changed[changed.sum() :].any()


def test_broken_documents_are_a_sentence(folder: Path) -> None:
    (folder / "documents.parquet").write_bytes(b"PAR1 not really")
    assert "documents.parquet" in document_rows.available("micro")
    (folder / "documents.parquet").unlink()
    assert "documents.parquet" in document_rows.available("micro")


def test_csv_downloads_keep_numbers_and_disarm_formulas() -> None:
    frame = pd.DataFrame({"name": ["=1+1", "-", "plain", "-2+3"], "value": [-0.1, 0.1 + 0.2, None, 1.0]})
    lines = tables.csv_bytes(frame).decode().splitlines()
    assert lines == ["name,value", "'=1+1,-0.1", "-,0.30000000000000004", "plain,", "'-2+3,1.0"]


@pytest.mark.parametrize("name", ["draws.csv", "familiarity.csv"])
def test_a_broken_result_is_named_as_it_stands_in_the_project(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "micro" / name).mkdir(parents=True)
    monkeypatch.setenv("GAPBENCH_RESULTS", str(tmp_path))
    problem = track_data.table("micro", name).problem
    assert f"results/micro/{name}" in problem
    assert str(tmp_path) not in problem
