"""Which step of a run is reported, what that choice is worth, and the test scores at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import InputError
from benchmark.schema.stored_columns import NO_ARM
from benchmark.scoring.run_records import Records
from benchmark.scoring.samples import Samples
from benchmark.statistics.best_step import NO_STEP, best_step
from benchmark.statistics.design import DocumentScores, Floats, Ints, Layout


@dataclass(frozen=True)
class EntrySelection:
    """The runs of one entry and the choice among their steps.

    `rows` [runs] number the runs in the samples; `layout` holds the entry's test documents. `test` and
    `select` [runs, 1 + steps, scopes] are scores by step, the base model's first, nan where a step was not
    scored. `held_out` and `best_on_test` [runs] are steps chosen on `select` and on `test` from step 1 up,
    `paper` maps a family to the steps chosen on `test` from step 0 up; NO_STEP where no step is finite.
    `run_scores` [runs, scopes] are the reported scores. `optimism` and `floor_gain` [units] are differences of
    `all` averages. `best` are the place of the run and the step with the highest gain on `select`,
    None without that split, and `best_gains` [documents] its gains on `test`: what a study shows that reports its
    best run, here without the optimism of that choice.
    `chosen` are the scores by unit and document that the entry is judged by; `text_of` and
    `unit_of` [runs] are the runs' texts and units (draws, or texts where there is one draw).
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
    best: tuple[int, int] | None
    best_gains: Floats
    text_of: tuple[str, ...]
    unit_of: tuple[str, ...]


def averaged_by_unit(values: Floats, texts: Sequence[str], units: Sequence[str]) -> Floats:
    """Values of runs [runs, ...] averaged over seeds, then over the texts of each unit; units sorted."""
    text_of, unit_of = np.array(texts), np.array(units)
    return np.stack(
        [
            np.mean([values[(unit_of == unit) & (text_of == text)].mean(axis=0) for text in found], axis=0)
            for unit in sorted(set(units))
            for found in [sorted(set(text_of[unit_of == unit].tolist()))]
        ]
    )


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
    start = starts(samples, rows, "test", columns)
    test = _by_step(layout, values, start, candidates)
    select = np.full_like(test, np.nan)
    if "select" in samples.layouts and not np.isnan(samples.values["select"][rows]).all():
        places, select_layout, select_values = entry_values(samples, entry, "select")
        select = _by_step(select_layout, select_values, starts(samples, rows, "select", places), candidates)
    held_out, best = _chosen(select[:, 1:, 0]), _chosen(test[:, 1:, 0])
    by_family = {family: best_step(test[..., layout.scopes.index(family)]) for family in layout.family_scopes}
    picks = by_family if paper else dict.fromkeys(by_family, held_out)
    untreated = [_untreated(samples, row, records) for row in rows]
    fallback = np.where(np.array(untreated)[:, None], start, layout.chance)
    picked = _picked(values, start, layout, picks, fallback)
    finer = _finer(samples, rows, columns, layout, picks, untreated)
    scores_all = layout.scope_means(picked)
    without_step = layout.scope_means(fallback)[:, 0]
    texts, units = tuple(samples.runs[row].text_id for row in rows), units_of(samples, rows)
    gains = values - start[:, None]
    best_run, best_place = _best_run([samples.runs[row].base for row in rows], select)
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
        optimism=averaged_by_unit(
            best_score - (held_out_score if "select" in samples.layouts else np.nan), texts, units
        ),
        floor_gain=averaged_by_unit(np.maximum(test[:, 0, 0] - best_score, 0.0), texts, units),
        best=None if best_place == NO_STEP else (best_run, int(samples.steps[best_place])),
        best_gains=np.full(layout.size, np.nan) if best_place == NO_STEP else gains[best_run, best_place],
        chosen=_by_unit(samples, entry, columns, picked, start, finer),
        text_of=texts,
        unit_of=units,
    )


def _best_run(bases: Sequence[tuple[str, int]], select: Floats) -> tuple[int, int]:
    """Places of the run and step of the highest gain at `all` on `select` [runs, 1 + steps, scopes], ties to the first.

    The step's is NO_STEP where there is none. Runs from one base model (`bases` [runs]) need no score of it on
    `select`: it is the same for all.
    """
    start = select[:, :1, 0]
    if len(set(bases)) == 1 and np.isnan(start).all():
        start = np.zeros_like(start)
    on_select = select[:, 1:, 0] - start
    place = int(best_step(on_select.ravel()))
    return (0, NO_STEP) if place == NO_STEP else divmod(place, on_select.shape[1])


def _finer(
    samples: Samples,
    rows: Sequence[int],
    columns: Ints,
    layout: Layout,
    picks: Mapping[str, Ints],
    untreated: Sequence[bool],
) -> tuple[Floats, Floats] | None:
    """Probabilities of the right answer at the picked steps, and of the base models, [runs, documents] each.

    None where a document that was scored has none.
    """
    if "test" not in samples.probabilities:
        return None
    places = np.searchsorted(samples.held["test"], columns)
    values = np.full((len(rows), len(samples.steps), len(columns)), np.nan)
    if np.isin(columns, samples.held["test"]).all():
        values = samples.probabilities["test"][rows][:, :, places]
    bases = samples.base_probabilities["test"]
    start = np.stack([bases[samples.runs[row].base][columns] for row in rows])
    fallback = np.where(np.array(untreated)[:, None], start, layout.chance)
    found = _picked(values, start, layout, picks, fallback), start
    return None if any(np.isnan(part).any() for part in found) else found


