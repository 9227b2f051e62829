"""Do disjoint sets of pretraining draws differ by as much as their standard errors say?

The draws of every model are split into two halves. Each comparison of an entry with its own base model, and with each
larger rung, is estimated on both halves by the code that scores a track. The change between the halves is divided by
its standard error and mapped by its own t distribution to a standard normal value. The root mean square of these values
over all comparisons is about 1 where standard errors are right. Both halves answer the same documents, so the error
of a change is that of the draws, in which the interaction of draws and documents is.

How far the root mean square may lie from 1 by chance depends on the draws that comparisons share. So its range is
simulated. New draws are normal, with the covariance over all comparisons that the stored draws show. They are split in
the same ways, and each change gets Welch's t test of the treated model's and the rung's scores by draw, which knows
nothing of gains, levels or documents. Shuffling the stored draws would give no such range: errors that are wrong would
be wrong in every shuffle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtr

from benchmark.scoring.comparisons import baselines_of, kind_of
from benchmark.simulations.whole_study import Entry, Study
from benchmark.statistics.contrast import Contrast, gain, level, score
from benchmark.statistics.design import DocumentScores, Floats, Ints

KINDS = ("base", "rung")
RANGE = (0.025, 0.975)
LEAST_TAIL = 1e-300
Halves = Mapping[str, tuple[Ints, Ints]]
"""By model, the places of its draws in the first half and in the second."""


class Comparison(NamedTuple):
    """An entry against its own base model (`kind` is base) or a larger rung; `baseline` is that model."""

    entry: Entry
    kind: str
    baseline: str


@dataclass(frozen=True)
class Agreement:
    """How disjoint sets of draws agree in one kind of comparison.

    `comparisons` counts entries, baselines and scopes. `rms` is over all comparisons and splits; `low` and `high` are
    the limits of its simulated 95 % range.
    """

    comparisons: int
    rms: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the root mean square lies in its range."""
        return self.low <= self.rms <= self.high


def agreement(study: Study, number: int, simulated: int, seed: int = 0) -> dict[str, Agreement]:
    """How the halves of `number` splits agree, by kind of comparison; the range is of `simulated` sets of draws."""
    compared, splits = comparisons(study), splits_of(study, number, seed)
    measured = (normal_values(study, compared, splits) ** 2).mean(axis=(0, 2))
    reference = _simulated_squares(study, compared, splits, simulated, seed)
    found = {}
    for kind in KINDS:
        member = np.array([one.kind == kind for one in compared])
        if member.any():
            low, high = np.quantile(reference[:, member].mean(axis=1) ** 0.5, RANGE)
            count = int(member.sum()) * len(study.layout.summary_scopes)
            found[kind] = Agreement(count, float(measured[member].mean() ** 0.5), float(low), float(high))
    return found


def comparisons(study: Study) -> list[Comparison]:
    """Entries that have all draws of their base model, against that and against each larger rung."""
    return [
        Comparison(key, kind, baseline.model)
        for key, entry in sorted(study.entries.items())
        if entry.by == "draw" and entry.units == study.bases[entry.model].units
        for baseline in baselines_of(entry, study.bases, study.entries, study.models, study.settings)
        if (kind := kind_of(baseline, entry)) in KINDS
    ]


def splits_of(study: Study, number: int, seed: int) -> list[Halves]:
    """Halves of the draws of each model: every second draw, as C0's A/A has them, then random ones."""
    rng = np.random.default_rng([seed, 0])
    sizes = {name: len(base.units) for name, base in study.bases.items()}
    orders = [{name: np.arange(size) for name, size in sizes.items()}]
    orders += [{name: rng.permutation(size) for name, size in sizes.items()} for _ in range(number - 1)]
    return [{name: (order[1::2], order[::2]) for name, order in one.items()} for one in orders]


def normal_values(study: Study, compared: Sequence[Comparison], splits: Sequence[Halves]) -> Floats:
    """Standardised changes between halves [splits, comparisons, scopes], by the code that scores the track."""
    scopes = len(study.layout.summary_scopes)
    found = np.empty((len(splits), len(compared), scopes))
    for number, halves in enumerate(splits):
        for place, one in enumerate(compared):
            first, second = (_contrast(study, one, halves, half) for half in (0, 1))
            estimate = (first - second).estimated(study.layout).estimate
            _documents, *draws = estimate.parts
            variance = np.sum([part.variance for part in draws], axis=0)
            spread = np.sum([part.variance**2 / part.df for part in draws], axis=0)
            found[number, place] = _to_normal(estimate.value, variance, spread)[:scopes]
    return found


