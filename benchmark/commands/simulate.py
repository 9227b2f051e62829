"""`gapbench simulate`: would a study like this track's see an effect, and how often would it be wrong?"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmark.claims.sentences import REPRODUCED
from benchmark.claims.study_controls import same_rung
from benchmark.errors import InputError
from benchmark.published.source_files import MEAN_GAINS
from benchmark.scoring.run_records import Model
from benchmark.settings.scoring_settings import FEWEST_UNITS, ScoringSettings
from benchmark.simulations import crossed_coverage, draw_coverage, selection_noise, size_coverage
from benchmark.simulations.whole_study import Simulator, Study, read_study
from benchmark.store.tracks import open_track
from benchmark.system.progress import Progress

STUDIES = 1000
SIMULATIONS = {
    module.SIMULATION.name: module.SIMULATION
    for module in (crossed_coverage, draw_coverage, size_coverage, selection_noise)
}
"""Simulations with known truth by the name of their subcommand; their tables are committed in docs/."""


def simulate(params: Path, studies: int = STUDIES, draws: int | None = None, seed: int = 0) -> None:
    """Print how often C0 and the claims come out how, in studies drawn from the track's measured variances.

    Raises:
        InputError: the track has no results, or too few pretraining draws to halve.
    """
    study = track_study(params)
    count = draws or min(len(base.units) for base in study.bases.values())
    if count < 2 * FEWEST_UNITS:
        raise InputError(
            f"{params}: {count} pretraining draws leave fewer than {FEWEST_UNITS} in a half: give --draws "
            f"{2 * FEWEST_UNITS} or more"
        )
    print(f"{studies} simulated studies with {count} pretraining draws per model, seed {seed}")
    as_measured = Simulator(study, draws=draws)
    print("\nTwo disjoint halves of the draws of one rung (A/A), told apart at all or a family after Holm:")
    for name, share in told_apart(as_measured, studies, seed).items():
        print(f"  {name}: {share:.3f}")
    if study.settings.claims.controls.declared:
        print(
            "\nDeclared controls of C0 that come out as they must (measured effects; placebos gain nothing):"
        )
        for name, share in controls_found(Simulator(study, {}, draws), studies, seed).items():
            print(f"  {name}: {share:.3f}")
    for words, gains in (
        ("nothing is gained", dict.fromkeys(MEAN_GAINS, 0.0)),
        (f"the published gains are true {MEAN_GAINS}", MEAN_GAINS),
    ):
        print(f"\nClaims where {words}:")
        for claim, outcomes in claims_found(Simulator(study, gains, draws), studies, seed).items():
            shares = ", ".join(f"{outcome} {share:.3f}" for outcome, share in outcomes.items())
            print(f"  {claim}: {shares}")


def track_study(params: Path) -> Study:
    """The study behind a track's committed results."""
    settings, paths = open_track(params)
    results = paths.results
    if not (results / "entries.csv").is_file():
        raise InputError(f"{results}: no entries.csv: `make repro TRACK={settings.track.name}` first")
    entries = pd.read_csv(results / "entries.csv")
    roles = {name: spec.role for name, spec in settings.models.items()}
    models = {
        str(name): Model(str(name), int(size), settings.track.name, roles.get(str(name), "both"))
        for name, size in zip(entries["model"], entries["parameters"], strict=True)
    }
    return read_study(results, models, ScoringSettings.of_track(settings))


def told_apart(simulator: Simulator, studies: int, seed: int) -> dict[str, float]:
    """Share of studies in which two disjoint halves of the draws of a rung are told apart, by rung."""
    found: Counter[str] = Counter()
    names = list(simulator.bases)
    for study in simulator.studies(studies, seed):
        for name in names:
            found[name] += not same_rung(study.bases[name], study.layout)["as_expected"]
    return {name: found[name] / studies for name in names}


def controls_found(simulator: Simulator, studies: int, seed: int) -> dict[str, float]:
    """Share of studies in which each declared control comes out as it must, and all of them together."""
    found: Counter[str] = Counter()
    with Progress("simulating controls", studies) as progress:
        for study in simulator.studies(studies, seed):
            decided = study.controls()
            assert decided is not None
            for row in decided["estimates"]:
                found[row["control"]] += row["as_expected"]
            found["all together"] += decided["outcome"] == REPRODUCED
            progress.advance()
    return {name: count / studies for name, count in found.items()}


def claims_found(simulator: Simulator, studies: int, seed: int) -> Mapping[str, dict[str, float]]:
    """Shares of the outcomes of each claim."""
    found: dict[str, Counter[str]] = {}
    with Progress("simulating claims", studies) as progress:
        for study in simulator.studies(studies, seed):
            for claim, outcome in study.claims().items():
                found.setdefault(claim, Counter())[outcome] += 1
            progress.advance()
    return {
        claim: {outcome: count / studies for outcome, count in sorted(outcomes.items())}
        for claim, outcomes in found.items()
    }