def starts(samples: Samples, rows: Sequence[int], split: str, columns: Ints) -> Floats:
    """Scores of the base model that each run starts from [runs, documents]."""
    bases = samples.bases[split]
    return np.stack([bases[samples.runs[row].base][columns] for row in rows])


def units_of(samples: Samples, rows: Sequence[int]) -> tuple[str, ...]:
    """The unit of each run: its draw where the entry has runs on several, else its text."""
    runs = [samples.runs[row] for row in rows]
    if len({run.draw for run in runs}) > 1:
        return tuple(draw_name(run.draw) for run in runs)
    return tuple(run.text_id for run in runs)


def draw_name(draw: int) -> str:
    """The name of a draw as a unit; names sort as their numbers do."""
    return f"draw {draw:03d}"


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
        columns = np.flatnonzero(~np.isnan(samples.bases[split][samples.runs[rows[0]].base]))
        values = np.full((len(rows), len(samples.steps), len(columns)), np.nan)
    return columns, layout.subset(columns, "/".join(entry)), values


def _candidates(samples: Samples, rows: list[int], records: Records) -> NDArray[np.bool_]:
    """Which steps [runs, steps] were scored with finite weights."""
    candidates: NDArray[np.bool_] = np.asarray(~np.isnan(samples.values["test"][rows]).all(axis=-1))
    for place, row in enumerate(rows):
        candidates[place] &= ~np.isin(samples.steps, sorted(records[samples.runs[row]].lost_steps))
    return candidates


def _untreated(samples: Samples, row: int, records: Records) -> bool:
    """Whether a run was configured to take no step; InputError for a run whose samples are missing."""
    run = samples.runs[row]
    facts = records[run]
    if not np.isnan(samples.values["test"][row]).all() or facts.diverged:
        return False
    if facts.stopped_at == 0:
        return True
    raise InputError(f"run {run} has a record and no sample rows; give its samples too")


def _by_step(layout: Layout, values: Floats, start: Floats, candidates: NDArray[np.bool_]) -> Floats:
    """Scores [runs, 1 + steps, scopes], those of each run's base model `start` [runs, documents] first."""
    steps = np.where(candidates[..., None], layout.scope_means(values), np.nan)
    return np.concatenate([layout.scope_means(start)[:, None], steps], axis=1)


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
        member = layout.is_in(family)
        step = values[runs, np.maximum(places - 1, 0)]
        step = np.where((places == 0)[:, None], start, step)
        kept = (places != NO_STEP)[:, None] & member
        picked[kept] = step[kept]
    return picked


def _by_unit(
    samples: Samples,
    entry: tuple[str, str, str],
    columns: Ints,
    picked: Floats,
    start: Floats,
    finer: tuple[Floats, Floats] | None,
) -> DocumentScores:
    """One row per unit: seeds averaged first, then the texts of a draw."""
    rows = samples.entries[entry]
    texts, units = [samples.runs[row].text_id for row in rows], units_of(samples, rows)
    return DocumentScores(
        *entry,
        units=tuple(sorted(set(units))),
        columns=columns,
        values=averaged_by_unit(picked, texts, units),
        start=averaged_by_unit(start, texts, units),
        by="draw" if len({samples.runs[row].draw for row in rows}) > 1 else "text",
        n_texts=len(set(texts)),
        finer=None
        if finer is None
        else (averaged_by_unit(finer[0], texts, units), averaged_by_unit(finer[1], texts, units)),
    )


def stored_entries(samples: Samples) -> dict[tuple[str, str, str], DocumentScores]:
    """The scores of entries whose runs hold one step each, as `documents.parquet` has them: nothing is chosen."""
    found = {}
    for entry, rows in sorted(samples.entries.items()):
        columns, _, values = entry_values(samples, entry, "test")
        chosen = np.nansum(values, axis=1)
        start = starts(samples, rows, "test", columns)
        found[entry] = _by_unit(samples, entry, columns, chosen, start, None)
    return found


def base_scores(samples: Samples) -> dict[str, DocumentScores]:
    """The base models' test scores, by model, on the test documents that all their draws have."""
    by_model: dict[str, dict[int, Floats]] = {}
    for (model, draw), values in samples.bases["test"].items():
        if not np.isnan(values).all():
            by_model.setdefault(model, {})[draw] = values
    scores = {}
    for model, draws in sorted(by_model.items()):
        values = np.stack([draws[draw] for draw in sorted(draws)])
        columns = np.flatnonzero(~np.isnan(values).any(axis=0))
        names = tuple(draw_name(draw) for draw in sorted(draws))
        finer = None
        if "test" in samples.base_probabilities:
            found = samples.base_probabilities["test"]
            probability = np.stack([found[model, draw] for draw in sorted(draws)])[:, columns]
            finer = None if np.isnan(probability).any() else (probability, None)
        scores[model] = DocumentScores(
            model, NO_ARM, NO_ARM, names, columns, values[:, columns], by="draw", finer=finer
        )
    return scores