def _contrast(study: Study, one: Comparison, halves: Halves, half: int) -> Contrast:
    """The comparison on the draws of one half."""
    entry = _some_draws(study.entries[one.entry], halves[one.entry[0]][half])
    if one.kind == "base":
        return gain(entry)
    base, rung = (_some_draws(study.bases[name], halves[name][half]) for name in (one.entry[0], one.baseline))
    return score(entry, base) - level(rung)


def _some_draws(scores: DocumentScores, rows: Ints) -> DocumentScores:
    start = None if scores.start is None else scores.start[rows]
    units = tuple(scores.units[row] for row in rows)
    return replace(scores, units=units, values=scores.values[rows], start=start, finer=None)


def _to_normal(change: Floats, variance: Floats, spread: Floats) -> Floats:
    """The standard normal values [...] that lie as far out as changes do in their t distributions.

    `spread` is the sum over the parts of the variance of their squares over their degrees of freedom (Welch 1947).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(change == 0, 0.0, np.abs(change) / np.sqrt(variance))
        tail = np.maximum(stdtr(variance**2 / spread, -statistic), LEAST_TAIL)
    return np.asarray(np.where(statistic == 0, 0.0, -np.sign(change) * ndtri(tail)), dtype=np.float64)


def _simulated_squares(
    study: Study, compared: Sequence[Comparison], splits: Sequence[Halves], simulated: int, seed: int
) -> Floats:
    """Mean squares of the standardised changes of simulated draws, over splits and scopes [simulated, comparisons]."""
    rng = np.random.default_rng([seed, 1])
    by_draw = {name: _by_draw(study, compared, name) for name in study.bases}
    weights = {name: np.array([_weights(halves[name]) for halves in splits]) for name in study.bases}
    found = np.empty((simulated, len(compared)))
    for number in range(simulated):
        moments: dict[tuple[Entry | str, str], Floats] = {}
        for name, scores in by_draw.items():
            centred = np.stack(list(scores.values())) - np.mean(list(scores.values()), axis=1, keepdims=True)
            drawn = rng.standard_normal((centred.shape[1],) * 2) @ centred
            moments |= dict(zip(scores, _moments(drawn, weights[name]), strict=True))
        for place, one in enumerate(compared):
            change, variance, spread = moments[one.entry, one.kind]
            if one.kind == "rung":
                theirs = moments[one.baseline, "level"]
                change, variance, spread = change - theirs[0], variance + theirs[1], spread + theirs[2]
            found[number, place] = (_to_normal(change, variance, spread) ** 2).mean()
    return found


def _by_draw(
    study: Study, compared: Sequence[Comparison], model: str
) -> dict[tuple[Entry | str, str], Floats]:
    """What a model's comparisons are made of, by draw [draws, scopes]: its level, gains, and scores after treatment."""
    scopes = len(study.layout.summary_scopes)
    own = study.layout.scope_means(study.bases[model].values)[:, :scopes]
    found: dict[tuple[Entry | str, str], Floats] = {(model, "level"): own}
    for one in compared:
        if one.entry[0] == model:
            entry = study.entries[one.entry]
            gains = study.layout.scope_means(entry.gains_at(entry.columns))[:, :scopes]
            found[one.entry, one.kind] = gains if one.kind == "base" else own + gains
    return found


def _weights(halves: tuple[Ints, Ints]) -> Floats:
    """What makes the means of both halves out of draws [2, draws]."""
    weights = np.zeros((2, sum(map(len, halves))))
    for half, rows in enumerate(halves):
        weights[half, rows] = 1 / len(rows)
    return weights


def _moments(values: Floats, weights: Floats) -> Floats:
    """Change, variance and spread, as `_to_normal` takes them, of values [quantities, draws, scopes].

    `weights` are [splits, 2, draws]; the result is [quantities, 3, splits, scopes].
    """
    means, squares = (np.einsum("shd,qdc->qshc", weights, part) for part in (values, values**2))
    df = (weights > 0).sum(axis=-1)[..., None] - 1
    variance = (squares - means**2) / df
    change = means[:, :, 0] - means[:, :, 1]
    return np.stack([change, variance.sum(axis=2), (variance**2 / df).sum(axis=2)], axis=1)
