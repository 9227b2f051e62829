"""Data sets with known truth: crossed effects of documents and texts, expected scores in closed form.

A score is a function of a normal latent value: 1 where it is above 0 (accuracy), or its normal distribution
function (F1). With all effects normal, the expected score is Phi(mean / sqrt(variance)) for accuracy and
Phi(mean / sqrt(1 + variance)) for F1, so that any true difference can be set exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from benchmark.schema.stored_columns import NO_ARM
from benchmark.scoring.selection import draw_name
from benchmark.statistics.design import DocumentScores, Floats, Layout, Task

CHOICES = 8
TASKS = 12
FAMILIES = ("choices", "texts")
"""Tasks of accuracy, then tasks of F1."""


@dataclass(frozen=True)
class Effects:
    """Standard deviations of what treatment does to the latent value, on documents of standard deviation 1.

    `document`: an effect of the treatment on a document, whatever the text; `text`: of a text on all tasks;
    `text_task`: of a text on one task; `run`: of a text on one document (interaction).
    """

    document: float
    text: float
    text_task: float
    run: float

    @property
    def variance(self) -> float:
        """Variance of a treated model's latent value over documents and texts."""
        return 1 + self.document**2 + self.text**2 + self.text_task**2 + self.run**2


SCENARIOS = {
    "mixed": Effects(document=0.15, text=0.05, text_task=0.05, run=0.3),
    "texts differ much": Effects(document=0.1, text=0.2, text_task=0.1, run=0.2),
    "documents only": Effects(document=0.3, text=0.0, text_task=0.0, run=0.05),
    "interaction": Effects(document=0.05, text=0.0, text_task=0.0, run=0.6),
    "rare changes": Effects(document=0.02, text=0.01, text_task=0.01, run=0.05),
}


def simulated_layout(documents: int) -> Layout:
    """12 tasks of `documents` documents each, 8 of accuracy and 4 of F1."""
    choices, texts = FAMILIES
    kinds = [(choices, "acc")] * CHOICES + [(texts, "f1")] * WRITTEN
    tasks = tuple(Task(f"task-{number:02d}", *kind) for number, kind in enumerate(kinds))
    return Layout(tasks, np.repeat(np.arange(TASKS), documents), np.tile(np.arange(documents), TASKS))


def model_scores(name: str, values: ArrayLike) -> DocumentScores:
    """A base model's scores [draws, documents], or [documents] for one draw."""
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    draws = tuple(draw_name(draw) for draw in range(len(values)))
    return DocumentScores(name, NO_ARM, NO_ARM, draws, np.arange(values.shape[1]), values, by="draw")


def treated_scores(
    model: str,
    values: ArrayLike,
    start: ArrayLike = 0.0,
    units: Sequence[str] | None = None,
    *,
    arm: str = "gap",
    corpus: str = "code",
    by: Literal["draw", "text"] = "draw",
) -> DocumentScores:
    """An entry's scores [units, documents]; `start` [units, documents] or [documents] are its base model's."""
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    named = draw_name if by == "draw" else "text {:03d}".format
    units = tuple(units or (named(unit) for unit in range(len(values))))
    start = np.broadcast_to(np.asarray(start, dtype=np.float64), values.shape)
    return DocumentScores(
        model, arm, corpus, units, np.arange(values.shape[1]), values, start, by, len(values)
    )


WRITTEN = TASKS - CHOICES
BASE_SCORES = np.concatenate([np.linspace(0.3, 0.75, CHOICES), np.linspace(0.12, 0.2, WRITTEN)])
GAP = np.concatenate([np.full(CHOICES, 0.06), np.full(WRITTEN, 0.03)])
"""Expected scores of the base model by task, and how far the larger rung lies above it."""


def latent_mean(scores: Floats, variance: float) -> Floats:
    """Means of the latent value [tasks] that give the expected `scores` [tasks]."""
    spread = np.where(np.arange(TASKS) < CHOICES, variance, 1 + variance)
    return np.asarray(ndtri(scores) * np.sqrt(spread), dtype=np.float64)


def scores_of(latent: Floats, scores: Floats, variance: float, layout: Layout) -> Floats:
    """Scores [..., documents] of centred latent values [..., documents] with expected `scores` [tasks]."""
    shifted = latent + latent_mean(scores, variance)[layout.task_of]
    values = np.empty(shifted.shape)
    accuracy = layout.task_of < CHOICES
    values[..., accuracy] = shifted[..., accuracy] > 0
    values[..., ~accuracy] = ndtr(shifted[..., ~accuracy])
    return values


def treated_latent(
    documents: Floats, effects: Effects, texts: int, layout: Layout, rng: np.random.Generator
) -> Floats:
    """Centred latent values [data sets, texts, documents] of a treated model.

    `documents` [data sets, documents] are the base model's.
    """
    sets, size = documents.shape
    latent = effects.run * rng.standard_normal((sets, texts, size), dtype=np.float32)
    latent += (documents + effects.document * rng.standard_normal((sets, size)))[:, None].astype(np.float32)
    by_text = effects.text * rng.standard_normal((sets, texts, 1))
    by_task = by_text + effects.text_task * rng.standard_normal((sets, texts, TASKS))
    latent += by_task.astype(np.float32)[..., layout.task_of]
    return np.asarray(latent, dtype=np.float64)


def rung_latent(documents: Floats, rng: np.random.Generator, correlation: float = 0.8) -> Floats:
    """Centred latent values [data sets, documents] of a rung that finds mostly the same documents hard."""
    own = rng.standard_normal(documents.shape)
    return np.asarray(correlation * documents + np.sqrt(1 - correlation**2) * own, dtype=np.float64)
