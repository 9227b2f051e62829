"""A comparison in words and cells, for the table formats and the page alike."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmark.compare.compared_scopes import Compared, VerdictShares
from benchmark.compare.paired_documents import PairedStudy
from benchmark.reports.formats import p_text, size_text, with_interval

HEAD_A = (*("scope", "documents", "A", "B", "B - A", "95 %", "p", "p (Holm)", "could miss", "verdict"),)
HEAD_BASELINE = (
    *("against", "scope", "its score", "B - it", "95 %", "p (Holm)", "p comparable", "gap closed", "verdict"),
)


class WrittenTable(NamedTuple):
    """A title, alignment of the columns (l or r each), head and rows; nothing is escaped."""

    title: str
    columns: str
    head: Sequence[str]
    rows: list[list[str]]


def tables(study: PairedStudy, found: Compared) -> list[WrittenTable]:
    """B against A, and against the baselines where there are some."""
    against_a = [row for row in found.rows if row["against_kind"] == "A"]
    written = [WrittenTable("B against A", "lrrrrrrrrl", HEAD_A, [_cells_a(row) for row in against_a])]
    larger = [row for row in found.rows if row["against_kind"] == "baseline"]
    if larger:
        rows = [_cells_baseline(row) for row in larger]
        written.append(WrittenTable("B against larger models", "llrrrrrrl", HEAD_BASELINE, rows))
    return written


def finite(value: Any) -> Any:
    """The value, None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _score(value: float) -> str:
    return f"{value:.4f}"


def _cells_a(row: Mapping[str, Any]) -> list[str]:
    interval = with_interval(
        *(finite(float(row[name])) for name in ("delta", "ci_low", "ci_high")), signed=True
    )
    missed = finite(float(row["mde_adjusted"]))
    return [
        row["scope"],
        str(row["n_docs"]),
        _score(row["score_against"]),
        _score(row["score"]),
        *interval,
        p_text(finite(float(row["p_value"]))),
        p_text(finite(float(row["p_adjusted"]))),
        "" if missed is None else f"{missed:.3f}",
        _verdict(row),
    ]


def _cells_baseline(row: Mapping[str, Any]) -> list[str]:
    interval = with_interval(
        *(finite(float(row[name])) for name in ("delta", "ci_low", "ci_high")), signed=True
    )
    share = [
        finite(float(row.get(name, math.nan)))
        for name in ("share_closed", "share_closed_low", "share_closed_high")
    ]
    closed = "" if share[0] is None else f"{100 * share[0]:.0f} %"
    if None not in share[1:]:
        closed += f" ({100 * share[1]:.0f} % to {100 * share[2]:.0f} %)"
    return [
        row["against"],
        row["scope"],
        _score(row["score_against"]),
        *interval,
        p_text(finite(float(row["p_adjusted"]))),
        p_text(finite(float(row["p_noninferior_adjusted"]))),
        closed,
        _verdict(row),
    ]


def _verdict(row: Mapping[str, Any]) -> str:
    return f"{row['verdict']} (conditional)" if row["conditional"] else str(row["verdict"])


def facts(study: PairedStudy, found: Compared, rules: VerdictShares) -> list[str]:
    """What stands beside the tables, as plain sentences."""
    lines = [_model_line(letter, study, place) for letter, place in zip("AB", (0, 1), strict=True)]
    lines += [_model_line(study.models[place].label, study, place) for place in range(2, len(study.models))]
    lines += [_runs(study, found), _documents(found), _metrics(found)]
    if found.corrected is not None:
        said = ", ".join(
            f"{name} {value:.4f}" for name, value in zip(_names(study), found.corrected, strict=True)
        )
        lines.append(f"Average over tasks, corrected for chance: {said}.")
    else:
        unknown = ", ".join(task["task"] for task in found.tasks if task["chance"] is None)
        lines.append(f"Not corrected for chance, which is not known of {unknown}.")
    lines += [*_not_larger(study), *_size(found)]
    lines += study.notes
    tests = {row["kind"] == "task": row["tests"] for row in found.rows}
    count = f"{tests.get(False, 0)} of all tasks and groups" + (
        f", {tests[True]} of single tasks" if True in tests else ""
    )
    lines.append(
        f"p is two-sided; Holm's correction is over the tests of a kind ({count}). 'Could miss': a true difference of "
        "this size would be found with probability 0.80 at the level of Holm's first step."
    )
    if len(study.models) > 2:
        lines.append(
            f"'Comparable': less than {rules.margin:g} of the gap from A to the larger model remains (one-sided "
            f"p < 0.025); 'Negligible': B - A is less than {rules.negligible:g} of the gap to the nearest."
        )
    if any(row["test"] == "McNemar" for row in found.rows):
        lines.append("p of single 0/1 tasks is that of McNemar's exact test.")
    return lines


def _names(study: PairedStudy) -> list[str]:
    return ["A", "B", *(model.label for model in study.models[2:])]


def _model_line(name: str, study: PairedStudy, place: int) -> str:
    model = study.models[place]
    size = "" if model.parameters is None else f", {size_text(model.parameters)} parameters"
    runs = len(model.runs)
    return f"{name}: {model.label} ({model.given}), {runs} run{'' if runs == 1 else 's'}{size}."


def _runs(study: PairedStudy, found: Compared) -> str:
    pairing = "Runs of A and B are paired in their order. " if found.paired else ""
    given = sorted({name for row in found.rows for name in row["conditional"].split(", ") if name})
    if not given:
        return pairing + "Intervals are over documents and runs."
    every = len(given) == len(study.models)
    return pairing + (
        f"Conditional on the runs of {', '.join(given)} (fewer than three): "
        + ("intervals and verdicts rest on documents alone." if every else "their runs are taken as given.")
    )


def _documents(found: Compared) -> str:
    fields: dict[str, list[str]] = {}
    for task in found.tasks:
        fields.setdefault(task["cluster_field"], []).append(f"{task['task']} ({task['clusters']})")
    alone = fields.pop("", None)
    clustered = "; ".join(f"clusters by {name} in {', '.join(tasks)}" for name, tasks in fields.items())
    if alone is None:
        return f"Documents: {clustered}."
    if clustered:
        return f"Documents: {clustered}; taken as independent in the other tasks."
    return "Documents are taken as independent of each other (--cluster FIELD names a field of those that are not)."


def _metrics(found: Compared) -> str:
    used: dict[str, list[str]] = {}
    for task in found.tasks:
        kind = task["metric"] + ("" if task["filter"] == "none" else f", filter {task['filter']}")
        used.setdefault(kind, []).append(task["task"])
    if len(used) == 1:
        return f"Metric: {next(iter(used))}."
    return "Metrics: " + "; ".join(f"{kind} in {', '.join(tasks)}" for kind, tasks in used.items()) + "."


def _not_larger(study: PairedStudy) -> list[str]:
    own = study.models[0].parameters or 0
    return [
        f"{model.label} is not larger than A: the verdicts against it say nothing of size."
        for model in study.models[2:]
        if model.parameters is not None and model.parameters <= own
    ]


def _size(found: Compared) -> list[str]:
    size = found.size
    if size is None:
        return [f"No effective size: {found.size_note}."] if found.size_note else []
    if size.size is None:
        high = "" if size.size_high is None else f"; at most {size_text(size.size_high)}"
        return [f"Effective size of B: none, {size.note}{high}."]
    ends = (
        ""
        if size.size_low is None or size.size_high is None
        else (f" (95 % {size_text(size.size_low)} to {size_text(size.size_high)})")
    )
    return [f"Effective size of B: {size_text(size.size)}{ends}{f'; {size.note}' if size.note else ''}."]
