"""`gapbench draws disjoint`: do disjoint sets of a track's pretraining draws differ as their standard errors say?"""

from pathlib import Path

from benchmark.commands.simulate import track_study
from benchmark.errors import CheckFailed, InputError
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.simulations.split_draws import agreement

AGAINST = {"base": "own base model", "rung": "larger rungs"}
SPLITS = 100
SIMULATED = 500


def disjoint(params: Path, splits: int = SPLITS, seed: int = 0) -> None:
    """Print how halves of a track's draws agree, beside what is right; nothing is trained.

    Raises:
        InputError: the track has no results, or too few pretraining draws to halve.
        CheckFailed: a root mean square lies outside its simulated range.
    """
    study = track_study(params)
    fewest = min(len(base.units) for base in study.bases.values())
    if fewest < 2 * FEWEST_UNITS:
        raise InputError(
            f"{params}: {fewest} pretraining draws leave fewer than {FEWEST_UNITS} in a half: give the models more"
        )
    print(f"Changes between two disjoint halves of the draws of each model, {splits} splits, seed {seed}:")
    found = agreement(study, splits, SIMULATED, seed)
    for kind, one in found.items():
        print(
            f"  {AGAINST[kind]}: {one.comparisons} comparisons, root mean square {one.rms:.3f}, "
            f"{'inside' if one.inside else 'OUTSIDE'} its simulated 95 % range, {one.low:.3f} to {one.high:.3f}"
        )
    outside = [AGAINST[kind] for kind, one in found.items() if not one.inside]
    if outside:
        raise CheckFailed(
            f"{params}: the standard errors of differences from {', '.join(outside)} are not right"
        )
