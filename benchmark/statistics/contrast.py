"""Contrasts: sums of gains of entries and of levels of base models, and how sure they are.

Every figure of a comparison is one of them: an entry's score is its gain plus its base model's level, its
distance from a larger rung that score minus the rung's level, the gap between two rungs a difference of levels.
A gain is paired with its own base model by draw and document; a level is a mean over pretraining draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.crossed import Estimate, sampled, weighed
from benchmark.statistics.design import DocumentScores, Floats, Ints, Layout, shared_columns

GIVEN_DRAWS = "draws"
GIVEN_ALL = "texts and draws"
NOTHING = 1e-12
"""A weight below it is 0: what two levels of one model leave when they cancel."""


@dataclass(frozen=True)
class ContrastEstimate:
    """A contrast's estimate by scope on the documents that all its scores share.

    `units` is the number of draws (or texts, where there is one draw) of its smallest set of gains, 0 without
    gains. `conditional` names what it takes as given: `draws` where a base model has fewer than three,
    `texts and draws` where there are fewer than three units, so that it rests on documents alone; else empty.
    """

    estimate: Estimate
    layout: Layout
    units: int
    conditional: str


@dataclass(frozen=True)
class Contrast:
    """Weighted gains of entries and levels of base models; contrasts add, subtract and scale."""

    gains: tuple[tuple[float, DocumentScores], ...] = ()
    levels: tuple[tuple[float, DocumentScores], ...] = ()

    def __add__(self, other: "Contrast") -> "Contrast":
        return Contrast(self.gains + other.gains, self.levels + other.levels)

    def __rmul__(self, factor: float) -> "Contrast":
        return Contrast(
            tuple((factor * weight, scores) for weight, scores in self.gains),
            tuple((factor * weight, scores) for weight, scores in self.levels),
        )

    def __sub__(self, other: "Contrast") -> "Contrast":
        return self + -1.0 * other

    @property
    def scores(self) -> tuple[DocumentScores, ...]:
        """All that it is made of."""
        return tuple(scores for _, scores in (*self.gains, *self.levels))

    def on_columns(self, columns: Ints) -> "Contrast":
        """The same on some documents that all its scores hold."""
        return Contrast(
            tuple((weight, scores.on_columns(columns)) for weight, scores in self.gains),
            tuple((weight, scores.on_columns(columns)) for weight, scores in self.levels),
        )

    def estimated(self, layout: Layout) -> ContrastEstimate:
        """The estimate on the shared documents of `layout`, which is that of all test documents.

        The parts of its variance: documents (by cluster), the units of the gains of each base model, and the
        draws of each base model whose levels do not cancel. Fewer than three draws of a model, or units of its
        gains, are no sample: their mean is taken as given.

        Raises InputError where a task has no document that all scores share.
        """
        return self.with_levels((), np.zeros(0), layout)

    def with_levels(
        self, bases: Sequence[DocumentScores], weights: Floats, layout: Layout
    ) -> ContrastEstimate:
        """The estimates of this contrast plus levels of `bases` with `weights` [..., bases], all at once."""
        levels = _levels(self.levels, bases, weights)
        gains = _paired(self.gains)
        used = [scores for _, scores in (*levels, *(term for _, group in gains for term in group))]
        columns = shared_columns(*used)
        shared = layout.subset(columns, " against ".join(dict.fromkeys(scores.name for scores in used)))
        sums = [
            np.sum([weight * scores.gains_at(columns, units) for weight, scores in group], axis=0)
            for units, group in gains
        ]
        terms = [
            sampled(values, shared, FEWEST_UNITS)
            for values in (*sums, *(scores.at(columns) for _, scores in levels))
        ]
        factors = [np.ones(np.shape(weights)[:-1])] * len(sums) + [weight for weight, _ in levels]
        one_draw = any(scores.by == "text" for _, group in gains for _, scores in group) or any(
            len(scores.units) < FEWEST_UNITS for _, scores in levels
        )
        few = any(len(values) < FEWEST_UNITS for values in sums)
        return ContrastEstimate(
            weighed(terms, np.stack(factors, axis=-1), shared),
            shared,
            min((len(values) for values in sums), default=0),
            GIVEN_ALL if few else GIVEN_DRAWS if one_draw else "",
        )


def gain(entry: DocumentScores) -> Contrast:
    """An entry minus its own base model, paired by draw and document."""
    return Contrast(gains=((1.0, entry),))


def level(base: DocumentScores) -> Contrast:
    """A base model's score, a mean over its draws."""
    return Contrast(levels=((1.0, base),))


