"""`gapbench simulate draws`: what pretraining draws, clusters, skewed texts and small tasks do to intervals and tests.

The studies go through `statistics.contrast` as real ones do. Every score is a function of a normal latent value
(`made_samples`), so that any true difference is set exactly. The whole grid takes about half an hour.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from benchmark.scoring.comparisons import LEVEL, LEVEL_ONE_SIDED
from benchmark.simulations.made_samples import (
    BASE_SCORES,
    CHOICES,
    GAP,
    TASKS,
    model_scores,
    scores_of,
    simulated_layout,
    treated_scores,
)
from benchmark.simulations.records import Simulation
from benchmark.statistics.contrast import Contrast, gain, level, noninferiority, score
from benchmark.statistics.design import DocumentScores, Floats, Layout
from benchmark.statistics.multiplicity import holm

DOCUMENTS = 120
SMALL_TASK = 47
"""Documents of the first task in the scenario `small task`: those of COPA's half."""
CLUSTER_SIZES = (1, 2, 3, 4, 10)
WITHIN = 0.5
"""Share of a document's difficulty, and of what treatment does to it, that its cluster has in common."""
TEXT, GAIN_DRAW, RUN, DOCUMENT, DRAW_DOCUMENT = 0.006, 0.006, 0.2, 0.1, 0.4
"""Standard deviations on the latent scale, where one document's difficulty has 1."""
GAP_DRAWS = 10
ONE_DRAW_TEXTS = 5
HARM, HARMFUL = 0.03, 0.1
"""A harmful text costs so much of the score, and so many texts are harmful, in the scenario `skewed`."""
MARGIN = 0.5

COVERAGE = (0.93, 0.97)
COVERAGE_FEW = (0.92, 0.99)
"""With fewer than 5 degrees of freedom left."""
FAMILYWISE_BOUND, COMPARABLE_BOUND = 0.06, 0.035


@dataclass(frozen=True)
class Scenario:
    """One cell of the grid.

    `variance` is that of draws in units of the texts'; `draws` are treated; `noisy` multiplies the larger rung's
    standard deviation between draws; `skewed` texts are counted by `skewed`, on one draw; with `against`, what a run
    changes by document adds up to nothing in each task: it moves clusters against each other.
    """

    name: str
    variance: float
    draws: int
    noisy: float = 1.0
    clusters: bool = False
    small_task: bool = False
    skewed: int = 0
    against: bool = False

    @property
    def units(self) -> int:
        """Draws, or texts where there is one draw."""
        return self.skewed or (ONE_DRAW_TEXTS if self.draws == 1 else self.draws)

    @property
    def bounds(self) -> tuple[float, float]:
        """What coverage must lie between."""
        return COVERAGE_FEW if self.units - 1 < 5 else COVERAGE


GRID = (
    *(Scenario("plain", variance, draws) for variance, draws in product((0, 10, 100), (1, 3, 5, 10))),
    *(Scenario("larger rung 2.5 times as noisy", 100, draws, noisy=2.5) for draws in (3, 5, 10)),
    *(
        Scenario("clusters", variance, draws, clusters=True)
        for variance, draws in product((0, 10), (3, 5, 10))
    ),
    *(Scenario("clusters against each other", 0, draws, clusters=True, against=True) for draws in (3, 5, 10)),
    *(Scenario("small task", 10, draws, small_task=True) for draws in (3, 5, 10)),
    *(Scenario("skewed texts", 0, 1, skewed=texts) for texts in (3, 5, 20, 100)),
)


class Rates(NamedTuple):
    """Shares of data sets. `gain`, `larger` and `margin`: the 95 % interval at `all` holds the truth of treated -
    base, treated - larger, and the non-inferiority contrast. `familywise`: any true hypothesis of base, control
    and equal rung is rejected after Holm. `comparable`: called comparable where exactly the margin remains.
    `superior`: called superior to the base where nothing is gained."""

    gain: float
    larger: float
    margin: float
    familywise: float
    comparable: float
    superior: float


