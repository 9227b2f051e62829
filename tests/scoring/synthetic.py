"""Small sample tables with known effects, for the tests of scoring."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.results.score_track import run_score, score_tables
from benchmark.scoring.run_records import Records, read_models
from benchmark.scoring.sample_files import read_samples
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.simulations.made_samples import model_scores as base_of
from benchmark.simulations.made_samples import treated_scores as entry_of
from benchmark.statistics.design import Layout, Task

__all__ = ["MODELS", "TASKS", "Study", "base_of", "entry_of", "layout_of", "write_frame"]

TASKS = {
    "arc": {"family": "classification", "metric": "acc", "chance": 0.25},
    "copa": {"family": "classification", "metric": "acc", "chance": 0.5},
    "chat": {"family": "dialogue", "metric": "f1", "chance": 0.0},
}
MODELS = {
    "small": {"parameters": 1000, "ladder": "l", "role": "both"},
    "middle": {"parameters": 3000, "ladder": "l", "role": "both"},
    "large": {"parameters": 9000, "ladder": "l", "role": "baseline"},
}
SKILL = {"small": 0.40, "middle": 0.55, "large": 0.65}


@dataclass
class Study:
    """A made-up track: base models of rising skill, and entries whose skill is raised by `gain`."""

    entries: Mapping[tuple[str, str, str], float] = field(
        default_factory=lambda: {("small", "gap", "code"): 0.15, ("small", "random", "code"): 0.0}
    )
    texts: int = 5
    seeds: Sequence[int] = (0,)
    steps: Sequence[int] = (1, 2, 3)
    documents: int = 40
    seed: int = 0
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: TASKS)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MODELS)

    def frame(self) -> pd.DataFrame:
        """All sample rows; each entry's rows depend on its own name only, so that entries can be added."""
        return pd.concat(self._parts(), ignore_index=True)

    def write(self, path: Path) -> Path:
        """The rows as one parquet file."""
        return write_frame(self.frame(), path)

    def _parts(self) -> Iterator[pd.DataFrame]:
        for model in self.models:
            yield self._checkpoint(model, "none", "none", "-", 0, 0, SKILL[model])
        for (model, arm, corpus), gain in self.entries.items():
            for text in range(self.texts):
                for seed in self.seeds:
                    for step in self.steps:
                        skill = SKILL[model] + gain
                        yield self._checkpoint(model, arm, corpus, f"{corpus}-{text}", seed, step, skill)

    def _checkpoint(
        self, model: str, arm: str, corpus: str, text: str, seed: int, step: int, skill: float
    ) -> pd.DataFrame:
        name = f"{model}{arm}{corpus}{text}{seed}{step}"
        rows = self._documents
        flips = np.random.default_rng([self.seed, *name.encode()]).uniform(-0.1, 0.1, len(rows))
        right = (rows["difficulty"] + flips < skill).astype(float)
        value = right.where(rows["metric"] == "acc", np.round(np.clip(skill + flips, 0, 1), 3))
        key = {"track": "t", "model": model, "arm": arm, "corpus": corpus, "text_id": text, "seed": seed}
        return rows.drop(columns="difficulty").assign(value=value, **key, step=step)

    @cached_property
    def _documents(self) -> pd.DataFrame:
        """The documents of both splits, with a difficulty that all models share."""
        parts = [
            pd.DataFrame(
                {
                    "task": task,
                    "family": facts["family"],
                    "split": split,
                    "doc_id": np.arange(self.documents) * 2 + offset,
                    "metric": facts["metric"],
                    "difficulty": np.random.default_rng([self.seed, number, offset]).uniform(
                        size=self.documents
                    ),
                }
            )
            for number, (task, facts) in enumerate(self.tasks.items())
            for offset, split in enumerate(("select", "test"))
        ]
        return pd.concat(parts, ignore_index=True)


def write_frame(frame: pd.DataFrame, path: Path) -> Path:
    """A data frame as parquet, creating folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


def tables_of(
    frame: pd.DataFrame, folder: Path, models: Mapping[str, Any] = MODELS, **settings: Any
) -> dict[str, pd.DataFrame]:
    """The tables that scoring makes of sample rows, by file name; missing cells are nan."""
    samples = read_samples([write_frame(frame, folder / "samples.parquet")], TASKS)
    tables, _ = score_tables(samples, read_models(models), Records(), ScoringSettings(**settings))
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def results_of(frame: pd.DataFrame, folder: Path, **more: Any) -> Callable[[str], pd.DataFrame]:
    """Scores sample rows into `folder`/out; gives a reader of its tables by file name."""
    path = write_frame(frame, folder / "in" / "samples.parquet")
    run_score([path], MODELS, folder / "out", tasks=TASKS, **more)
    return lambda name: pd.read_csv(folder / "out" / name, keep_default_na=False, na_values=[""])


def layout_of(
    *documents: int, families: tuple[str, ...] | None = None, cluster: np.ndarray | None = None
) -> Layout:
    """Tasks t0, t1, ... with so many documents each."""
    families = families or ("classification",) * len(documents)
    tasks = tuple(Task(f"t{n}", family, "acc") for n, family in enumerate(families))
    task_of = np.repeat(np.arange(len(documents)), documents)
    doc_id = np.concatenate([np.arange(n) for n in documents])
    return Layout(tasks, task_of, doc_id) if cluster is None else Layout(tasks, task_of, doc_id, cluster)
