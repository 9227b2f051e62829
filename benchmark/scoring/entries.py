"""The leaderboard's rows: each entry and reference row with its scores, gains, sizes and shares."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from benchmark.scoring.comparisons import MEASURES
from benchmark.scoring.run_records import Model, Records
from benchmark.scoring.samples import RunKey, Samples
from benchmark.scoring.selection import EntrySelection
from benchmark.settings.scoring_settings import FEWEST_UNITS, ScoringSettings
from benchmark.statistics.aggregates import corrected_averages, probability_of_improvement
from benchmark.statistics.best_step import TIE_DECIMALS
from benchmark.statistics.contrast import ContrastEstimate, level, score
from benchmark.statistics.crossed import Estimate, crossed, sampled
from benchmark.statistics.design import DocumentScores, Floats, Layout, shared_columns
from benchmark.statistics.effective_size import EffectiveSize, effective_size, widths_from_documents
from benchmark.statistics.interquartile import Resampling, interquartile_interval
from benchmark.statistics.sign_test import ROUNDING
from benchmark.statistics.textbook import mean_over_texts, wilson

Row = dict[str, Any]
Entry = tuple[str, str, str]

KIND_ORDER = {"entry": 0, "control": 1, "rung": 2}
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


def entry_tables(
    samples: Samples,
    selections: Mapping[Entry, EntrySelection],
    gains: Mapping[Entry, ContrastEstimate],
    bases: Mapping[str, DocumentScores],
    models: Mapping[str, Model],
    records: Records,
    settings: ScoringSettings,
) -> tuple[list[Row], list[Row]]:
    """Rows of `entries.csv` and `scores.csv`: entries, then controls, then base models by size."""
    entries: list[Row] = []
    scores: list[Row] = []
    layout = samples.layouts["test"]
    resampling = Resampling(settings.resamples, settings.seed)
    for (model, arm, corpus), selection in selections.items():
        kind = "entry" if settings.is_treatment(arm) else "control"
        chosen, base = selection.chosen, bases[model]
        row = _row_by_measure(scores, chosen, base, layout, kind, models[model])
        row |= entry_columns(selection, gains[chosen.key].estimate, resampling)
        row |= size_columns(chosen, base, _ladder(models[model], models, bases), models[model], layout)
        if kind == "entry":
            arms = tuple(a for m, a, c in selections if (m, c) == (model, corpus))
            controls = [selections[model, a, corpus].chosen for a in settings.controls_of(arm, arms)]
            found = improvement_over_control(chosen, controls, layout)
            row["prob_improve_control"], row["prob_improve_control_arm"] = found
        row |= record_columns([samples.runs[number] for number in selection.rows], records)
        entries.append(row)
    for model, whole in bases.items():
        base = _on_documents_of_runs(whole, samples)
        entries.append(_row_by_measure(scores, base, base, layout, "rung", models[model]))

    def order(row: Row) -> tuple[int, int, str, str, str]:
        kind = KIND_ORDER[row["row_kind"]]
        return kind, models[row["model"]].parameters, row["model"], row["arm"], row["corpus"]

    return sorted(entries, key=order), sorted(scores, key=order)


def _row_by_measure(
    scores: list[Row], chosen: DocumentScores, base: DocumentScores, layout: Layout, kind: str, model: Model
) -> Row:
    """A row of `entries.csv` with the scores of every stored measure; adds those of each scope to `scores`."""
    row: Row = {}
    for measure in MEASURES:
        ours, own = chosen.on(measure), base.on(measure)
        if ours is not None and own is not None:
            found = scored(ours, own, layout)
            scores += score_rows(ours, found, kind, measure)
            row |= (
                reference_row(ours, found, kind, model)
                if measure == "score"
                else _by_scope("probability", found, found.layout.family_scopes)
            )
    return row


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


def with_interval(name: str, bounds: Iterable[Any]) -> Row:
    """A figure and the ends of its interval as columns."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), bounds, strict=True))


def score_rows(scores: DocumentScores, found: Scored, kind: str, measure: str = "score") -> list[Row]:
    """Rows of `scores.csv`; probabilities are not averaged over several families."""
    layout = found.layout
    columns = {"score": found.score, "low": found.low, "high": found.high, "n_docs": layout.scope_documents()}
    if measure == "score":
        columns["chance"] = layout.scope_means(layout.chance)
    fixed = {**_common(scores, found, kind), "measure": measure}
    return [
        {**fixed, "scope": scope} | {name: column[place] for name, column in columns.items()}
        for place, scope in enumerate(layout.scopes)
        if measure == "score" or scope in layout.finer_scopes
    ]


def reference_row(scores: DocumentScores, found: Scored, kind: str, model: Model) -> Row:
    """What every row of `entries.csv` holds: scores with intervals, corrected averages, counts."""
    tasks = found.layout.tasks
    by_task = dict(zip(found.layout.scopes, found.score, strict=True))
    corrected = corrected_averages(
        {task.name: by_task[task.name] for task in tasks},
        {task.name: task.chance for task in tasks},
        {task.name: task.family for task in tasks},
    )
    return {
        **_common(scores, found, kind),
        "parameters": model.parameters,
        "n_docs": found.layout.size,
        **_by_scope("score", found, found.layout.summary_scopes),
        **{f"corrected_{scope}": corrected[scope] for scope in found.layout.summary_scopes},
    }


