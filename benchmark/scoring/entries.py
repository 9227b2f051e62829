"""The leaderboard's rows: each entry and reference row with its scores, gains, sizes and shares."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmark.scoring.run_records import Model, Records
from benchmark.scoring.samples import Samples
from benchmark.scoring.selection import TIE_DECIMALS, EntrySelection
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.aggregates import corrected_averages, probability_of_improvement
from benchmark.statistics.contrast import gain, level, score
from benchmark.statistics.crossed import Estimate, crossed, sampled
from benchmark.statistics.design import SUMMARY_SCOPES, DocumentScores, Floats, Layout, shared_columns
from benchmark.statistics.effective_size import EffectiveSize, effective_size, widths_from_documents
from benchmark.statistics.interquartile import Resampling, interquartile_interval
from benchmark.statistics.sign_test import ROUNDING
from benchmark.statistics.textbook import mean_over_texts, wilson

Row = dict[str, Any]

ONE_STEP = "one declared step: nothing was chosen"
"""Why an entry has no optimism."""


class Scored(NamedTuple):
    """A test score by scope with 95 % intervals, each [scopes], the layout of its documents, what it takes as given."""

    layout: Layout
    score: Floats
    low: Floats
    high: Floats
    conditional: str


class Rung(NamedTuple):
    """A base model of a ladder and its test scores."""

    model: Model
    scores: DocumentScores


def scored(scores: DocumentScores, base: DocumentScores, layout: Layout) -> Scored:
    """Scores by scope; Wilson's interval where one row of 0/1 values of independent documents is behind a task.

    An entry's score is its gain on top of the mean over all draws of its base model, `base`.
    """
    found = (level(scores) if scores.is_base else score(scores, base)).estimated(layout)
    shared, estimate = found.layout, found.estimate
    low, high = (np.clip(bound, 0.0, 1.0) for bound in estimate.interval())
    if len(scores.values) == 1 and len(base.values) == 1:
        values = scores.at(shared_columns(scores, base))
        for number, task in enumerate(shared.tasks):
            of_task = values[0, shared.task_of == number]
            independent = shared.effective_clusters[number] == len(of_task)
            if independent and np.isin(of_task, (0.0, 1.0)).all():
                place = shared.scopes.index(task.name)
                low[place], high[place] = wilson(of_task.sum(), len(of_task))
    return Scored(shared, estimate.value, low, high, found.conditional)


def score_rows(scores: DocumentScores, found: Scored, kind: str, measure: str = "score") -> list[Row]:
    """Rows of `scores.csv`; probabilities are not averaged over choices and dialogue."""
    chance = found.layout.scope_means(found.layout.chance)
    documents = found.layout.scope_documents()
    return [
        {
            **_key(scores),
            "row_kind": kind,
            "measure": measure,
            "scope": scope,
            "score": found.score[place],
            "low": found.low[place],
            "high": found.high[place],
            "n_docs": documents[place],
            "conditional": found.conditional,
            "n_texts": scores.n_texts,
            "n_draws": scores.n_draws,
            "chance": chance[place] if measure == "score" else None,
        }
        for place, scope in enumerate(found.layout.scopes)
        if measure == "score" or scope != "all"
    ]


def reference_row(scores: DocumentScores, found: Scored, kind: str, model: Model) -> Row:
    """What every row of `entries.csv` holds: scores with intervals, corrected averages, counts."""
    layout = found.layout
    row: Row = {
        **_key(scores),
        "row_kind": kind,
        "parameters": model.parameters,
        "conditional": found.conditional,
        "n_texts": scores.n_texts,
        "n_draws": scores.n_draws,
        "n_docs": layout.size,
    }
    by_scope = dict(zip(layout.scopes, zip(*found[1:4], strict=True), strict=True))
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


def probability_columns(found: Scored) -> Row:
    """The probability of the right answer by family, with intervals, for a row of `entries.csv`."""
    return {
        f"probability_{scope}{end}": bound[place]
        for place, scope in enumerate(found.layout.summary_scopes)
        if scope != "all"
        for end, bound in (("", found.score), ("_low", found.low), ("_high", found.high))
    }


def entry_columns(selection: EntrySelection, layout: Layout, resampling: Resampling) -> Row:
    """Gain over the own base model, and what the choice of step is worth; `layout` is all test documents'."""
    chosen, own = selection.chosen, selection.layout
    found = gain(chosen).estimated(layout)
    low, high = found.estimate.interval()
    gains = own.scope_means(chosen.gains_at(chosen.columns))[:, 0]
    middle = interquartile_interval(chosen.values, own, resampling)
    chosen_among = int((~np.isnan(selection.test[:, 1:, 0])).any(axis=0).sum())
    optimism = (
        mean_over_texts(selection.by_unit(selection.optimism)) if chosen_among > 1 else (None, None, None)
    )
    new = new_unit(chosen, own, found.estimate)
    return {
        "gain_all": found.estimate.value[0],
        "gain_all_low": low[0],
        "gain_all_high": high[0],
        "iqm_all": middle[0],
        "iqm_all_low": middle[1],
        "iqm_all_high": middle[2],
        "prob_improve_base": probability_of_improvement(gains, 0.0),
        "prob_improve_new": new[0],
        "prob_improve_new_low": new[1],
        "prob_improve_new_high": new[2],
        "optimism": optimism[0],
        "optimism_low": optimism[1],
        "optimism_high": optimism[2],
        "optimism_note": "" if chosen_among > 1 else ONE_STEP,
        "floor_gain": selection.by_unit(selection.floor_gain).mean() if chosen_among > 1 else None,
    } | _best_columns(selection)


