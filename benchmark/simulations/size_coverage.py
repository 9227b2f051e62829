"""`gapbench simulate size`: coverage of the effective size's interval, by simulation with known truth."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmark.simulations.made_samples import model_scores, simulated_layout, treated_scores
from benchmark.simulations.records import Simulation
from benchmark.statistics.contrast import score
from benchmark.statistics.design import DocumentScores, Layout
from benchmark.statistics.effective_size import effective_size, widths_from_documents

FloatArray = NDArray[np.float64]

PARAMETERS = np.array([1e6, 2e6, 4e6, 8e6])
LADDERS = {
    "even": np.array([0.45, 0.49, 0.53, 0.57]),
    "close rungs": np.array([0.45, 0.50, 0.51, 0.56]),
    "nearly flat": np.array([0.450, 0.452, 0.454, 0.456]),
}
TEXTS = (3, 5, 20)
DOCUMENTS = (32, 320)


@dataclass(frozen=True)
class Coverage:
    """Of `datasets`: the share whose interval holds the true size, and the share without a ladder.

    The coverage is that of the data sets with a ladder; `width` is the median ratio of the interval's ends.
    """

    datasets: int
    covered: float
    without_ladder: float
    width: float


def draw_study(
    rng: np.random.Generator, texts: int, layout: Layout, truth: float, rungs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Scores of an entry [texts, documents] and of the ladder [rungs, documents] around known means.

    Documents are hard or easy for all models, and for each model apart; texts differ, by task too.
    """
    difficulty = 0.25 * rng.standard_normal(layout.size)
    ladder = rungs[:, None] + difficulty + 0.15 * rng.standard_normal((len(rungs), layout.size))
    by_text = 0.006 * rng.standard_normal((texts, 1))
    by_text_and_task = 0.01 * rng.standard_normal((texts, len(layout.tasks)))[:, layout.task_of]
    by_document = 0.1 * rng.standard_normal(layout.size)
    noise = 0.2 * rng.standard_normal((texts, layout.size))
    return truth + difficulty + by_document + by_text + by_text_and_task + noise, ladder


def scores_of_study(values: FloatArray, ladder: FloatArray) -> tuple[DocumentScores, list[DocumentScores]]:
    """An entry [texts, documents] of the smallest rung, and the rungs [rungs, documents], as scoring has them."""
    rungs = [model_scores(f"rung-{place}", row[None]) for place, row in enumerate(ladder)]
    return treated_scores("rung-0", values, ladder[0], by="text"), rungs


def coverage(rungs: FloatArray, texts: int, documents: int, datasets: int, seed: int) -> Coverage:
    """Draw studies whose entry lies anywhere on the ladder (uniform in log parameters) and count.

    The truth is the linear interpolant through the true rung scores in log parameters.
    """
    layout, rng = simulated_layout(documents), np.random.default_rng([seed, texts, documents])
    positions = np.log(PARAMETERS)
    hits, missing, widths = 0, 0, []
    for _ in range(datasets):
        position = rng.uniform(positions[0], positions[-1])
        truth = float(np.interp(position, positions, rungs))
        values, ladder = draw_study(rng, texts, layout, truth, rungs)
        entry, levels = scores_of_study(values, ladder)
        found = effective_size(
            float(layout.scope_means(values.mean(axis=0))[0]),
            layout.scope_means(ladder)[:, 0],
            PARAMETERS,
            PARAMETERS[0],
            widths_from_documents(score(entry, levels[0]), levels, layout),
        )
        if found.size_high is None:
            missing += 1
            continue
        # A score below the ladder has an upper end alone, which any smaller size is within.
        low = float(PARAMETERS[0]) if found.size_low is None else found.size_low
        hits += np.log(low) - 1e-9 <= position <= np.log(found.size_high) + 1e-9
        widths.append(found.size_high / low)
    known = datasets - missing
    return Coverage(datasets, float(hits) / known, missing / datasets, float(np.median(widths)))


def row(cell: tuple[str, int, int], data_sets: int) -> tuple[list[str], list[str]]:
    """A row of the table; it has no bounds."""
    ladder, texts, documents = cell
    found = coverage(LADDERS[ladder], texts, documents, data_sets, seed=0)
    figures = [f"{found.covered:.3f}", f"{found.width:.2f}x", f"{found.without_ladder:.1%}"]
    return [*map(str, cell), *figures], []


SIMULATION = Simulation(
    "size",
    "docs/EFFECTIVE_SIZE.md",
    ["ladder", "texts", "documents per task", "covered", "median width", "no ladder"],
    list(product(LADDERS, TEXTS, DOCUMENTS)),
    row,
    ("benchmark.statistics.effective_size",),
)
