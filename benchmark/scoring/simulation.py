"""Simulation benchmark: coverage and error rates of scoring's own functions on data sets with known truth."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import CheckFailed
from benchmark.scoring.comparisons import LEVEL, noninferiority, verdict
from benchmark.scoring.inference import crossed
from benchmark.scoring.layout import Floats, Layout
from benchmark.scoring.multiplicity import holm
from benchmark.scoring.selection_noise import NOISE_HEADER, noise_rows
from benchmark.scoring.simulated_data import (
    BASE_SCORES,
    GAP,
    SCENARIOS,
    Effects,
    rung_latent,
    scores_of,
    simulated_layout,
    treated_latent,
)
from benchmark.scoring.write import write_text

TEXTS = (3, 5, 20)
DOCUMENTS = (32, 320)
DATA_SETS = 4000
MAIN = "mixed"
MARGIN = 0.5
BATCH_VALUES = 2_000_000
BEGIN, END = "<!-- simulation: begin -->", "<!-- simulation: end -->"

COVERAGE_BOUNDS = {3: (0.92, 0.99), 5: (0.93, 0.97), 20: (0.93, 0.97)}
REJECTION_BOUNDS = {3: (0.01, 0.08), 5: (0.03, 0.07), 20: (0.03, 0.07)}
COMPARABLE_BOUND, FAMILYWISE_BOUND = 0.035, 0.06


@dataclass(frozen=True)
class Cell:
    """Rates over the data sets of one scenario, number of texts and number of documents a task.

    `coverage` and `rejection` [scopes] are those of treated minus base where the truth is 0; `comparable` is
    how often the verdict over all tasks is comparable or better where exactly the margin remains, `raw` the
    same without correction; `familywise` how often any of 12 true hypotheses is rejected after Holm.
    """

    scenario: str
    texts: int
    documents: int
    coverage: Floats
    rejection: Floats
    comparable: float
    raw: float
    familywise: float


def simulate(scenario: str, texts: int, documents: int, data_sets: int = DATA_SETS, seed: int = 0) -> Cell:
    """Rates in one cell; the seed fixes every data set."""
    layout = simulated_layout(documents)
    found = [
        _batch(SCENARIOS[scenario], texts, layout, rng, size)
        for rng, size in _batches(texts, layout, data_sets, [seed, *scenario.encode(), texts, documents])
    ]
    covered, rejected, comparable, raw, familywise = (
        np.concatenate(part) for part in zip(*found, strict=True)
    )
    return Cell(
        scenario,
        texts,
        documents,
        covered.mean(axis=0),
        rejected.mean(axis=0),
        float(comparable.mean()),
        float(raw.mean()),
        float(familywise.mean()),
    )


def _batches(
    texts: int, layout: Layout, data_sets: int, seed: list[int]
) -> Iterator[tuple[np.random.Generator, int]]:
    size = max(1, BATCH_VALUES // (texts * layout.size))
    for start in range(0, data_sets, size):
        yield np.random.default_rng([*seed, start]), min(size, data_sets - start)


def _batch(
    effects: Effects, texts: int, layout: Layout, rng: np.random.Generator, size: int
) -> tuple[NDArray[Any], ...]:
    """Outcomes by data set: covered, rejected [sets, scopes], comparable, raw, any false rejection [sets]."""
    documents = rng.standard_normal((size, layout.size))
    base = scores_of(documents, BASE_SCORES, 1.0, layout)
    latent = treated_latent(documents, effects, texts, layout, rng)
    summary = slice(0, len(layout.summary_scopes))

    treated = scores_of(latent, BASE_SCORES, effects.variance, layout)
    estimate = crossed([treated], -base, layout).at(summary)
    low, high = estimate.interval()
    p_value = estimate.p_two_sided()

    others = [treated_latent(documents, effects, texts, layout, rng) for _ in range(2)]
    controls = (scores_of(other, BASE_SCORES, effects.variance, layout) for other in others)
    p_controls = [crossed([treated - c], None, layout).at(summary).p_two_sided() for c in controls]
    rung = rung_latent(documents, rng)
    level_rung = scores_of(rung, BASE_SCORES, 1.0, layout)
    p_rung = crossed([treated], -level_rung, layout).at(summary).p_two_sided()
    familywise = holm(np.concatenate([p_value, *p_controls, p_rung], axis=1)).min(axis=1) < LEVEL

    higher_rung = scores_of(rung, BASE_SCORES + GAP, 1.0, layout)
    remaining = scores_of(latent, BASE_SCORES + (1 - MARGIN) * GAP, effects.variance, layout)
    against = noninferiority(remaining, base, higher_rung, layout, MARGIN).p_value[:, summary]
    difference = crossed([remaining], -higher_rung, layout).at(summary)
    p_difference, delta = difference.p_two_sided(), difference.value[:, 0]
    corrected = zip(delta, holm(p_difference)[:, 0], holm(against)[:, 0], strict=True)
    uncorrected = zip(delta, p_difference[:, 0], against[:, 0], strict=True)
    return (
        (low <= 0) & (high >= 0),
        p_value < LEVEL,
        _good([verdict(*one, texts=texts) for one in corrected]),
        _good([verdict(*one, texts=texts) for one in uncorrected]),
        familywise,
    )


def _good(verdicts: list[str]) -> Floats:
    return np.array([one in ("superior", "comparable") for one in verdicts], dtype=np.float64)


def missed(cell: Cell) -> list[str]:
    """The bounds that a cell misses, in words."""
    low, high = COVERAGE_BOUNDS[cell.texts]
    fewest, most = REJECTION_BOUNDS[cell.texts]
    checks = [
        (bool(((cell.coverage >= low) & (cell.coverage <= high)).all()), f"coverage outside {low}-{high}"),
        (
            bool(((cell.rejection >= fewest) & (cell.rejection <= most)).all()),
            f"rejection outside {fewest}-{most}",
        ),
        (cell.comparable <= COMPARABLE_BOUND, f"comparable above {COMPARABLE_BOUND}"),
        (cell.familywise <= FAMILYWISE_BOUND, f"family-wise error above {FAMILYWISE_BOUND}"),
    ]
    return [words for holds, words in checks if not holds]


HEADER = [
    "scenario",
    "texts",
    "documents a task",
    "coverage: all, classification, dialogue",
    "p < 0.05 under the null",
    "comparable at minus the margin (uncorrected)",
    "family-wise error",
    "misses",
]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _row(cell: Cell) -> list[str]:
    return [
        cell.scenario,
        str(cell.texts),
        str(cell.documents),
        ", ".join(f"{rate:.3f}" for rate in cell.coverage),
        ", ".join(f"{rate:.3f}" for rate in cell.rejection),
        f"{cell.comparable:.3f} ({cell.raw:.3f})",
        f"{cell.familywise:.3f}",
        "; ".join(missed(cell)) or "none",
    ]


def put_between_marks(path: Path, text: str) -> None:
    """Replace what stands between the marks of a page."""
    page = path.read_text(encoding="utf-8")
    if BEGIN not in page or END not in page:
        raise CheckFailed(f"{path}: no lines {BEGIN} and {END}; add them where the tables belong")
    head, rest = page.split(BEGIN, 1)
    write_text(path, f"{head}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}")


def report(data_sets: int) -> str:
    """The tables of all cells: `data_sets` a cell of the main scenario, half as many of the others."""
    rows = []
    for scenario in SCENARIOS:
        sets = data_sets if scenario == MAIN else data_sets // 2
        for texts in TEXTS:
            for documents in DOCUMENTS:
                rows.append(_row(simulate(scenario, texts, documents, sets)))
                print(*rows[-1], sep=" | ", flush=True)
    noise = noise_rows(data_sets // 2)
    return (
        f"{data_sets} data sets a cell of the scenario '{MAIN}', {data_sets // 2} of the others.\n\n"
        f"{markdown(HEADER, rows)}\nSelection noise only, {data_sets // 2} data sets a cell.\n\n"
        f"{markdown(NOISE_HEADER, noise)}"
    )


def main() -> None:
    """Command line: all cells; print the tables, or put them into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="page whose marked part is replaced")
    parser.add_argument("--data-sets", type=int, default=DATA_SETS)
    arguments = parser.parse_args()
    text = report(arguments.data_sets)
    print(text)
    if arguments.out:
        put_between_marks(arguments.out, text)


if __name__ == "__main__":
    main()