def _common(scores: DocumentScores, found: Scored, kind: str) -> Row:
    return {
        **dict(zip(("model", "arm", "corpus"), scores.key, strict=True)),
        "row_kind": kind,
        "conditional": found.conditional,
        "n_texts": scores.n_texts,
        "n_draws": scores.n_draws,
    }


def _by_scope(prefix: str, found: Scored, scopes: Iterable[str]) -> Row:
    """Scores with intervals as columns `prefix`_`scope`."""
    row: Row = {}
    for scope in scopes:
        place = found.layout.scopes.index(scope)
        row |= with_interval(
            f"{prefix}_{scope}", (bound[place] for bound in (found.score, found.low, found.high))
        )
    return row


def entry_columns(selection: EntrySelection, gain: Estimate, resampling: Resampling) -> Row:
    """The gain over the own base model, and what the choice of step is worth."""
    chosen, own = selection.chosen, selection.layout
    gains = own.scope_means(chosen.gains_at(chosen.columns))[:, 0]
    is_choice = int((~np.isnan(selection.test[:, 1:, 0])).any(axis=0).sum()) > 1
    return {
        **with_interval("gain_all", _at_all(gain)),
        **with_interval("iqm_all", interquartile_interval(chosen.values, own, resampling)),
        "prob_improve_base": probability_of_improvement(gains, 0.0),
        **with_interval("optimism", mean_over_texts(selection.optimism) if is_choice else (None, None, None)),
        "optimism_note": "" if is_choice else ONE_STEP,
        **with_interval("prob_improve_new", new_unit(chosen, own, gain)),
        "floor_gain": selection.floor_gain.mean() if is_choice else None,
        **_best_columns(selection),
    }


def _at_all(estimate: Estimate) -> tuple[Any, Any, Any]:
    """The value at scope `all` and the ends of its interval."""
    low, high = estimate.interval()
    return estimate.value[0], low[0], high[0]


def _best_columns(selection: EntrySelection) -> Row:
    """What the text and step that were best on `select` gain on `test`, given that one run."""
    if selection.best is None:
        return {}
    run, step = selection.best
    found = crossed([], selection.best_gains, selection.layout)
    return {
        "best_text": selection.text_of[run],
        "best_text_step": step,
        **with_interval("best_text_gain_all", _at_all(found)),
    }


def new_unit(chosen: DocumentScores, layout: Layout, estimate: Estimate) -> tuple[float, float, float]:
    """Probability that one more text (on a draw of its own, where there are draws) gains at `all`, with bounds.

    It is Phi(mean / s.d. between units), with the s.d. from the variance components of `layout`'s documents and
    the units; the bounds take the ends of the mean's crossed interval, `estimate`, for the mean. nan with fewer
    than three units, or where all gain alike.
    """
    gains = chosen.gains_at(chosen.columns)
    between = 0.0
    if len(gains) >= FEWEST_UNITS:
        found = sampled(gains, layout)
        assert found.part is not None and found.interaction is not None
        between = float(found.part.variance[0] - found.interaction[0]) * len(gains)
    if between <= ROUNDING**2:
        return np.nan, np.nan, np.nan
    value, least, most = (float(ndtr(end / between**0.5)) for end in _at_all(estimate))
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
            shared.scope_means(scores.gains_at(columns, common))[:, 0].round(TIE_DECIMALS)
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
        **with_interval("effective_size", (found.size, found.size_low, found.size_high)),
        "effective_size_note": found.note,
        **with_interval("size_multiplier", (found.multiplier, found.multiplier_low, found.multiplier_high)),
    }


def record_columns(runs: Sequence[RunKey], records: Records) -> Row:
    """The share of an entry's runs that diverged, and its corpus loss: both as the run records have them."""
    facts = [records[run] for run in runs]
    losses = [one.corpus_loss for one in facts if one.corpus_loss is not None]
    known = any(run in records for run in runs)
    return {
        "share_diverged": float(np.mean([one.diverged for one in facts])) if known else None,
        "corpus_loss": float(np.mean(losses)) if losses else None,
    }


def _on_documents_of_runs(base: DocumentScores, samples: Samples) -> DocumentScores:
    """The base model's scores on the documents that runs have, so that its row compares with theirs.

    All its own documents where there are no runs, or where a task would be left without one.
    """
    layout = samples.layouts["test"]
    columns = np.intersect1d(base.columns, samples.held["test"], assume_unique=True)
    if np.bincount(layout.task_of[columns], minlength=len(layout.tasks)).min() == 0:
        return base
    return base.on_columns(columns)


def _ladder(own: Model, models: Mapping[str, Model], bases: Mapping[str, DocumentScores]) -> list[Rung]:
    """The rungs of a model's ladder that have documents, in rising size, with the model itself among them."""
    rungs = [
        Rung(model, bases[name])
        for name, model in models.items()
        if model.ladder == own.ladder and name in bases and (model.role != "treated" or name == own.name)
    ]
    same_size = {rung.model.parameters for rung in rungs if rung.model.name != own.name}
    kept = [rung for rung in rungs if rung.model.name != own.name or own.parameters not in same_size]
    return sorted(kept, key=lambda rung: rung.model.parameters)
