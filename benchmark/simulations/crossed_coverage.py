"""`gapbench simulate coverage`: coverage and error rates of the crossed variance on data sets with known truth."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.comparisons import LEVEL, verdict
from benchmark.simulations.made_samples import (
    BASE_SCORES,
    FAMILIES,
    GAP,
    SCENARIOS,
    Effects,
    rung_latent,
    scores_of,
    simulated_layout,
    treated_latent,
)
from benchmark.simulations.records import Simulation
from benchmark.statistics.crossed import Estimate, crossed
from benchmark.statistics.design import Floats, Layout
from benchmark.statistics.multiplicity import holm

TEXTS = (3, 5, 20)
DOCUMENTS = (32, 320)
MAIN = "mixed"
MARGIN = 0.5
BATCH_VALUES = 2_000_000

COVERAGE_BOUNDS = {3: (0.92, 0.99), 5: (0.93, 0.97), 20: (0.93, 0.97)}
REJECTION_BOUNDS = {3: (0.01, 0.08), 5: (0.03, 0.07), 20: (0.03, 0.07)}
COMPARABLE_BOUND, FAMILYWISE_BOUND = 0.035, 0.06


class Outcomes(NamedTuple):
    """What happened, by data set, or its rates over the data sets of a cell.

    `covered` and `rejected` [..., scopes]: treated minus base, where the truth is 0. `comparable`: the verdict
    over all tasks is comparable or better where exactly the margin remains, and `uncorrected` the same without
    Holm. `familywise`: any of 9 true hypotheses is rejected after Holm. The last two are (coverage over all
    tasks, family-wise error) of two other critical values.
    """

    covered: NDArray[Any]
    rejected: NDArray[Any]
    comparable: NDArray[Any]
    uncorrected: NDArray[Any]
    familywise: NDArray[Any]
    satterthwaite: NDArray[Any]
    cochran: NDArray[Any]


@dataclass(frozen=True)
class CellRates:
    """The rates of one scenario, number of texts and number of documents per task."""

    scenario: str
    texts: int
    documents: int
    rates: Outcomes


def simulate(scenario: str, texts: int, documents: int, data_sets: int, seed: int = 0) -> CellRates:
    """Rates in one cell; the seed fixes every data set."""
    layout = simulated_layout(documents)
    found = [
        _batch(SCENARIOS[scenario], texts, layout, rng, size)
        for rng, size in _batches(texts, layout, data_sets, [seed, *scenario.encode(), texts, documents])
    ]
    rates = (np.concatenate(part).mean(axis=0) for part in zip(*found, strict=True))
    return CellRates(scenario, texts, documents, Outcomes(*rates))


def _batches(
    texts: int, layout: Layout, data_sets: int, seed: list[int]
) -> Iterator[tuple[np.random.Generator, int]]:
    size = max(1, BATCH_VALUES // (texts * layout.size))
    for start in range(0, data_sets, size):
        yield np.random.default_rng([*seed, start]), min(size, data_sets - start)


def _batch(effects: Effects, texts: int, layout: Layout, rng: np.random.Generator, size: int) -> Outcomes:
    documents = rng.standard_normal((size, layout.size))
    latent = treated_latent(documents, effects, texts, layout, rng)
    other = treated_latent(documents, effects, texts, layout, rng)
    rung = rung_latent(documents, rng)
    summary = slice(0, len(layout.summary_scopes))

    base = scores_of(documents, BASE_SCORES, 1.0, layout)
    treated = scores_of(latent, BASE_SCORES, effects.variance, layout)
    control = scores_of(other, BASE_SCORES, effects.variance, layout)
    level_rung = scores_of(rung, BASE_SCORES, 1.0, layout)
    true_nulls = [
        crossed([treated], -base, layout).at(summary),
        crossed([treated - control], None, layout).at(summary),
        crossed([treated], -level_rung, layout).at(summary),
    ]
    p_values = [estimate.p_two_sided() for estimate in true_nulls]
    low, high = true_nulls[0].interval()

    higher_rung = scores_of(rung, BASE_SCORES + GAP, 1.0, layout)
    remaining = scores_of(latent, BASE_SCORES + (1 - MARGIN) * GAP, effects.variance, layout)
    against = _p_noninferior(remaining, base, higher_rung, layout, summary)
    difference = crossed([remaining], -higher_rung, layout).at(summary)
    p_difference, delta = difference.p_two_sided(), difference.value[:, 0]
    corrected = zip(delta, holm(p_difference)[:, 0], holm(against)[:, 0], strict=True)
    uncorrected = zip(delta, p_difference[:, 0], against[:, 0], strict=True)
    return Outcomes(
        covered=(low <= 0) & (high >= 0),
        rejected=p_values[0] < LEVEL,
        comparable=_good([verdict(*one) for one in corrected]),
        uncorrected=_good([verdict(*one) for one in uncorrected]),
        familywise=holm(np.concatenate(p_values, axis=1)).min(axis=1) < LEVEL,
        satterthwaite=_rival(true_nulls, trust=1.0),
        cochran=_rival(true_nulls, trust=0.0),
    )


def _p_noninferior(values: Floats, base: Floats, rung: Floats, layout: Layout, scopes: slice) -> Floats:
    """`contrast.noninferiority` for one draw of each model and many data sets at once; nan without a gap."""
    gap = crossed([], rung - base, layout).at(scopes)
    remaining = crossed([values], -base - (1 - MARGIN) * (rung - base), layout).at(scopes)
    return np.where(gap.is_above_zero(), remaining.p_above_zero(), np.nan)


def _rival(true_nulls: list[Estimate], trust: float) -> NDArray[Any]:
    """Coverage of the first estimate over all tasks, and any rejection at Holm's first step [data sets, 2]."""
    rivals = [replace(estimate, trust=trust) for estimate in true_nulls]
    low, high = rivals[0].interval()
    tests = sum(rival.value.shape[1] for rival in rivals)
    beyond = [np.abs(rival.value) > rival.critical(LEVEL / tests / 2) * rival.error for rival in rivals]
    rejected = np.concatenate(beyond, axis=1).any(axis=1)
    return np.stack([(low[:, 0] <= 0) & (high[:, 0] >= 0), rejected], axis=1)