@dataclass(frozen=True)
class LatentEffects:
    """Latent effects of one data set, by which all its models are scored."""

    scenario: Scenario
    layout: Layout
    rng: np.random.Generator

    @property
    def draw_sd(self) -> float:
        """Of a draw on all tasks, on the latent scale; that of a draw on one task is the same."""
        return float(self.scenario.variance**0.5 * TEXT)

    def by_document(self, *shape: int) -> Floats:
        """Effects of documents with variance 1, alike inside clusters."""
        own = self.rng.standard_normal((*shape, self.layout.size))
        if not self.scenario.clusters:
            return own
        common = self.rng.standard_normal((*shape, int(self.layout.cluster.max()) + 1))[
            ..., self.layout.cluster
        ]
        return np.asarray(WITHIN**0.5 * common + (1 - WITHIN) ** 0.5 * own, dtype=np.float64)

    def draws(self, difficulty: Floats, number: int, noisy: float = 1.0) -> tuple[Floats, Floats]:
        """Centred latent values [draws, documents] of a rung, and the part that is a draw's alone [draws, tasks]."""
        sd = noisy * self.draw_sd
        effects = sd * (self.rng.standard_normal((number, 1)) + self.rng.standard_normal((number, TASKS)))
        each = DRAW_DOCUMENT * self.by_document(number)
        return difficulty + effects[:, self.layout.task_of] + each, effects

    def treated(self, start: Floats, texts: int, gain_draws: bool) -> Floats:
        """Centred latent values [texts, documents] of runs from `start` [texts, documents]; one text each."""
        shift = TEXT * self.rng.standard_normal((texts, 1))
        if gain_draws:
            shift = shift + GAIN_DRAW * self.rng.standard_normal((texts, 1))
        by_document = DOCUMENT * self.by_document()
        runs = self.by_document(texts)
        if self.scenario.against:
            runs = runs - self.layout.task_means(runs)[:, self.layout.task_of]
        return np.asarray(start + shift + by_document + RUN * runs, dtype=np.float64)


