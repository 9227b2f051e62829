"""The leaderboard's rows: each entry and reference row with its scores, gains, sizes and shares."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.aggregates import (
    corrected_averages,
    probability_of_improvement,
)
from benchmark.scoring.effective_size import EffectiveSize, effective_size, widths_from_documents
from benchmark.scoring.inference import crossed, mean_over_texts, wilson
from benchmark.scoring.layout import SUMMARY_SCOPES, DocumentScores, Floats, Layout, shared_columns
from benchmark.scoring.records import Model, Records
from benchmark.scoring.resampling import Resampling, interquartile_interval
from benchmark.scoring.samples import Samples
from benchmark.scoring.selection import EntrySelection

Row = dict[str, Any]


class Scored(NamedTuple):
    """A test score by scope with 95 % intervals, each [scopes], and the layout of its documents."""

    layout: Layout
    score: Floats
    low: Floats
    high: Floats


class Rung(NamedTuple):
    """A base model of a ladder and its test scores."""

    model: Model
    scores: DocumentScores


def scored(scores: DocumentScores, layout: Layout) -> Scored:
    """Scores by scope; Wilson's interval where a single row of 0/1 values stands behind a task."""
    layout = layout.subset(scores.columns, scores.name)
    values = scores.values
    estimate = crossed([values], None, layout) if scores.texts else crossed([], values[0], layout)
    low, high = (np.clip(bound, 0.0, 1.0) for bound in estimate.interval())
    if len(values) == 1:
        for number, task in enumerate(layout.tasks):
            of_task = values[0, layout.task_of == number]
            if np.isin(of_task, (0.0, 1.0)).all():
                place = layout.scopes.index(task.name)
                low[place], high[place] = wilson(of_task.sum(), len(of_task))
    return Scored(layout, estimate.value, low, high)


def score_rows(scores: DocumentScores, found: Scored, kind: str) -> list[Row]:
    """Rows of `scores.csv`."""
    chance = found.layout.scope_means(found.layout.chance)
    documents = found.layout.scope_documents()
    return [
        {
            **_key(scores),
            "row_kind": kind,
            "scope": scope,
            "score": found.score[place],
            "low": found.low[place],
            "high": found.high[place],
            "n_docs": documents[place],
            "n_runs": len(scores.texts),
            "chance": chance[place],
        }
        for place, scope in enumerate(found.layout.scopes)
    ]


def reference_row(scores: DocumentScores, found: Scored, kind: str, model: Model) -> Row:
    """What every row of `entries.csv` holds: scores with intervals, corrected averages, counts."""
    layout = found.layout
    row: Row = {
        **_key(scores),
        "row_kind": kind,
        "parameters": model.parameters,
        "n_runs": len(scores.texts),
        "n_docs": layout.size,
    }
    by_scope = dict(zip(layout.scopes, zip(*found[1:], strict=True), strict=True))
    for scope in SUMMARY_SCOPES:
        if scope in by_scope:
            names = (f"score_{scope}", f"score_{scope}_low", f"score_{scope}_high")
            row |= dict(zip(names, by_scope[scope], strict=True))
    corrected = corrected_averages(
        {task.name: by_scope[task.name][0] for task in layout.tasks},
        {task.name: task.chance for task in layout.tasks},
        {task.name: task.family for task in layout.tasks},
    )
    return row | {f"corrected_{scope}": corrected[scope] for scope in ("all", "classification")}


def entry_columns(selection: EntrySelection, start: Floats, resampling: Resampling) -> Row:
    """Gain over the base model's scores `start` [documents], and what the choice of step is worth."""
    chosen, layout = selection.chosen, selection.layout
    gain = crossed([chosen.values], -start, layout)
    low, high = gain.interval()
    by_text = layout.scope_means(chosen.values)[:, 0]
    middle = interquartile_interval(chosen.values, layout, resampling)
    optimism = mean_over_texts(selection.by_text(selection.optimism))
    return {
        "gain_all": gain.value[0],
        "gain_all_low": low[0],
        "gain_all_high": high[0],
        "iqm_all": middle[0],
        "iqm_all_low": middle[1],
        "iqm_all_high": middle[2],
        "p_improve_base": probability_of_improvement(by_text, layout.scope_means(start)[0]),
        "optimism": optimism[0],
        "optimism_low": optimism[1],
        "optimism_high": optimism[2],
        "floor_gain": selection.by_text(selection.floor_gain).mean(),
    }


def improvement_over_controls(
    chosen: DocumentScores, controls: Sequence[DocumentScores], layout: Layout
) -> float | None:
    """The lowest probability of improvement over the controls, `all` scores by text on shared documents."""
    found = []
    for control in controls:
        columns = shared_columns(chosen, control)
        shared = layout.subset(columns, f"{chosen.name} against {control.name}")
        pair = (shared.scope_means(scores.at(columns))[:, 0] for scores in (chosen, control))
        found.append(probability_of_improvement(*pair))
    return min((value for value in found if value is not None), default=None)


def size_columns(chosen: DocumentScores, ladder: Sequence[Rung], own: Model, layout: Layout) -> Row:
    """Effective size and multiplier at scope `all`, on the documents that the entry and the ladder share."""
    columns = shared_columns(chosen, *(rung.scores for rung in ladder))
    shared = layout.subset(columns, f"{chosen.name} against its ladder")
    values = chosen.at(columns)
    rungs = np.stack([rung.scores.at(columns)[0] for rung in ladder])
    found: EffectiveSize = effective_size(
        float(shared.scope_means(values)[:, 0].mean()),
        shared.scope_means(rungs)[:, 0],
        [rung.model.parameters for rung in ladder],
        own.parameters,
        widths_from_documents(values, rungs, shared),
    )
    return {
        "effective_size": found.size,
        "effective_size_low": found.size_low,
        "effective_size_high": found.size_high,
        "effective_size_note": found.note,
        "size_multiplier": found.multiplier,
        "size_multiplier_low": found.multiplier_low,
        "size_multiplier_high": found.multiplier_high,
    }


def share_diverged(selection: EntrySelection, samples: Samples, records: Records) -> float | None:
    """Share of an entry's runs that diverged; None where there are no run records."""
    runs = [samples.runs[row] for row in selection.rows]
    if not any(run in records.by_run for run in runs):
        return None
    return float(np.mean([records.diverged(run) for run in runs]))


def familiarity(selection: EntrySelection, samples: Samples, records: Records) -> float | None:
    """The base model's mean token loss on the corpus, as the run records have it."""
    values = [records.get(samples.runs[row], "familiarity") for row in selection.rows]
    known: NDArray[np.float64] = np.array([value for value in values if value is not None], dtype=np.float64)
    return float(known.mean()) if len(known) else None


def _key(scores: DocumentScores) -> Row:
    return {"model": scores.model, "arm": scores.arm, "corpus": scores.corpus}