def _good(verdicts: list[str]) -> Floats:
    return np.array([one in ("superior", "comparable") for one in verdicts], dtype=np.float64)


def missed(cell: CellRates) -> list[str]:
    """The bounds that a cell misses, in words."""
    low, high = COVERAGE_BOUNDS[cell.texts]
    fewest, most = REJECTION_BOUNDS[cell.texts]
    checks = (
        (
            ((cell.rates.covered >= low) & (cell.rates.covered <= high)).all(),
            f"coverage outside {low}-{high}",
        ),
        (
            ((cell.rates.rejected >= fewest) & (cell.rates.rejected <= most)).all(),
            f"rejection outside {fewest}-{most}",
        ),
        (cell.rates.comparable <= COMPARABLE_BOUND, f"comparable above {COMPARABLE_BOUND}"),
        (cell.rates.familywise <= FAMILYWISE_BOUND, f"family-wise error above {FAMILYWISE_BOUND}"),
    )
    return [words for holds, words in checks if not holds]


HEADER = [
    "scenario",
    "texts",
    "documents per task",
    f"coverage: all, {', '.join(FAMILIES)}",
    "p < 0.05 under the null",
    "comparable at minus the margin (uncorrected)",
    "family-wise error",
    "misses",
    "Satterthwaite alone: coverage, family-wise error",
    "Cochran alone",
]


def row(place: tuple[str, int, int], data_sets: int) -> tuple[list[str], list[str]]:
    """A row of the table: `data_sets` in a cell of the main scenario, half as many in the others.

    It has the bounds that it misses among its figures.
    """
    cell = simulate(*place, data_sets if place[0] == MAIN else data_sets // 2)
    shown = [
        cell.scenario,
        str(cell.texts),
        str(cell.documents),
        ", ".join(f"{rate:.3f}" for rate in cell.rates.covered),
        ", ".join(f"{rate:.3f}" for rate in cell.rates.rejected),
        f"{cell.rates.comparable:.3f} ({cell.rates.uncorrected:.3f})",
        f"{cell.rates.familywise:.3f}",
        "; ".join(missed(cell)) or "none",
        ", ".join(f"{rate:.3f}" for rate in cell.rates.satterthwaite),
        ", ".join(f"{rate:.3f}" for rate in cell.rates.cochran),
    ]
    return shown, []


LARGEST = TEXTS[-1], DOCUMENTS[-1]
"""Only the main scenario has this cell, which takes longest."""

SIMULATION = Simulation(
    "coverage",
    "docs/STATISTICS.md",
    HEADER,
    [cell for cell in product(SCENARIOS, TEXTS, DOCUMENTS) if cell[0] == MAIN or cell[1:] != LARGEST],
    row,
    ("benchmark.statistics.crossed", "benchmark.statistics.multiplicity"),
)
