"""From sample tables to the tables of `results/<track>/`: choice of step, comparisons, ranks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.claims.parts import Scores, decide_claims
from benchmark.claims.rule import claims_document
from benchmark.claims.study_controls import decide_controls, under_controls
from benchmark.errors import InputError
from benchmark.results.derived_tables import derive, table_text
from benchmark.results.result_files import write_csv, write_json
from benchmark.schema.result_columns import TABLES
from benchmark.scoring.comparisons import MEASURES, baselines_of, comparison_rows
from benchmark.scoring.entries import (
    Row,
    Rung,
    corpus_loss,
    entry_columns,
    improvement_over_control,
    probability_columns,
    reference_row,
    score_rows,
    scored,
    share_diverged,
    size_columns,
)
from benchmark.scoring.ranks import pair_rows, ranking
from benchmark.scoring.run_records import Model, Records, read_models, read_records, suite_version
from benchmark.scoring.run_rows import run_rows
from benchmark.scoring.samples import Samples, read_samples
from benchmark.scoring.selection import EntrySelection, base_scores, select_entry
from benchmark.scoring.step_curves import curve_rows, run_curve_rows
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import GIVEN_ALL
from benchmark.statistics.design import DocumentScores, Layout
from benchmark.statistics.interquartile import Resampling
from benchmark.system.files import write_text

Entry = tuple[str, str, str]
SELF_REPORTED = "self-reported"
KIND_ORDER = {"entry": 0, "control": 1, "rung": 2}


def run_score(
    sample_paths: Sequence[Path],
    models: Mapping[str, Mapping[str, Any]],
    out: Path,
    *,
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    runs: Iterable[Mapping[str, Any]] | None = None,
    settings: ScoringSettings | None = None,
    verification: Mapping[Entry, str] | None = None,
    overlap: Mapping[str, float] | None = None,
) -> None:
    """Score parquet sample tables and write the tables of `results/<track>/` to the folder `out`.

    `models` and `tasks` are the content of models.json and tasks.json, `runs` run records (run.json).
    `verification` has the state of entries, `self-reported` without one; `overlap` by corpus the share of its
    n-grams that stand in task documents. Nothing is written unless all of it is computed. Raises InputError
    for input that is refused.
    """
    records = read_records(runs)
    samples = read_samples(sample_paths, tasks, recorded=records.by_run)
    settings = settings or ScoringSettings()
    tables, claims = score_tables(samples, models, records, settings)
    treatments = {row["arm"] for row in tables["runs.csv"] if settings.is_treatment(row["arm"])}
    for row in tables["entries.csv"]:
        if row["row_kind"] != "rung":
            entry = row["model"], row["arm"], row["corpus"]
            row["verification"] = (verification or {}).get(entry, SELF_REPORTED)
            row["overlap"] = (overlap or {}).get(row["corpus"])
    derived = derive(tables, records.by_run.values(), treatments)
    for name, rows in tables.items():
        write_csv(Path(out) / name, rows, TABLES[name])
    for name, table in derived.items():
        write_text(Path(out) / name, table_text(table))
    write_json(Path(out) / "claims.json", claims)


def score_tables(
    samples: Samples,
    models: Mapping[str, Mapping[str, Any]],
    records: Records,
    settings: ScoringSettings,
) -> tuple[dict[str, list[Row]], dict[str, Any]]:
    """The rows of every table by file name, sorted, and the claims; a pure function of its arguments."""
    paper = settings.protocol == "paper"
    if "test" not in samples.layouts:
        raise InputError("samples have no test rows; give both splits")
    if not paper and "select" not in samples.layouts and samples.runs:
        raise InputError("samples have no select rows; give both splits, or set scoring.protocol to paper")
    version = suite_version(records, settings.suite_version)
    known = read_models(models, samples)
    bases = base_scores(samples)
    selections = {entry: select_entry(samples, entry, records, paper) for entry in sorted(samples.entries)}
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for selection in selections.values():
        tables["runs.csv"] += run_rows(samples, selection, records)
        tables["curves.csv"] += curve_rows(samples, selection, records)
        tables["run_curves.csv"] += run_curve_rows(samples, selection)
    chosen = {entry: selection.chosen for entry, selection in selections.items()}
    layout = samples.layouts["test"]
    if not paper:
        for scores in chosen.values():
            baselines = baselines_of(scores, bases, chosen, known, settings)
            base = bases[scores.model]
            tables["comparisons.csv"] += comparison_rows(scores, baselines, base, known, layout, settings)
    tables["entries.csv"], tables["scores.csv"] = _rows(samples, selections, bases, known, records, settings)
    tables["pairs.csv"] = _rank(tables["entries.csv"], chosen, bases, layout)
    for rows in tables.values():
        for row in rows:
            row["track"], row["suite_version"] = samples.track, version
    claims = [] if paper else decide_claims(Scores(chosen, bases, layout, settings))
    controls = decide_controls(tables["comparisons.csv"], bases, layout, settings)
    return tables, claims_document(
        samples.track, version, under_controls(claims, None if paper else controls)
    )


def _rows(
    samples: Samples,
    selections: Mapping[Entry, EntrySelection],
    bases: Mapping[str, DocumentScores],
    models: Mapping[str, Model],
    records: Records,
    settings: ScoringSettings,
) -> tuple[list[Row], list[Row]]:
    """Rows of `entries.csv` and `scores.csv`: entries, then controls, then rungs by size."""
    entries: list[Row] = []
    scores: list[Row] = []
    layout = samples.layouts["test"]
    resampling = Resampling(settings.resamples, settings.seed)
    for (model, arm, corpus), selection in selections.items():
        kind = "entry" if settings.is_treatment(arm) else "control"
        chosen, base = selection.chosen, bases[model]
        row = reference_row(chosen, scored(chosen, base, layout), kind, models[model])
        row |= entry_columns(selection, layout, resampling)
        row |= size_columns(chosen, base, _ladder(models[model], models, bases), models[model], layout)
        if kind == "entry":
            arms = tuple(a for m, a, c in selections if (m, c) == (model, corpus))
            controls = [selections[model, a, corpus].chosen for a in settings.controls_of(arm, arms)]
            found = improvement_over_control(chosen, controls, layout)
            row["prob_improve_control"], row["prob_improve_control_arm"] = found
        row["share_diverged"] = share_diverged(selection, samples, records)
        row["corpus_loss"] = corpus_loss(selection, samples, records)
        scores += _scores_by_measure(row, chosen, base, layout, kind)
        entries.append(row)
    for model, whole in bases.items():
        base = _on_documents_of_runs(whole, samples)
        row = reference_row(base, scored(base, base, layout), "rung", models[model])
        scores += _scores_by_measure(row, base, base, layout, "rung")
        entries.append(row)
    order = _order(models)
    return sorted(entries, key=order), sorted(scores, key=order)


def _scores_by_measure(
    row: Row, chosen: DocumentScores, base: DocumentScores, layout: Layout, kind: str
) -> list[Row]:
    """Rows of `scores.csv` in every measure that was stored; adds the finer one's columns to `row`."""
    rows: list[Row] = []
    for measure in MEASURES:
        ours, own = chosen.on(measure), base.on(measure)
        if ours is not None and own is not None:
            found = scored(ours, own, layout)
            rows += score_rows(ours, found, kind, measure)
            row |= probability_columns(found) if measure == "probability" else {}
    return rows


