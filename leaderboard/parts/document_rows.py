"""Scored documents of a few checkpoints, read from `documents.parquet` by filter: never the whole table."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import streamlit as st

from benchmark.schema.stored_columns import NO_ARM, NO_TEXT, SAMPLES
from leaderboard.display.columns import Column
from leaderboard.site import track_data
from leaderboard.site.track_data import Stamp

FILE = "documents.parquet"
COLUMNS = ["model", "arm", "corpus", "text_id", "seed", "step", "doc_id", "value"]
MORE = ["prediction", "target", "draw"]
SCORE_HELP = "1 right, 0 wrong; for a free reply the unigram F1."
BETTER, WORSE = "▲ better", "▼ worse"


@dataclass(frozen=True)
class Checkpoint:
    """A model whose documents are stored: a run (at its selected step), or an untreated model.

    `draw` is the pretraining draw; if it is not given, the lowest that is stored.
    """

    model: str
    arm: str = NO_ARM
    corpus: str = NO_ARM
    text_id: str = NO_TEXT
    draw: int | None = None

    def condition(self) -> Any:
        """The filter for this checkpoint's rows."""
        given = {"model": self.model, "arm": self.arm, "corpus": self.corpus, "text_id": self.text_id}
        found = [ds.field(name) == value for name, value in given.items()]
        return found[0] & found[1] & found[2] & found[3]


def labels(who: dict[str, str]) -> dict[str, Column]:
    """Headings of the columns of `side_by_side`; `who` says in words whose answers and scores they are."""
    found = {}
    for name, words in who.items():
        found[f"{name} answer"] = Column(name.capitalize(), f"Answer of {words}.")
        found[f"{name} score"] = Column(f"Score, {name}", SCORE_HELP, "score3")
    return found


def available(track: str) -> str:
    """Why documents cannot be shown; empty if they can."""
    mark = track_data.stamp(track_data.results_folder() / track / FILE)
    if mark is None:
        return f"{FILE} is not in results/{track}/."
    try:
        names = _schema(mark).names
    except (pa.ArrowException, OSError) as error:
        return f"{FILE} cannot be read ({track_data.first_line(error)})."
    absent = [name for name in SAMPLES.names if name in COLUMNS and name not in names]
    return f"{FILE} lacks the columns {', '.join(absent)}." if absent else ""


def side_by_side(track: str, task: str, who: dict[str, Checkpoint]) -> tuple[pd.DataFrame, list[str]]:
    """Documents of `task` that the first of `who` has, one per row, and the names of those that have none.

    Columns: doc_id, target, and for each name `<name> answer` and `<name> score`.
    """
    mark = track_data.stamp(track_data.results_folder() / track / FILE)
    if mark is None or not who:
        return pd.DataFrame(), list(who)
    read = _read(mark, task, tuple(dict.fromkeys(who.values())))
    frame, absent = pd.DataFrame(), []
    for name, checkpoint in who.items():
        rows = _of(read, checkpoint)
        if rows.empty:
            absent.append(name)
            continue
        own = rows[["doc_id", "prediction", "value"]].rename(
            columns={"prediction": f"{name} answer", "value": f"{name} score"}
        )
        frame = (
            rows[["doc_id", "target"]].merge(own, on="doc_id")
            if frame.empty
            else frame.merge(own, on="doc_id", how="left")
        )
    return frame, absent


def _of(rows: pd.DataFrame, checkpoint: Checkpoint) -> pd.DataFrame:
    """One row per document: the lowest draw, seed and step if several are stored."""
    found = rows[
        (rows["model"] == checkpoint.model)
        & (rows["arm"] == checkpoint.arm)
        & (rows["corpus"] == checkpoint.corpus)
        & (rows["text_id"] == checkpoint.text_id)
    ]
    if checkpoint.draw is not None:
        found = found[found["draw"].fillna(0) == checkpoint.draw]
    return found.sort_values(["doc_id", "draw", "seed", "step"], kind="stable").drop_duplicates("doc_id")


@st.cache_resource(max_entries=8, show_spinner=False)
def _schema(mark: Stamp) -> pa.Schema:
    return pq.read_schema(mark[0])


@st.cache_resource(max_entries=8, show_spinner=False)
def _dataset(mark: Stamp) -> ds.Dataset:
    return ds.dataset(mark[0], format="parquet")


@st.cache_data(max_entries=64, show_spinner="Reading documents …")
def _read(mark: Stamp, task: str, who: tuple[Checkpoint, ...]) -> pd.DataFrame:
    source = _dataset(mark)
    wanted = who[0].condition()
    for one in who[1:]:
        wanted = wanted | one.condition()
    names = [name for name in COLUMNS + MORE if name in source.schema.names]
    # by text first: one test per row of the file, then the full condition on the few rows that are left
    texts = ds.field("text_id").isin(sorted({one.text_id for one in who}))
    found = source.to_table(
        columns=names, filter=(ds.field("task") == task) & (ds.field("split") == "test") & texts
    ).filter(wanted)
    frame = found.to_pandas()
    for name in ("prediction", "target"):
        if name not in frame:
            frame[name] = ""
    if "draw" not in frame:
        frame["draw"] = 0
    return frame.reset_index(drop=True)


def differing_first(frame: pd.DataFrame, treated: str, other: str) -> pd.DataFrame:
    """Rows with a column `change`: BETTER, WORSE or neither for treated against other; changed ones first."""
    if frame.empty or f"{treated} score" not in frame or f"{other} score" not in frame:
        return frame
    difference = frame[f"{treated} score"] - frame[f"{other} score"]
    change = difference.map(lambda d: "–" if d != d else BETTER if d > 0 else WORSE if d < 0 else "= same")
    order = (-difference.abs().fillna(-1)).rename("_order")
    return frame.assign(change=change).loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def changed(frame: pd.DataFrame) -> tuple[int, int]:
    """Documents on which the treated run of `differing_first` scores better, and worse."""
    change = frame.get("change", pd.Series(dtype=str))
    return int((change == BETTER).sum()), int((change == WORSE).sum())


def matching(frame: pd.DataFrame, words: str) -> pd.DataFrame:
    """Rows whose question, answers or target hold every word."""
    texts = [name for name in frame if str(name).endswith(" answer") or name in ("target", "question")]
    kept = frame
    for word in words.casefold().split():
        line = kept[texts].fillna("").astype(str).agg(" ".join, axis=1).str.casefold()
        kept = kept[line.str.contains(word, regex=False)]
    return kept
