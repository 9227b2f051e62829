"""Studies like a track's own, drawn from its measured variances: would it see, and how often would it be wrong?

A simulated study has the track's entries, draws and numbers of documents. Its documents are resampled by cluster.
The effect of a draw on each task is drawn from a normal distribution with the covariance that the track's own draws
show, the same for a base model and all that is treated from it; what is left by draw and document is that of a
stored draw, taken at random. The studies are then scored by the code that scores the track.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.claims.parts import Scores, decide_claims
from benchmark.claims.study_controls import decide_controls
from benchmark.errors import InputError
from benchmark.scoring.comparisons import baselines_of, comparison_rows
from benchmark.scoring.run_records import Model
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.selection import base_scores, draw_name, stored_entries
from benchmark.settings.scoring_settings import FEWEST_UNITS, ScoringSettings
from benchmark.statistics.design import DocumentScores, Floats, Ints, Layout, shared_columns

Entry = tuple[str, str, str]


@dataclass(frozen=True)
class Study:
    """A track's entries and base models on one set of documents, with what scoring has to know."""

    entries: Mapping[Entry, DocumentScores]
    bases: Mapping[str, DocumentScores]
    models: Mapping[str, Model]
    layout: Layout
    settings: ScoringSettings

    def controls(self) -> dict[str, Any] | None:
        """C0."""
        declared = self.settings.claims.controls
        rows = []
        for control in (declared.positive, declared.negative, declared.placebo):
            if control is None or (control.model, control.arm, control.corpus) not in self.entries:
                continue
            entry = self.entries[control.model, control.arm, control.corpus]
            baselines = baselines_of(entry, self.bases, self.entries, self.models, self.settings)
            rows += comparison_rows(
                entry, baselines, self.bases[entry.model], self.models, self.layout, self.settings
            )
        return decide_controls(rows, self.bases, self.layout, self.settings)

    def claims(self) -> dict[str, str]:
        """The outcomes of C1-C4, whatever C0 says."""
        found = decide_claims(Scores(self.entries, self.bases, self.layout, self.settings))
        return {claim["id"]: claim["outcome"] for claim in found}


def read_study(results: Path, models: Mapping[str, Model], settings: ScoringSettings) -> Study:
    """The study that the documents of a results folder hold: each run at its selected step.

    Raises:
        InputError: there are none, or a rung has fewer than three draws, so that nothing is known of draws.
    """
    documents = results / "documents.parquet"
    if not documents.is_file():
        raise InputError(f"{results}: no documents.parquet: `make repro` first")
    samples = read_samples([documents])
    bases, layout = base_scores(samples), samples.layouts["test"]
    few = [name for name, base in bases.items() if len(base.units) < FEWEST_UNITS]
    if few:
        raise InputError(
            f"{documents}: {', '.join(few)} with fewer than {FEWEST_UNITS} pretraining draws, so how much draws "
            "differ is not known: give the models `draws`"
        )
    return on_common_documents(Study(stored_entries(samples), bases, models, layout, settings))


def on_common_documents(study: Study) -> Study:
    """The study on the documents that all its models and entries have, so that none has to be made up.

    Raises InputError where a task has none.
    """
    scores = [*study.bases.values(), *study.entries.values()]
    columns = shared_columns(*scores)
    layout, places = study.layout.subset(columns, "all models and entries"), np.arange(len(columns))
    return replace(
        study,
        entries={key: replace(one.on_columns(columns), columns=places) for key, one in study.entries.items()},
        bases={name: replace(one.on_columns(columns), columns=places) for name, one in study.bases.items()},
        layout=layout,
    )


