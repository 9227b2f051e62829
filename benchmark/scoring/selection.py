"""Which step of a run is reported, what that choice is worth, and the test scores at it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.scoring.layout import DocumentScores, Floats, Ints, Layout
from benchmark.scoring.records import Records
from benchmark.scoring.samples import Samples

TIE_DECIMALS = 12
NO_STEP = -1


@dataclass(frozen=True)
class EntrySelection:
    """The runs of one entry and the choice among their steps.

    `rows` [runs] number the runs in the samples; `layout` holds the entry's test documents. `test` and
    `select` [runs, 1 + steps, scopes] are scores by step, the base model's first, nan where a step was not
    scored. `held_out` and `best_on_test` [runs] are steps chosen on `select` and on `test` from step 1 up,
    `paper` maps a family to the steps chosen on `test` from step 0 up; NO_STEP where no step is finite.
    `run_scores` [runs, scopes] are the reported scores. `optimism` and `floor_gain` [runs] are differences of
    `all` averages. `chosen` are the scores by text and document that the entry is judged by; `text_of` [runs]
    are the runs' texts.
    """

    rows: tuple[int, ...]
    layout: Layout
    test: Floats
    select: Floats
    held_out: Ints
    best_on_test: Ints
    paper: Mapping[str, Ints]
    run_scores: Floats
    optimism: Floats
    floor_gain: Floats
    chosen: DocumentScores
    text_of: tuple[str, ...]

    def by_text(self, values: Floats) -> Floats:
        """Values of runs [runs, ...] averaged over the seeds of each text [texts, ...]."""
        names = np.array(self.text_of)
        return np.stack([values[names == text].mean(axis=0) for text in self.chosen.texts])


def best_step(scores: Floats) -> Ints:
    """Place of the highest score along the last axis, ties to the first; NO_STEP where all are nan.

    Scores are rounded to 12 decimals first, so that equal averages summed in another order still tie. It is
    the rule by which a run's record names its step (`posttrain.stopping.best_step`).
    """
    rounded = np.where(np.isnan(scores), -np.inf, np.round(scores, TIE_DECIMALS))
    return np.where(np.isneginf(rounded.max(axis=-1)), NO_STEP, rounded.argmax(axis=-1)).astype(np.int64)


def select_entry(
    samples: Samples, entry: tuple[str, str, str], records: Records, paper: bool
) -> EntrySelection:
    """Choose the steps of one entry's runs and gather their test scores.

    Held-out: one step for all tasks, the highest `all` average on `select` among steps 1 and up, ties to the
    earliest. Paper: a step a family, on `test`, step 0 among the candidates. A diverged run keeps its finite
    steps; with none, each document scores chance. A run that was to take no step scores as its base model.
    """
    rows = samples.entries[entry]
    candidates = _candidates(samples, rows, records)
    columns, layout, values = entry_values(samples, entry, "test")
    start = samples.bases["test"][entry[0]][columns]
    test = _by_step(layout, values, start, candidates)
    select = np.full_like(test, np.nan)
    if "select" in samples.layouts and not np.isnan(samples.values["select"][rows]).all():
        places, select_layout, select_values = entry_values(samples, entry, "select")
        select = _by_step(select_layout, select_values, samples.bases["select"][entry[0]][places], candidates)
    held_out, best = _chosen(select[:, 1:, 0]), _chosen(test[:, 1:, 0])
    by_family = {
        family: best_step(test[..., layout.scopes.index(family)]) for family in layout.summary_scopes[1:]
    }
    picks = by_family if paper else dict.fromkeys(by_family, held_out)
    fallback = np.stack([start if _untreated(samples, row, records) else layout.chance for row in rows])
    picked = _picked(values, start, layout, picks, fallback)
    finer = _probabilities(samples, entry, columns, layout, picks, records)
    scores_all = layout.scope_means(picked)
    without_step = layout.scope_means(fallback)[:, 0]
    best_score = _score_at(test[..., 0], best, without_step)
    held_out_score = _score_at(test[..., 0], held_out, without_step)
    return EntrySelection(
        rows=tuple(rows),
        layout=layout,
        test=test,
        select=select,
        held_out=_step_numbers(held_out, samples.steps),
        best_on_test=_step_numbers(best, samples.steps),
        paper={family: _step_numbers(place, samples.steps) for family, place in by_family.items()},
        run_scores=scores_all,
        optimism=best_score - (held_out_score if "select" in samples.layouts else np.nan),
        floor_gain=np.maximum(test[:, 0, 0] - best_score, 0.0),
        chosen=_by_text(samples, entry, columns, picked, finer),
        text_of=tuple(samples.runs[row].text_id for row in rows),
    )


def entry_values(samples: Samples, entry: tuple[str, str, str], split: str) -> tuple[Ints, Layout, Floats]:
    """Documents of a split that the entry's runs have, their layout, and values [runs, steps, documents].

    Where the entry has no rows at all, the documents are its base model's and the values nan.
    """
    layout, rows = samples.layouts[split], samples.entries[entry]
    values = samples.values[split][rows]
    scored = ~np.isnan(values).all(axis=(0, 1))
    columns = samples.held[split][scored]
    values = values if scored.all() else values[:, :, scored]
    if not scored.any():
        columns = np.flatnonzero(~np.isnan(samples.bases[split][entry[0]]))
        values = np.full((len(rows), len(samples.steps), len(columns)), np.nan)
    return columns, layout.subset(columns, "/".join(entry)), values


def _candidates(samples: Samples, rows: list[int], records: Records) -> NDArray[np.bool_]:
    """Which steps [runs, steps] were scored with finite weights."""
    candidates: NDArray[np.bool_] = np.asarray(~np.isnan(samples.values["test"][rows]).all(axis=-1))
    for place, row in enumerate(rows):
        diverged = records.diverged_steps(samples.runs[row])
        if diverged:
            candidates[place] &= ~np.isin(samples.steps, sorted(diverged))
    return candidates


def _untreated(samples: Samples, row: int, records: Records) -> bool:
    """Whether a run took no step because it was told to; InputError for a run whose samples are missing."""
    run = samples.runs[row]
    if not np.isnan(samples.values["test"][row]).all() or records.diverged(run):
        return False
    if records.get(run, "stopped_at") == 0:
        return True
    raise InputError(f"run {run} has a record and no sample rows; give its samples too")


def _by_step(layout: Layout, values: Floats, start: Floats, candidates: NDArray[np.bool_]) -> Floats:
    """Scores [runs, 1 + steps, scopes], the base model's first."""
    steps = np.where(candidates[..., None], layout.scope_means(values), np.nan)
    first = np.broadcast_to(layout.scope_means(start), (len(values), 1, len(layout.scopes)))
    return np.concatenate([first, steps], axis=1)


