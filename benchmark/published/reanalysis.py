"""Track `published`: the original study's per-run figures re-analysed, as result tables and a summary."""

from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.published.assumed_variances import words
from benchmark.published.claims_of_study import MARGIN, published_claims
from benchmark.published.comparison_tables import (
    COLUMN_FAMILIES,
    SUITE_VERSION,
    TRACK,
    as_stored,
    comparison_rows,
    entry_rows,
    run_rows,
)
from benchmark.published.document_noise import document_lines, over_documents
from benchmark.published.figures import chosen_steps, model_figures, repeated_runs, row_counts, task_gains
from benchmark.published.sampling import check_notebooks, sampling, sampling_lines
from benchmark.published.source_files import FAMILIES, PublishedFigures, read_published
from benchmark.published.step_choice import assumptions, explanations, null_rate, simulation_rows
from benchmark.results.result_files import csv_text, json_text, write_csv
from benchmark.schema.result_columns import COMPARISONS, entries_columns, runs_columns
from benchmark.system.files import write_text

Facts = dict[str, Any]
SEED = 0


def run_published(full_results_dir: Path, out: Path) -> list[str]:
    """Re-analyse the original's two CSV files in `full_results_dir`; returns lines that say the figures.

    Writes `runs.csv`, `entries.csv`, `comparisons.csv`, `claims.json`, `published.json` and
    `selection_simulation.csv` to `out`: the same bytes for the same files. Nothing is written unless
    all is computed. Raises InputError for a folder that is not the original's, for notebooks beside it that are not
    those of the commit, and where `out` is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder for the results")
    figures = read_published(full_results_dir)
    check_notebooks(full_results_dir)
    simulated = simulation_rows(figures, SEED)
    by_choice = null_rate(figures, SEED)
    comparisons = comparison_rows(figures)
    claims = published_claims(figures, comparisons, by_choice)
    facts = published_facts(figures, simulated, by_choice, claims)
    write_csv(out / "runs.csv", run_rows(figures), runs_columns(COLUMN_FAMILIES))
    write_csv(out / "entries.csv", entry_rows(figures), entries_columns(COLUMN_FAMILIES))
    write_csv(out / "comparisons.csv", [as_stored(row) for row in comparisons], COMPARISONS)
    write_text(out / "selection_simulation.csv", csv_text(simulated, simulated[0]))
    write_text(out / "published.json", json_text(_ten_digits(facts)))
    write_text(out / "claims.json", json_text(_ten_digits(claims)))
    return summary(facts, claims)


def _ten_digits(content: Any) -> Any:
    """Floats as the CSV files have them, so that the last bits of a machine's arithmetic do not show."""
    if isinstance(content, dict):
        return {key: _ten_digits(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_ten_digits(value) for value in content]
    return float(f"{content:.10g}") if isinstance(content, float) else content


def published_facts(
    figures: PublishedFigures, simulated: list[Facts], by_choice: float, claims: Facts
) -> Facts:
    """The content of `published.json`."""
    return {
        "track": TRACK,
        "suite_version": SUITE_VERSION,
        "rows": row_counts(figures),
        "sampling": sampling(figures),
        "figures": model_figures(figures),
        "steps": chosen_steps(figures),
        "repeats": repeated_runs(figures),
        "tasks": task_gains(figures),
        "documents": {
            "assumed": words(),
            "parts": over_documents(
                figures, next(claim for claim in claims["claims"] if claim["id"] == "C2"), MARGIN
            ),
        },
        "selection": {
            "assumptions": assumptions(),
            "explanations": explanations(simulated),
            "null_rate": by_choice,
        },
    }


def summary(facts: Facts, claims: Facts) -> list[str]:
    """The figures as plain lines; `docs/FINDINGS.md` quotes no number that is not among them."""
    return [
        *_row_lines(facts),
        *sampling_lines(facts["sampling"]),
        *(_figure_line(figure) for figure in facts["figures"]),
        *_step_lines(facts),
        *_repeat_lines(facts),
        *(_explanation_line(found) for found in facts["selection"]["explanations"]),
        _assumption_line(facts["selection"]["assumptions"]),
        f"choice alone: C1's rule says reproduced in {facts['selection']['null_rate']:.0%} of "
        f"{facts['selection']['assumptions']['null_studies']} simulated studies in which nothing changes",
        *_task_lines(facts),
        *(f"{claim['id']}: {claim['sentence']}" for claim in claims["claims"]),
        *_part_lines(claims),
        *document_lines(facts["documents"]["parts"], facts["documents"]["assumed"]),
    ]


def _row_lines(facts: Facts) -> list[str]:
    return [
        f"{family}: {facts['rows'][family]['rows']} rows ("
        + ", ".join(f"{model} {count}" for model, count in facts["rows"][family]["by_model"].items())
        + ")"
        for family in FAMILIES
    ]


def _figure_line(figure: Facts) -> str:
    said = (
        f"{figure['model']} {figure['family']}: baseline {figure['baseline']:.4f}, "
        f"mean of best {figure['mean_of_best']:.4f}, gain {figure['gain']:.4f} "
        f"(95 % over texts {figure['gain_low']:.4f} to {figure['gain_high']:.4f}), "
        f"{figure['runs_below_baseline']} of {figure['rows']} runs below the baseline, "
        f"unmodified model best in {figure['unmodified_chosen']} of {figure['rows']} runs "
        f"({figure['share_unmodified']:.1%})"
    )
    values = [float(value) for value in figure["baseline_values"]]
    if len(values) > 1:
        apart = max(values) - min(values)
        said += f", baseline evaluated as {' and '.join(figure['baseline_values'])}: {apart:.6f} apart"
        said += f" ({apart / figure['gain']:.0%} of the gain)"
    if figure["share_of_gap"] is None:
        return f"{said}; {figure['next_larger']}: no data"
    larger = f"{figure['next_larger']} {figure['next_larger_baseline']:.4f}"
    size = figure["effective_size_note"] or f"like {figure['effective_parameters'] / 1e6:.0f}M parameters"
    return f"{said}; next larger {larger}, {figure['share_of_gap']:.0%} of the gap closed, {size}"


def _step_lines(facts: Facts) -> list[str]:
    steps = facts["steps"]
    low, high = steps["share_same_epoch_interval"] or (float("nan"), float("nan"))
    return [
        *(
            f"{family}: unmodified model best in {steps['unmodified'][family]['runs']} of "
            f"{facts['rows'][family]['rows']} runs ({steps['unmodified'][family]['share']:.1%})"
            for family in FAMILIES
        ),
        f"same best epoch in both families: {steps['same_epoch']} of {steps['joined_runs']} runs "
        f"({(steps['share_same_epoch'] or 0):.1%}, 95 % {low:.1%} to {high:.1%})",
    ]


def _repeat_lines(facts: Facts) -> list[str]:
    return [
        f"{family}: {found['texts']} texts stand in the file more than once ({found['rows']} rows), "
        f"{found['with_one_score']} of them with one score, {found['with_one_epoch']} with one best epoch, "
        f"largest difference {found['largest_difference'] or 0:.4f}"
        for family, found in facts["repeats"].items()
    ]


def _assumption_line(assumed: Facts) -> str:
    return (
        f"choice alone, assumed: {assumed['candidate_epochs']} epochs less the original's early stop, "
        f"{assumed['runs_per_cell']} runs a cell, F1 with a spread of {assumed['f1_sd']:.2f} over documents"
    )


def _explanation_line(found: Facts) -> str:
    said = f"choice alone, {found['model']} {found['family']}, {found['pattern']} changes: "
    if found["changed"] is None:
        return (
            f"{said}at most {found['most_by_choice']:.4f} of the published {found['published_gain']:.4f}, "
            f"every answer drawn again; F1 would need a spread of {found['f1_sd_needed']:.2f} over documents"
        )
    return (
        f"{said}{found['flip_rate']:.1%} of documents flipped give the published "
        f"{found['published_gain']:.4f}; unmodified model best in {found['share_unmodified']:.0%} of runs, "
        f"published {found['published_share_unmodified']:.0%}"
    )


def _task_lines(facts: Facts) -> list[str]:
    lines = []
    for model in dict.fromkeys(found["model"] for found in facts["tasks"]):
        gains = [found for found in facts["tasks"] if found["model"] == model]
        said = ", ".join(f"{found['task']} {found['gain']:+.4f}" for found in gains)
        falling = sum(found["gain"] < 0 for found in gains)
        lines.append(f"{model} by task: {said}; {falling} of {len(gains)} tasks fall")
    return lines


def _part_lines(claims: Facts) -> list[str]:
    lines = []
    for claim in claims["claims"]:
        for part in claim["parts"]:
            against = f"{part['model']} on {part['corpus']} against {part['baseline']}, {part['scope']}"
            if part["delta"] is None:
                lines.append(f"{claim['id']} {against}: no data")
                continue
            lines.append(
                f"{claim['id']} {against}: {part['delta']:+.4f} "
                f"(95 % {part['ci_low']:+.4f} to {part['ci_high']:+.4f}), {part['outcome']}"
            )
    return lines
