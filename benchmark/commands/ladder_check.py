"""`gapbench ladder`: scores by rung and task, differences of neighbours, and whether each larger model is better."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmark.errors import CheckFailed, InputError
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.selection import base_scores
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.contrast import level, variance_between_draws
from benchmark.statistics.design import DocumentScores
from benchmark.statistics.design import Layout as DocumentLayout
from benchmark.store.tracks import open_track

SMALLEST_STEP = 0.03
CEILING = 0.95
TASKS_ABOVE_CHANCE = 10


@dataclass(frozen=True)
class RungStep:
    """What a rung gains over the one below it, averaged over tasks, with the 95 % interval."""

    low: str
    high: str
    delta: float
    ci_low: float
    ci_high: float
    documents: int
    draws: int


@dataclass(frozen=True)
class Rungs:
    """`scores`: rungs by task, mean test values, smallest rung first; `steps`: pairs of neighbours.

    `of_draws` is the standard deviation of the average between the pretraining draws of a rung, nan for one draw.
    """

    scores: pd.DataFrame
    steps: list[RungStep]
    chance: "pd.Series[float]"
    parameters: "pd.Series[int]"
    of_draws: "pd.Series[float]" = field(default_factory=lambda: pd.Series(dtype=float))

    def faults(self) -> list[str]:
        """Why this is no ladder; empty where it is one."""
        found = []
        for step in self.steps:
            pair = f"{step.low} -> {step.high}"
            if step.delta < SMALLEST_STEP:
                found.append(f"{pair} rises by {step.delta:.3f}, less than {SMALLEST_STEP}")
            if step.ci_low <= 0:
                found.append(f"{pair}: the interval {step.ci_low:.3f} to {step.ci_high:.3f} includes 0")
        values = self.scores.to_numpy()
        above = int((values[0] > self.chance.to_numpy()).sum())
        if above < min(TASKS_ABOVE_CHANCE, len(self.chance)):
            found.append(f"{self.scores.index[0]} beats chance on {above} of {len(self.chance)} tasks only")
        if values[-1].mean() >= CEILING:
            found.append(f"{self.scores.index[-1]} is at the ceiling")
        return found


def ladder(params: Path) -> None:
    """Print the table.

    Raises:
        CheckFailed: neighbouring rungs differ by too little, or a rung is at the floor or the ceiling.
    """
    rungs = read_rungs(params)
    width = max(len(task) for task in rungs.scores.columns)
    print(f"{'':{width}}  " + "  ".join(f"{name:>9}" for name in rungs.scores.index) + "     chance")
    print(f"{'parameters':{width}}  " + "  ".join(f"{size:>9,}" for size in rungs.parameters))
    for task in rungs.scores.columns:
        line = "  ".join(f"{value:9.3f}" for value in rungs.scores[task])
        print(f"{task:{width}}  {line}  {rungs.chance[task]:9.3f}")
    print(f"{'average':{width}}  " + "  ".join(f"{value:9.3f}" for value in rungs.scores.mean(axis=1)))
    if rungs.of_draws.notna().any():
        told = "  ".join(f"{value:9.4f}" for value in rungs.of_draws)
        print(f"{'s.d., draws':{width}}  {told}")
    for step in rungs.steps:
        interval = f"{step.ci_low:.3f} to {step.ci_high:.3f}"
        print(f"{step.low} -> {step.high}: {step.delta:+.3f} (95 % {interval}, {_behind(step)})")
    faults = rungs.faults()
    if faults:
        raise CheckFailed("no ladder: " + "; ".join(faults))
    print("This is a ladder: every rung is better than the one below it.")


def _behind(step: RungStep) -> str:
    """What a step's interval rests on."""
    if step.draws < FEWEST_UNITS:
        return f"{step.documents} documents, given these trained models"
    return f"{step.documents} documents, {step.draws} pretraining draws"


def read_rungs(params: Path) -> Rungs:
    """Scores of the base models of a track from the documents in `results/`, the last `dvc repro`'s.

    Neighbours are compared by their means over pretraining draws, on the test documents of both, paired by document
    (`scoring.contrast`).

    Raises:
        InputError: the track has no results yet.
    """
    settings, paths = open_track(params)
    results = paths.results
    if not (results / "documents.parquet").is_file():
        raise InputError(f"{results}: no documents.parquet: `make repro TRACK={settings.track.name}` first")
    chance = pd.read_csv(results / "scores.csv").groupby("scope")["chance"].first()
    sizes = pd.read_csv(results / "entries.csv").groupby("model")["parameters"].first()
    samples = read_samples([results / "documents.parquet"])
    bases = base_scores(samples)
    names = [
        name for name, spec in settings.models.items() if spec.role != "treated" or spec.kind != "folder"
    ]
    order = sorted((name for name in names if name in bases), key=lambda name: (sizes[name], name))
    layout = samples.layouts["test"]
    tasks = [task.name for task in layout.tasks]
    scores = {
        name: layout.subset(bases[name].columns, name).task_means(bases[name].values).mean(axis=0)
        for name in order
    }
    steps = [_step(bases[low], bases[high], layout) for low, high in itertools.pairwise(order)]
    return Rungs(
        scores=pd.DataFrame(scores, index=tasks).T,
        steps=steps,
        chance=chance.loc[tasks],
        of_draws=pd.Series({name: variance_between_draws(bases[name], layout) ** 0.5 for name in order}),
        parameters=sizes.loc[order],
    )


def _step(low: DocumentScores, high: DocumentScores, layout: DocumentLayout) -> RungStep:
    found = (level(high) - level(low)).estimated(layout)
    value, (ci_low, ci_high) = float(found.estimate.value[0]), found.estimate.interval()
    draws = min(len(low.units), len(high.units))
    return RungStep(
        low.model, high.model, value, float(ci_low[0]), float(ci_high[0]), found.layout.size, draws
    )