def _chosen(scores: Floats) -> Ints:
    """Places among 1 + steps of the best of steps 1 and up [runs]."""
    best = best_step(scores)
    return np.where(best == NO_STEP, NO_STEP, best + 1)


def _step_numbers(places: Ints, steps: Ints) -> Ints:
    """Step numbers of places among 1 + steps."""
    return np.where(places == NO_STEP, NO_STEP, np.concatenate([[0], steps])[places])


def _score_at(scores: Floats, places: Ints, otherwise: Floats) -> Floats:
    """Scores [runs, 1 + steps] at one place a run, `otherwise` [runs] where there is none."""
    return np.where(places == NO_STEP, otherwise, scores[np.arange(len(scores)), np.maximum(places, 0)])


def _picked(
    values: Floats, start: Floats, layout: Layout, picks: Mapping[str, Ints], fallback: Floats
) -> Floats:
    """Test values [runs, documents] at the picked places among 1 + steps, by family of the document."""
    picked = fallback.copy()
    runs = np.arange(len(values))
    for family, places in picks.items():
        member = np.array([task.family == family for task in layout.tasks])[layout.task_of]
        step = values[runs, np.maximum(places - 1, 0)]
        step = np.where((places == 0)[:, None], start, step)
        kept = (places != NO_STEP)[:, None] & member
        picked[kept] = step[kept]
    return picked


def _probabilities(
    samples: Samples,
    entry: tuple[str, str, str],
    columns: Ints,
    layout: Layout,
    picks: Mapping[str, Ints],
    records: Records,
) -> Floats | None:
    """Probabilities [runs, documents] at the steps that the scores are taken from; None where one is missing."""
    rows = samples.entries[entry]
    base = samples.base_probability("test", entry[0])
    if base is None or "test" not in samples.probabilities:
        return None
    places = np.searchsorted(samples.held["test"], columns)
    values = samples.probabilities["test"][rows]
    untreated = [_untreated(samples, row, records) for row in rows]
    if len(places) and not np.isin(columns, samples.held["test"]).all():
        values = np.full((len(rows), len(samples.steps), len(columns)), np.nan)
    else:
        values = values[:, :, places]
    fallback = np.stack([base[columns] if left else layout.chance for left in untreated])
    picked = _picked(values, base[columns], layout, picks, fallback)
    return None if np.isnan(picked).any() else picked


def _by_text(
    samples: Samples,
    entry: tuple[str, str, str],
    columns: Ints,
    picked: Floats,
    probabilities: Floats | None,
) -> DocumentScores:
    """Seeds averaged: one row a text, texts sorted."""
    names = [samples.runs[row].text_id for row in samples.entries[entry]]
    texts = sorted(set(names))

    def averaged(by_run: Floats) -> Floats:
        return np.stack([by_run[[name == text for name in names]].mean(axis=0) for text in texts])

    finer = None if probabilities is None else averaged(probabilities)
    return DocumentScores(*entry, tuple(texts), columns, averaged(picked), finer)


def base_scores(samples: Samples) -> dict[str, DocumentScores]:
    """The base models' test scores, by model, on all their test documents."""
    scores = {}
    for model, values in sorted(samples.bases["test"].items()):
        columns = np.flatnonzero(~np.isnan(values))
        if len(columns):
            finer = samples.base_probability("test", model)
            kept = None if finer is None or np.isnan(finer[columns]).any() else finer[columns][None]
            scores[model] = DocumentScores(model, "none", "none", (), columns, values[columns][None], kept)
    return scores