def layout_of(scenario: Scenario) -> Layout:
    """12 tasks of equal size; if asked for, with a small first one, and with clusters of several sizes."""
    whole = simulated_layout(DOCUMENTS)
    keep = (whole.task_of > 0) | (whole.doc_id < SMALL_TASK) if scenario.small_task else whole.task_of >= 0
    task_of, doc_id = whole.task_of[keep], whole.doc_id[keep]
    if not scenario.clusters:
        return Layout(whole.tasks, task_of, doc_id)
    pattern = np.repeat(np.arange(len(CLUSTER_SIZES)), CLUSTER_SIZES)
    inside = np.concatenate(
        [pattern + len(CLUSTER_SIZES) * turn for turn in range(DOCUMENTS // len(pattern) + 1)]
    )
    return Layout(whole.tasks, task_of, doc_id, task_of * DOCUMENTS + inside[doc_id])


def simulate(scenario: Scenario, data_sets: int, seed: int = 0) -> Rates:
    """Rates of one cell; the seed fixes every data set."""
    layout = layout_of(scenario)
    key = [seed, *scenario.name.encode(), int(scenario.variance), scenario.draws, scenario.skewed]
    one = _skewed if scenario.skewed else _study
    rows = [
        one(LatentEffects(scenario, layout, np.random.default_rng([*key, place])))
        for place in range(data_sets)
    ]
    return Rates(
        *(float(np.nanmean(column)) if not np.isnan(column).all() else np.nan for column in np.array(rows).T)
    )


def _study(world: LatentEffects) -> tuple[float, ...]:
    """One study: nothing gained and no gap for coverage and errors, and one at exactly the margin."""
    scenario, layout = world.scenario, world.layout
    one = scenario.draws == 1
    number = 1 if one else GAP_DRAWS
    hard = world.by_document()
    other = 0.8 * hard + 0.6 * world.by_document()
    base, of_base = world.draws(hard, number)
    rung, of_rung = world.draws(other, number, scenario.noisy)
    start = np.repeat(base, ONE_DRAW_TEXTS, axis=0) if one else base[: scenario.draws]
    treated = world.treated(start, scenario.units, not one)
    control = world.treated(start, scenario.units, not one)

    sd = world.draw_sd
    spread = 1 + DRAW_DOCUMENT**2 + 2 * sd**2
    spread_rung = 1 + DRAW_DOCUMENT**2 + 2 * (scenario.noisy * sd) ** 2
    spread_treated = spread + DOCUMENT**2 + RUN**2 + TEXT**2 + (0 if one else GAIN_DRAW**2)

    def scored(latent: Floats, expected: Floats, variance: float) -> Floats:
        return scores_of(latent, expected, variance, layout)

    bases = model_scores("base", scored(base, BASE_SCORES, spread))
    equal = model_scores("rung", scored(rung, BASE_SCORES, spread_rung))
    larger = model_scores("larger", scored(rung, BASE_SCORES + GAP, spread_rung))
    starts = bases.values if one else bases.values[: scenario.draws]

    def run(latent: Floats, expected: Floats, arm: str = "gap") -> DocumentScores:
        return treated_scores(
            "base", scored(latent, expected, spread_treated), starts, arm=arm, by="text" if one else "draw"
        )

    entry, placebo = run(treated, BASE_SCORES), run(control, BASE_SCORES, "random")
    at_margin = run(treated, BASE_SCORES + (1 - MARGIN) * GAP)

    truth_gain = truth_larger = 0.0
    if one:
        expected = [
            _given(of_base, BASE_SCORES, spread, sd),
            _given(of_base, BASE_SCORES, spread_treated, sd),
            _given(of_rung, BASE_SCORES, spread_rung, scenario.noisy * sd),
        ]
        truth_gain, truth_larger = expected[1] - expected[0], expected[1] - expected[2]
    p_values = [
        contrast.estimated(layout).estimate.p_two_sided()[: len(layout.summary_scopes)]
        for contrast in (
            gain(entry),
            gain(entry) - gain(placebo),
            *(() if one else (score(entry, bases) - level(equal),)),
        )
    ]
    gap, remaining = noninferiority(at_margin, bases, larger, MARGIN)
    is_open = gap.estimated(layout).estimate.is_above_zero()
    p_margin = np.where(is_open, remaining.estimated(layout).estimate.p_above_zero(), np.nan)
    adjusted = holm(np.concatenate(p_values))
    gained = gain(entry).estimated(layout).estimate.value[: len(p_values[0])]
    superior = (adjusted[: len(gained)] < LEVEL) & (gained > 0)
    return (
        _covers(gain(entry), layout, truth_gain),
        _covers(score(entry, bases) - level(equal), layout, truth_larger),
        np.nan if one else _covers(remaining, layout, 0.0),
        float(adjusted.min() < LEVEL),
        np.nan if one else float(holm(p_margin[: len(layout.summary_scopes)])[0] < LEVEL_ONE_SIDED),
        float(superior.any()),
    )


def _skewed(world: LatentEffects) -> tuple[float, ...]:
    """One draw with texts of which one in ten is harmful and the others make up for it: nothing is gained."""
    layout, texts = world.layout, world.scenario.skewed
    hard = world.by_document()
    harmful = world.rng.random(texts) < HARMFUL
    bases = model_scores("base", scores_of(hard[None], BASE_SCORES, 1.0, layout))
    spread = 1 + DOCUMENT**2 + RUN**2
    latent = hard + DOCUMENT * world.by_document() + RUN * world.by_document(texts)
    lift = HARM * HARMFUL / (1 - HARMFUL)
    values = np.stack(
        [
            scores_of(row, BASE_SCORES + (-HARM if bad else lift), spread, layout)
            for row, bad in zip(latent, harmful, strict=True)
        ]
    )
    entry = treated_scores("base", values, bases.values, by="text")
    estimate = gain(entry).estimated(layout).estimate
    p_values = estimate.p_two_sided()[: len(layout.summary_scopes)]
    above = (holm(p_values) < LEVEL) & (estimate.value[: len(p_values)] > 0)
    nothing = float("nan")
    return (
        _covers(gain(entry), layout, 0.0),
        nothing,
        nothing,
        float(holm(p_values).min() < LEVEL),
        nothing,
        float(above.any()),
    )


def _given(effects: Floats, expected: Floats, variance: float, sd: float) -> float:
    """Expected score at `all` of one draw with `effects` [1, tasks], whose scores over draws are `expected`."""
    accuracy = np.arange(TASKS) < CHOICES
    whole = np.where(accuracy, variance, 1 + variance)
    mean = ndtri(expected) * np.sqrt(whole) + effects[0]
    return float(ndtr(mean / np.sqrt(whole - 2 * sd**2)).mean())


def _covers(contrast: Contrast, layout: Layout, truth: float) -> float:
    low, high = contrast.estimated(layout).estimate.interval()
    return float(low[0] <= truth <= high[0])


def missed(scenario: Scenario, rates: Rates) -> list[str]:
    """The bounds that a cell misses, in words. Skewed texts are bound from 100 on."""
    if scenario.skewed and scenario.skewed < 100:
        return []
    low, high = scenario.bounds
    found = [
        f"coverage of {name} {value:.3f}, outside {low}-{high}"
        for name, value in zip(("the gain", "treated - larger", "the margin"), rates[:3], strict=True)
        if not (np.isnan(value) or low <= value <= high)
    ]
    if rates.familywise > FAMILYWISE_BOUND:
        found.append(f"family-wise error {rates.familywise:.3f}, above {FAMILYWISE_BOUND}")
    if rates.comparable > COMPARABLE_BOUND:
        found.append(f"wrongly comparable {rates.comparable:.3f}, above {COMPARABLE_BOUND}")
    return found


HEADER = [
    "scenario",
    "draws' variance / texts'",
    "units",
    "gain",
    "treated - larger",
    "margin",
    "family-wise",
    "wrongly comparable",
    "falsely superior",
]


def shown(scenario: Scenario, rates: Rates) -> list[str]:
    """A cell as a row of the table."""
    units = f"{scenario.units} {'texts, 1 draw' if scenario.draws == 1 else 'draws'}"
    figures = ("" if np.isnan(rate) else f"{rate:.3f}" for rate in rates)
    return [scenario.name, f"{scenario.variance:g}", units, *figures]


def row(scenario: Scenario, data_sets: int) -> tuple[list[str], list[str]]:
    """A row of the table, and the bounds that it misses."""
    rates = simulate(scenario, data_sets)
    return shown(scenario, rates), missed(scenario, rates)


SIMULATION = Simulation(
    "draws",
    "docs/DRAW_SIMULATION.md",
    HEADER,
    GRID,
    row,
    ("benchmark.statistics.contrast", "benchmark.statistics.multiplicity"),
)