def score(entry: DocumentScores, base: DocumentScores) -> Contrast:
    """An entry's score: its gain, on top of its base model's level over all its draws."""
    return gain(entry) + level(base)


def noninferiority(
    entry: DocumentScores, base: DocumentScores, rung: DocumentScores, margin: float
) -> tuple[Contrast, Contrast]:
    """The gap, and treated - base - (1 - margin) (rung - base): above 0 where less than the margin remains.

    It is one linear contrast, so the gap's own error counts (the synthesis method; Fieller 1954).
    """
    gap = level(rung) - level(base)
    return gap, gain(entry) - (1 - margin) * gap


def variance_between_draws(base: DocumentScores, layout: Layout) -> float:
    """Variance of a base model's score at `all` from draw to draw; nan with fewer than three draws."""
    if len(base.units) < FEWEST_UNITS:
        return float("nan")
    return float(layout.subset(base.columns, base.name).scope_means(base.values)[:, 0].var(ddof=1))


def on_shared_documents(*contrasts: Contrast) -> tuple[Contrast, ...]:
    """Contrasts that are set against each other, on the documents that all of them have."""
    columns = shared_columns(*(scores for contrast in contrasts for scores in contrast.scores))
    return tuple(contrast.on_columns(columns) for contrast in contrasts)


def mean(contrasts: Sequence[Contrast]) -> Contrast:
    """The mean of contrasts."""
    return (1 / len(contrasts)) * reduce(Contrast.__add__, contrasts)


def _levels(
    terms: Sequence[tuple[float, DocumentScores]], bases: Sequence[DocumentScores], weights: Floats
) -> list[tuple[Floats, DocumentScores]]:
    """Weights [...] of each set of draws of a base model, without those that cancel."""
    total: dict[tuple[str, tuple[str, ...]], Floats] = {}
    scores = {}
    nothing = np.zeros(np.shape(weights)[:-1])
    added = [(weights[..., place], base) for place, base in enumerate(bases)]
    for weight, base in (*terms, *added):
        key = base.model, base.units
        total[key] = np.asarray(total.get(key, nothing) + np.asarray(weight), dtype=np.float64)
        scores[key] = base
    return [(weight, scores[key]) for key, weight in total.items() if (np.abs(weight) > NOTHING).any()]


def paired_units(first: DocumentScores, second: DocumentScores) -> list[str]:
    """The units by which two sets of gains pair; empty where theirs are independent samples.

    Draws are those of one base model; texts are those of one corpus, whatever model they treat, since what a text
    does to one model it may do to others. Fewer than three in common pair only where they are all that both have.
    """
    if first.by != second.by:
        return []
    same = first.model == second.model if first.by == "draw" else first.corpus == second.corpus
    common = set(first.units) & set(second.units)
    every = common == set(first.units) == set(second.units)
    return sorted(common) if same and (len(common) >= FEWEST_UNITS or every) else []


def _paired(
    terms: Sequence[tuple[float, DocumentScores]],
) -> list[tuple[list[str], list[tuple[float, DocumentScores]]]]:
    """Gains in groups whose units are paired, with the units that all of a group have.

    Each joins the first group with all of which it pairs.
    """
    groups: list[list[tuple[float, DocumentScores]]] = []
    for term in terms:
        for group in groups:
            whole = [*group, term]
            common, every = _common_units(whole), all(set(s.units) == set(term[1].units) for _, s in whole)
            if all(paired_units(scores, term[1]) for _, scores in group) and (
                len(common) >= FEWEST_UNITS or every
            ):
                group.append(term)
                break
        else:
            groups.append([term])
    return [(sorted(_common_units(group)), group) for group in groups]


def _common_units(terms: Sequence[tuple[float, DocumentScores]]) -> set[str]:
    return set.intersection(*(set(scores.units) for _, scores in terms))