def _on_documents_of_runs(base: DocumentScores, samples: Samples) -> DocumentScores:
    """The base model's scores on the documents that runs have, so that its row compares with theirs.

    All its own documents where there are no runs, or where a task would be left without one.
    """
    layout = samples.layouts["test"]
    columns = np.intersect1d(base.columns, samples.held["test"], assume_unique=True)
    if np.bincount(layout.task_of[columns], minlength=len(layout.tasks)).min() == 0:
        return base
    return base.on_columns(columns)


def _order(models: Mapping[str, Model]) -> Callable[[Row], tuple[int, int, str, str, str]]:
    def key(row: Row) -> tuple[int, int, str, str, str]:
        kind = KIND_ORDER[row["row_kind"]]
        return kind, models[row["model"]].parameters, row["model"], row["arm"], row["corpus"]

    return key


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


def _rank(
    rows: list[Row],
    chosen: Mapping[Entry, DocumentScores],
    bases: Mapping[str, DocumentScores],
    layout: Layout,
) -> list[Row]:
    """Fill the ranks in of entries that rest on more than documents; the rows of `pairs.csv`."""
    ranked = [row for row in rows if row["row_kind"] == "entry" and row["conditional"] != GIVEN_ALL]
    entries = [chosen[row["model"], row["arm"], row["corpus"]] for row in ranked]
    pairs = pair_rows(entries, bases, layout)
    found = ranking(np.array([row["score_all"] for row in ranked], dtype=np.float64), pairs)
    for place, row in enumerate(ranked):
        row |= {
            "rank": found.rank[place],
            "rank_low": found.low[place],
            "rank_high": found.high[place],
        }
    return pairs
