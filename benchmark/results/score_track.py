"""From sample tables to the tables of `results/<track>/`: read, choose steps, compare, write."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.claims.parts import Scores, decide_claims
from benchmark.claims.study_controls import decide_controls, under_controls
from benchmark.errors import InputError
from benchmark.results.derived_tables import derive
from benchmark.results.result_files import csv_text, json_text
from benchmark.schema.result_columns import TABLES, Family
from benchmark.schema.result_columns import tables as table_columns
from benchmark.scoring.comparisons import baselines_of, comparison_rows
from benchmark.scoring.entries import Entry, Row, entry_tables
from benchmark.scoring.ranks import rank_entries
from benchmark.scoring.run_records import (
    CorpusLosses,
    Model,
    Records,
    read_models,
    read_records,
)
from benchmark.scoring.run_tables import curve_rows, run_curve_rows, run_rows
from benchmark.scoring.sample_files import read_samples
from benchmark.scoring.samples import Samples
from benchmark.scoring.selection import base_scores, select_entry
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import gain
from benchmark.system.files import write_text

SELF_REPORTED = "self-reported"


def run_score(
    sample_paths: Sequence[Path],
    models: Mapping[str, Mapping[str, Any]],
    out: Path,
    *,
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    runs: Iterable[Mapping[str, Any]] | None = None,
    corpus_losses: CorpusLosses | None = None,
    settings: ScoringSettings | None = None,
    verification: Mapping[Entry, str] | None = None,
    overlap: Mapping[str, float] | None = None,
) -> None:
    """Score parquet sample tables and write the tables of `results/<track>/` to the folder `out`.

    `models` and `tasks` are the content of models.json and tasks.json, `runs` run records (run.json).
    `corpus_losses` are by (model, corpus), in nats per token; without them each record names its own.
    `verification` has the state of entries, `self-reported` without one; `overlap` is by corpus the share of
    its n-grams that occur in task documents. Nothing is written unless all of it is computed.

    Raises:
        InputError: input that is refused.
    """
    settings = settings or ScoringSettings()
    given = list(runs) if runs is not None else None
    records = read_records(given, corpus_losses, settings.suite_version)
    known = read_models(models)
    samples = read_samples(sample_paths, tasks, recorded=records, families=settings.families)
    tables, claims = score_tables(samples, known, records, settings)
    treatments = {row["arm"] for row in tables["runs.csv"] if settings.is_treatment(row["arm"])}
    for row in tables["entries.csv"]:
        if row["row_kind"] != "rung":
            entry = row["model"], row["arm"], row["corpus"]
            row["verification"] = (verification or {}).get(entry, SELF_REPORTED)
            row["overlap"] = (overlap or {}).get(row["corpus"])
    layout = samples.layouts["test"]
    written = {
        name: all(task.written for task in layout.tasks if task.family == name) for name in layout.families
    }
    columns = table_columns([Family(*family) for family in written.items()])
    options = [(run.get("settings") or {}).get("evaluation") or {} for run in given or ()]
    if any(evaluation.get("test_steps") == "selected" for evaluation in options):
        _leave_out_what_compares_steps(tables)
    derived = derive(tables, records, treatments)
    files = {name: csv_text(rows, columns[name].names) for name, rows in tables.items()}
    files |= {name: csv_text(table.to_dict("records"), table.columns) for name, table in derived.items()}
    files["claims.json"] = json_text(claims)
    for name, text in files.items():
        write_text(Path(out) / name, text)


CHOSEN_ONLY = "test was scored at the chosen step alone"


def _leave_out_what_compares_steps(tables: Mapping[str, list[Row]]) -> None:
    """Without scores of `test` at the other steps there is no optimism, and no curve: its points would be chosen."""
    for row in tables["entries.csv"]:
        if row["row_kind"] != "rung":
            row.update(dict.fromkeys(("optimism", "optimism_low", "optimism_high", "floor_gain")))
            row["optimism_note"] = CHOSEN_ONLY
    for name in ("curves.csv", "run_curves.csv"):
        tables[name][:] = [row for row in tables[name] if row["step"] == 0]


def score_tables(
    samples: Samples,
    models: Mapping[str, Model],
    records: Records,
    settings: ScoringSettings,
) -> tuple[dict[str, list[Row]], dict[str, Any]]:
    """The rows of every table by file name, sorted, and the claims; a pure function of its arguments."""
    paper = settings.protocol == "paper"
    if "test" not in samples.layouts:
        raise InputError("samples have no test rows; give both splits")
    if not paper and "select" not in samples.layouts and samples.runs:
        raise InputError("samples have no select rows; give both splits, or set scoring.protocol to paper")
    for name in sorted({run.model for run in samples.runs} | {name for name, _ in samples.bases["test"]}):
        if name not in models:
            raise InputError(f"model {name} has samples and is not in the models file; add it there")
    layout = samples.layouts["test"]
    bases = base_scores(samples)
    selections = {entry: select_entry(samples, entry, records, paper) for entry in sorted(samples.entries)}
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for selection in selections.values():
        tables["runs.csv"] += run_rows(samples, selection, records)
        tables["run_curves.csv"] += run_curve_rows(samples, selection)
        tables["curves.csv"] += curve_rows(samples, selection, records)
    chosen = {entry: selection.chosen for entry, selection in selections.items()}
    gains = {entry: gain(scores).estimated(layout) for entry, scores in chosen.items()}
    for entry, scores in {} if paper else chosen.items():
        baselines = baselines_of(scores, bases, chosen, models, settings)
        tables["comparisons.csv"] += comparison_rows(
            scores, baselines, bases[scores.model], models, layout, settings, gains[entry]
        )
    tables["entries.csv"], tables["scores.csv"] = entry_tables(
        samples, selections, gains, bases, models, records, settings
    )
    tables["pairs.csv"] = rank_entries(tables["entries.csv"], chosen, bases, layout)
    for rows in tables.values():
        for row in rows:
            row["track"], row["suite_version"] = samples.track, records.suite_version
    claims = [] if paper else decide_claims(Scores(chosen, bases, layout, settings))
    controls = None if paper else decide_controls(tables["comparisons.csv"], bases, layout, settings)
    return tables, {
        "track": samples.track,
        "suite_version": records.suite_version,
        "claims": under_controls(claims, controls),
    }
