"""The original study's published per-run figures, read and checked: one row per run and family, in our names.

Facts about the files are those of kaist-lklab/GAP at fe89b0ad6c5c13f7f4e848ad3058a7df1fc3b5c6,
`full_results/`.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.errors import InputError

FAMILIES = ("classification", "dialogue")
FILES = {"classification": "classification.csv", "dialogue": "dialog.csv"}
MODELS = {"350M": "opt-350m", "1.3B": "opt-1-3b", "2.7B": "opt-2-7b"}
CORPORA = {"Git.": "code", "CC": "pile-cc", "TDEC": "tdec"}
NEXT_LARGER = {"opt-350m": "opt-1-3b", "opt-1-3b": "opt-2-7b", "opt-2-7b": "opt-6-7b"}

PARAMETERS = {
    "opt-350m": 331_196_416,
    "opt-1-3b": 1_315_758_080,
    "opt-2-7b": 2_651_596_800,
    "opt-6-7b": 6_658_473_984,
}
"""Distinct parameters of the released checkpoints, embeddings included (from their configurations)."""

TASKS = {
    "classification": {
        "ai2_arc_ARC-Challenge/acc": "arc_challenge",
        "ai2_arc_ARC-Easy/acc": "arc_easy",
        "hellaswag/acc": "hellaswag",
        "math_qa/acc": "math_qa",
        "piqa/acc": "piqa",
        "pubmed_qa/acc": "pubmed_qa",
        "super_glue_copa/acc": "copa",
        "winogrande_winogrande_s/acc": "winogrande",
    },
    "dialogue": {
        "blended_skill_talk/f1": "blended_skill_talk",
        "empathetic_dialogues/f1": "empathetic_dialogues",
        "wizard_of_internet/f1": "wizard_of_internet",
        "wizard_of_wikipedia/f1": "wizard_of_wikipedia",
    },
}

MEAN_GAINS = {"classification": 0.0026, "dialogue": 0.0072}
"""Mean gains over all published runs, by family (`gapbench published`)."""

FEWER_DOCUMENTS = {"arc_challenge": 295, "copa": 100}
"""Documents of the tasks that have fewer than the 320 which the study evaluated."""

CHANCE = {
    "arc_challenge": 1 / 4,
    "arc_easy": 1 / 4,
    "hellaswag": 1 / 4,
    "math_qa": 1 / 5,
    "piqa": 1 / 2,
    "pubmed_qa": 1 / 3,
    "copa": 1 / 2,
    "winogrande": 1 / 2,
}

ROUNDING = 1e-5


def documents_of(task: str) -> int:
    """How many documents stand behind a published figure of a task."""
    return FEWER_DOCUMENTS.get(task, 320)


@dataclass(frozen=True)
class FamilyFigures:
    """The published rows of one family: `model, corpus, index, repeat, epoch, average` and a column per task.

    `repeat` counts rows of one (model, corpus, index) from 0. Epoch 0 is the unmodified model.
    """

    family: str
    rows: pd.DataFrame

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task names in our spelling, sorted."""
        return tuple(sorted(TASKS[self.family].values()))

    @cached_property
    def base_rows(self) -> pd.DataFrame:
        """The rows of the unmodified model."""
        return self.rows[self.rows["epoch"] == 0]

    def baseline(self, model: str, column: str = "average", corpus: str | None = None) -> float:
        """The unmodified model's score: that shown by a row of the corpus if there is one, otherwise the
        commonest.

        350M was evaluated twice with slightly different results, so its baseline depends on the corpus.
        """
        rows = self._commonest_base_row
        return float(rows.get((model, corpus), rows[model, None])[column])

    @cached_property
    def _commonest_base_row(self) -> dict[tuple[str, str | None], dict[str, float]]:
        """The commonest epoch 0 row by (model, corpus), and by (model, None) over all corpora."""
        found: dict[tuple[str, str | None], dict[str, float]] = {}
        columns = ["average", *self.tasks]
        for model, of_model in self.base_rows.groupby("model"):
            for corpus, rows in [(None, of_model), *of_model.groupby("corpus")]:
                commonest = rows["average"].value_counts(sort=True).index[0]
                first = rows[rows["average"] == commonest].iloc[0]
                found[str(model), corpus] = {column: float(first[column]) for column in columns}
        return found

    def baselines(self, rows: pd.DataFrame, column: str = "average") -> NDArray[np.float64]:
        """The baseline of each row's model and corpus [rows]."""
        pairs = list(zip(rows["model"], rows["corpus"], strict=True))
        known = {pair: self.baseline(pair[0], column, pair[1]) for pair in sorted(set(pairs))}
        return np.array([known[pair] for pair in pairs], dtype=np.float64)

    def gains(self, column: str = "average") -> NDArray[np.float64]:
        """Published score minus the unmodified model's, row by row [rows]."""
        gains = self.rows[column].to_numpy(dtype=np.float64) - self.baselines(self.rows, column)
        return np.asarray(np.where(np.abs(gains) < 1e-9, 0.0, gains), dtype=np.float64)


