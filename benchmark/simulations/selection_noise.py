"""`gapbench simulate selection`: what choosing a step gives where no step is better than the base model."""

from dataclasses import dataclass

import numpy as np

from benchmark.scoring.run_records import Records
from benchmark.scoring.samples import RunKey, Samples
from benchmark.scoring.selection import select_entry
from benchmark.simulations.made_samples import BASE_SCORES, CHOICES, simulated_layout
from benchmark.simulations.records import Simulation
from benchmark.statistics.contrast import gain
from benchmark.statistics.design import Floats, Ints
from benchmark.statistics.textbook import mean_over_texts

STEPS = 15
REDRAWN = 0.05
ENTRY = ("model", "gap", "corpus")
CELLS = ((3, 32), (5, 32), (20, 32), (3, 320), (5, 320))
HEADER = [
    "texts",
    "documents per task",
    "held-out gain (s.e.)",
    "its interval covers 0",
    "gain of the step chosen on test (s.e.)",
    "mean optimism",
    "its interval covers that",
]


@dataclass(frozen=True)
class Noise:
    """By data set [data sets]: gains of the step chosen on `select` and on `test`, and optimism [sets, 3]."""

    held_out: Floats
    covered: Floats
    on_test: Floats
    optimism: Floats


def simulate_noise(texts: int, documents: int, data_sets: int, seed: int = 0) -> Noise:
    """Every step redraws 5 % of the base model's scores from their own distribution: nothing is gained."""
    rows = [
        _one(texts, documents, np.random.default_rng([seed, texts, documents, number]))
        for number in range(data_sets)
    ]
    held_out, covered, on_test, *optimism = (np.array(part) for part in zip(*rows, strict=True))
    return Noise(held_out, covered, on_test, np.stack(optimism, axis=1))


def _one(texts: int, documents: int, rng: np.random.Generator) -> tuple[float, ...]:
    layout = simulated_layout(documents)
    base = {split: _draw(rng, (layout.size,), layout.task_of) for split in ("select", "test")}
    values = {split: _redrawn(rng, base[split], texts, layout.task_of) for split in base}
    samples = Samples(
        track="simulated",
        layouts=dict.fromkeys(base, layout),
        runs=tuple(RunKey(*ENTRY, f"{text:03d}", 0) for text in range(texts)),
        steps=np.arange(1, STEPS + 1),
        held=dict.fromkeys(base, np.arange(layout.size)),
        values=values,
        bases={split: {("model", 0): base[split]} for split in base},
    )
    found = select_entry(samples, ENTRY, Records(), paper=False)
    gained = gain(found.chosen).estimated(layout).estimate
    low, high = gained.interval()
    best = found.test[:, 1:, 0].max(axis=1) - found.test[:, 0, 0]
    covers = float(low[0] <= 0 <= high[0])
    return float(gained.value[0]), covers, float(best.mean()), *mean_over_texts(found.optimism)


def _draw(rng: np.random.Generator, shape: tuple[int, ...], task_of: Ints) -> Floats:
    """Scores of the base model's distribution: right with its accuracy, F1 exponential and cut at 1."""
    uniform = rng.random(shape, dtype=np.float32)
    expected = BASE_SCORES[task_of]
    f1 = np.minimum(-np.log1p(-uniform) * expected, 1.0)
    return np.where(task_of < CHOICES, uniform < expected, f1).astype(np.float64)


def _redrawn(rng: np.random.Generator, base: Floats, texts: int, task_of: Ints) -> Floats:
    values = np.broadcast_to(base, (texts, STEPS, len(base))).copy()
    text, step, document = np.nonzero(rng.random(values.shape, dtype=np.float32) < REDRAWN)
    values[text, step, document] = _draw(rng, document.shape, task_of[document])
    return values


def row(cell: tuple[int, int], data_sets: int) -> tuple[list[str], list[str]]:
    """A row of the table; it has no bounds."""
    found = simulate_noise(*cell, data_sets)
    truth = found.optimism[:, 0].mean()
    covers = (found.optimism[:, 1] <= truth) & (truth <= found.optimism[:, 2])
    shown = [
        *map(str, cell),
        _with_error(found.held_out),
        f"{found.covered.mean():.3f}",
        _with_error(found.on_test),
        f"{truth:.5f}",
        f"{covers.mean():.3f}",
    ]
    return shown, []


def _with_error(values: Floats) -> str:
    return f"{values.mean():+.5f} ({values.std(ddof=1) / len(values) ** 0.5:.5f})"


SIMULATION = Simulation(
    "selection", "docs/STATISTICS.md", HEADER, CELLS, row, ("benchmark.scoring.selection",)
)