class Simulator:
    """Draws studies from the variances that one study shows.

    `gains` sets what the claims' treatment truly gains at each family's tasks, with placebos that gain nothing
    (None: what was measured); `draws` is how many pretraining draws a model has (None: as many as in the study).
    Entries that have not all draws of their base model are left out.
    """

    def __init__(
        self, study: Study, gains: Mapping[str, float] | None = None, draws: int | None = None
    ) -> None:
        self.study, self.layout, self.gains, self.draws = study, study.layout, gains, draws
        self.bases = {name: Components.of(base.values, study.layout) for name, base in study.bases.items()}
        self.entries = {
            key: Components.of(self._shifted(key, entry.gains_at(entry.columns)), study.layout)
            for key, entry in study.entries.items()
            if entry.by == "draw" and entry.units == study.bases[key[0]].units
        }

    def studies(self, number: int, seed: int = 0) -> Iterator[Study]:
        """Simulated studies; each has its own random stream."""
        for place in range(number):
            yield self.one(np.random.default_rng([seed, place]))

    def one(self, rng: np.random.Generator) -> Study:
        """One simulated study."""
        columns, clusters = self._documents(rng)
        task_of = self.layout.task_of[columns]
        whole = np.arange(len(columns))
        bases, chance = {}, {}
        for name, parts in self.bases.items():
            units = self.draws or parts.units
            chance[name] = (
                rng.standard_normal((units, parts.units)) / (parts.units - 1) ** 0.5,
                rng.integers(parts.units, size=units),
            )
            names = tuple(draw_name(draw) for draw in range(units))
            values = parts.draws(*chance[name])[:, columns]
            bases[name] = replace(
                self.study.bases[name], units=names, values=values, columns=whole, finer=None
            )
        entries = {}
        for key, parts in self.entries.items():
            start = bases[key[0]].values
            values = start + parts.draws(*chance[key[0]])[:, columns]
            entries[key] = replace(
                self.study.entries[key],
                units=bases[key[0]].units,
                values=values,
                start=start,
                columns=whole,
                finer=None,
            )
        layout = Layout(self.layout.tasks, task_of, whole, clusters)
        return replace(self.study, entries=entries, bases=bases, layout=layout)

    def _shifted(self, key: Entry, gains: Floats) -> Floats:
        """Gains whose mean is the true one that was asked for, for the treatment that the claims are about.

        Its placebos then gain nothing.
        """
        claims = self.study.settings.claims
        if self.gains is None or key[1] not in (claims.arm, *claims.placebos):
            return gains
        wanted = {} if key[1] != claims.arm else self.gains
        target = np.array([wanted.get(task.family, 0.0) for task in self.layout.tasks])
        means = self.layout.task_means(gains).mean(axis=0)
        return np.asarray(gains + (target - means)[self.layout.task_of], dtype=np.float64)

    def _documents(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Documents of clusters drawn with replacement inside each task, sorted by task, and their clusters.

        A cluster that is drawn twice is two.
        """
        columns: list[Ints] = []
        clusters: list[Ints] = []
        for task in range(len(self.layout.tasks)):
            member = np.flatnonzero(self.layout.task_of == task)
            names = np.unique(self.layout.cluster[member])
            for name in rng.choice(names, len(names)):
                columns.append(member[self.layout.cluster[member] == name])
                clusters.append(np.full(len(columns[-1]), len(clusters)))
        return np.concatenate(columns), np.concatenate(clusters)


@dataclass(frozen=True)
class Components:
    """What the values of a model's stored draws are made of.

    `by_document` [documents] is their mean, drawn towards its tasks' means so that it varies between clusters as
    documents do without what is left, `by_task` [units, documents] how far each draw lies from it on the
    document's task, and `left` [units, documents] what remains, scaled so that its variance is unbiased.
    """

    by_document: Floats
    by_task: Floats
    left: Floats

    @classmethod
    def of(cls, values: Floats, layout: Layout) -> "Components":
        """The components of values [units, documents]."""
        means = layout.task_means(values)
        by_document = values.mean(axis=0)
        by_task = (means - means.mean(axis=0))[:, layout.task_of]
        factor = (len(values) / (len(values) - 1)) ** 0.5
        left = values - by_document - by_task
        shrunk = _without_interaction(by_document, left, layout)
        return cls(shrunk, by_task, factor * left)

    @property
    def units(self) -> int:
        """Stored draws."""
        return len(self.by_task)

    def draws(self, weights: Floats, taken: Ints) -> Floats:
        """New draws [new, documents]: `weights` [new, units] of the effects by task, `taken` [new] what is left."""
        return np.asarray(self.by_document + weights @ self.by_task + self.left[taken], dtype=np.float64)


def _without_interaction(by_document: Floats, left: Floats, layout: Layout) -> Floats:
    """Means by document [documents] whose variance between clusters holds no part of what is `left` by draw.

    A mean over few draws contains a share of the interaction, which every simulated draw adds again.
    """
    units = len(left)
    means = layout.task_means(by_document)[layout.task_of]
    between = np.add.reduceat(layout.cluster_sums(by_document - means) ** 2, layout.cluster_starts)
    squared = (layout.cluster_sums(left) ** 2).sum(axis=0)
    interaction = np.add.reduceat(squared, layout.cluster_starts) / (units * (units - 1))
    kept = np.sqrt(np.maximum(1 - interaction / np.where(between > 0, between, 1.0), 0.0))
    return np.asarray(means + kept[layout.task_of] * (by_document - means), dtype=np.float64)