@dataclass(frozen=True)
class PublishedFigures:
    """Both families of the published study."""

    classification: FamilyFigures
    dialogue: FamilyFigures

    @property
    def families(self) -> tuple[FamilyFigures, FamilyFigures]:
        """Classification, then dialogue."""
        return self.classification, self.dialogue

    def models(self) -> tuple[str, ...]:
        """Models in rising size."""
        present = set(self.classification.rows["model"]) | set(self.dialogue.rows["model"])
        return tuple(model for model in MODELS.values() if model in present)

    def corpora(self) -> tuple[str, ...]:
        """Corpora by name."""
        return tuple(sorted(set(self.classification.rows["corpus"]) | set(self.dialogue.rows["corpus"])))


def published_folder(folder: Path) -> Path:
    """`folder`, or the `full_results/` in it."""
    inner = folder / "full_results"
    return inner if inner.is_dir() else folder


def read_published(folder: Path) -> PublishedFigures:
    """Read `classification.csv` and `dialog.csv` of `full_results/`, which `folder` is or holds.

    Raises InputError for a folder or file that is missing, columns that are, values that are no score,
    averages that are not the mean of their tasks, names that are not the study's, and a model without an
    epoch 0 row.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder; give the original's full_results/ or the folder around it"
        )
    folder = published_folder(folder)
    return PublishedFigures(_read_family(folder, "classification"), _read_family(folder, "dialogue"))


def _read_family(folder: Path, family: str) -> FamilyFigures:
    path = folder / FILES[family]
    if not path.is_file():
        raise InputError(f"{path} is missing; give the original's full_results/ folder, which holds it")
    try:
        table = pd.read_csv(path, dtype={"corpora": str, "model": str})
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise InputError(f"{path} is no CSV table ({str(error).splitlines()[0]}); fetch it again") from error
    names = ["corpora", "index", "epoch", "average", "model", *TASKS[family]]
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(f"{path} lacks columns {', '.join(missing)}; give the original's {FILES[family]}")
    if table.empty:
        raise InputError(f"{path} has no rows; fetch it again")
    _check(path, table, family)
    rows = table.rename(columns={**TASKS[family], "corpora": "corpus"}).assign(
        model=table["model"].map(MODELS), corpus=table["corpora"].map(CORPORA)
    )
    key = ["model", "corpus", "index"]
    rows = rows.astype({"index": "int64", "epoch": "int64"})
    order = [*key, "epoch", "average", *sorted(TASKS[family].values())]
    rows = rows.sort_values(order, kind="stable", ignore_index=True)
    rows["repeat"] = rows.groupby(key).cumcount()
    found = FamilyFigures(family, rows)
    for model in sorted(set(rows["model"]) - set(found.base_rows["model"])):
        raise InputError(
            f"{path}: no epoch 0 row of {model}, so its baseline is unknown; give the whole file"
        )
    return found


def _check(path: Path, table: pd.DataFrame, family: str) -> None:
    for column, known in (("model", MODELS), ("corpora", CORPORA)):
        strange = sorted({str(name) for name in table[column] if name not in known})
        if strange:
            raise InputError(
                f"{path}: {column} {', '.join(strange)} is not one of {', '.join(known)}; "
                f"give the original's {path.name}"
            )
    scores = ["average", *TASKS[family]]
    for column in ("index", "epoch", *scores):
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        whole = column in ("index", "epoch")
        bad = ~np.isfinite(values) | (values < 0) | ((values != np.round(values)) if whole else (values > 1))
        if bad.any():
            wanted = "a whole number, 0 or more" if whole else "a score between 0 and 1"
            line = int(np.flatnonzero(bad)[0]) + 2
            raise InputError(f"{path}: line {line}, column {column} is not {wanted}; fetch the file again")
    means = table[list(TASKS[family])].mean(axis=1).to_numpy(dtype=np.float64)
    off = np.abs(means - table["average"].to_numpy(dtype=np.float64)) > ROUNDING
    if off.any():
        line = int(np.flatnonzero(off)[0]) + 2
        raise InputError(f"{path}: line {line}, average is not the mean of its tasks; fetch the file again")