def _best_columns(selection: EntrySelection) -> Row:
    """What the text and step that were best on `select` gain on `test`, given that one run."""
    if selection.best is None:
        return {}
    found = crossed([], selection.best.gains, selection.layout)
    low, high = found.interval()
    return {
        "best_text": selection.best.text_id,
        "best_text_step": selection.best.step,
        "best_text_gain_all": found.value[0],
        "best_text_gain_all_low": low[0],
        "best_text_gain_all_high": high[0],
    }


def new_unit(chosen: DocumentScores, layout: Layout, estimate: Estimate) -> tuple[float, float, float]:
    """Probability that one more text (on a draw of its own, where there are draws) gains at `all`, with bounds.

    It is Phi(mean / s.d. between units), with the s.d. from the variance components of `layout`'s documents and
    the units; the bounds take the ends of the mean's crossed interval, `estimate`, for the mean. nan with fewer
    than three units, or where all gain alike.
    """
    gains = chosen.gains_at(chosen.columns)
    if len(gains) < FEWEST_UNITS:
        return float("nan"), float("nan"), float("nan")
    found = sampled(gains, layout)
    assert found.part is not None and found.interaction is not None
    between = float(found.part.variance[0] - found.interaction[0]) * len(gains)
    if between <= ROUNDING**2:
        return float("nan"), float("nan"), float("nan")
    low, high = estimate.interval()
    value, least, most = (float(ndtr(end / between**0.5)) for end in (estimate.value[0], low[0], high[0]))
    return value, least, most


def improvement_over_control(
    chosen: DocumentScores, controls: Sequence[DocumentScores], layout: Layout
) -> tuple[float | None, str | None]:
    """The lowest share of units in which the entry beats a control, paired by unit, and that control's name.

    Scores at `all` on shared documents; a tie counts half. (None, None) where no unit pairs.
    """
    found: list[tuple[float, str]] = []
    for control in controls:
        common = sorted(set(chosen.units) & set(control.units))
        if not common:
            continue
        columns = shared_columns(chosen, control)
        shared = layout.subset(columns, f"{chosen.name} against {control.name}")
        ours, theirs = (
            shared.scope_means(scores.gains_at(columns)[scores.rows(common)])[:, 0].round(TIE_DECIMALS)
            for scores in (chosen, control)
        )
        found.append((float(((ours > theirs) + (ours == theirs) / 2).mean()), control.arm))
    return min(found, default=(None, None))


def size_columns(
    chosen: DocumentScores, base: DocumentScores, ladder: Sequence[Rung], own: Model, layout: Layout
) -> Row:
    """Effective size and multiplier at scope `all`, on the documents that the entry and the ladder share."""
    rungs = [rung.scores for rung in ladder]
    columns = shared_columns(chosen, base, *rungs)
    shared = layout.subset(columns, f"{chosen.name} against its ladder")
    ours = score(chosen, base)
    levels = np.stack([rung.at(columns).mean(axis=0) for rung in rungs])
    mean = chosen.gains_at(columns).mean(axis=0) + base.at(columns).mean(axis=0)
    found: EffectiveSize = effective_size(
        float(shared.scope_means(mean)[0]),
        shared.scope_means(levels)[:, 0],
        [rung.model.parameters for rung in ladder],
        own.parameters,
        widths_from_documents(ours, rungs, layout),
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


def corpus_loss(selection: EntrySelection, samples: Samples, records: Records) -> float | None:
    """The base model's mean token loss on the corpus, as the run records have it."""
    values = [records.get(samples.runs[row], "corpus_loss") for row in selection.rows]
    known: NDArray[np.float64] = np.array([value for value in values if value is not None], dtype=np.float64)
    return float(known.mean()) if len(known) else None


def _key(scores: DocumentScores) -> Row:
    return {"model": scores.model, "arm": scores.arm, "corpus": scores.corpus}
