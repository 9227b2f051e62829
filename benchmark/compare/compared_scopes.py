"""Differences, intervals, tests and verdicts of two models and larger baselines, by scope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from benchmark.compare.paired_documents import PairedStudy
from benchmark.scoring.comparisons import LEVEL, figures, verdict
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.aggregates import chance_corrected
from benchmark.statistics.contrast import Contrast, ContrastEstimate, gain, level
from benchmark.statistics.design import DocumentScores, Floats, Layout, Task, numbered
from benchmark.statistics.effective_size import EffectiveSize, effective_size, widths_from_documents
from benchmark.statistics.fieller import Share, share_of
from benchmark.statistics.multiplicity import holm
from benchmark.statistics.textbook import mcnemar_exact

ALL = "all"


@dataclass(frozen=True)
class GroupedLayout(Layout):
    """A layout whose summary scopes are `all` and groups of tasks; with one task, that task alone."""

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def summary_scopes(self) -> tuple[str, ...]:
        """`all`, then the groups by name."""
        return (ALL, *sorted(self.groups))

    @cached_property
    def scope_weights(self) -> Floats:
        """Weights [scopes, tasks] whose rows sum to 1: a scope is the plain mean over its tasks."""
        names = [task.name for task in self.tasks]
        members = [names, *(self.groups[name] for name in sorted(self.groups)), *([name] for name in names)]
        member = np.array([[name in scope for name in names] for scope in members], dtype=np.float64)
        return np.asarray(member / member.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True)
class Compared:
    """The result: `rows` by baseline and scope, `tasks`, and B's effective size (None without baselines).

    `paired` says whether the runs of A and B were paired in their order.
    """

    rows: tuple[dict[str, Any], ...]
    tasks: tuple[dict[str, Any], ...]
    size: EffectiveSize | None
    size_note: str
    paired: bool
    corrected: tuple[float, ...] | None


@dataclass(frozen=True)
class VerdictShares:
    """Share of the gap that may remain, and share of it that is not worth having (`docs/STATISTICS.md`)."""

    margin: float = 0.5
    negligible: float = 0.1


def compare(study: PairedStudy, rules: VerdictShares, *, unpaired: bool = False) -> Compared:
    """Compare B with A and with each baseline; `study.models` are A, B and the baselines, smallest first.

    B minus A is `paired_difference` of plain arrays. Runs of A and B are paired in their order where there are as many
    (unless `unpaired`), otherwise independent samples; fewer than three are taken as given.
    """
    layout = _layout(study)
    scores = [_scores(study, place) for place in range(len(study.models))]
    paired = len(scores[0].values) == len(scores[1].values) and not unpaired
    first, second, *larger = scores

    def with_share(share: float) -> Contrast:
        """B minus a share of A."""
        if not paired:
            return level(second) - share * level(first)
        units = tuple(map(str, range(len(second.values))))
        return gain(replace(second, arm="B", corpus="B", units=units, start=share * first.values, by="draw"))

    rows = _rows(
        study, layout, first, second, 0,
        found=with_share(1.0).estimated(layout),
        gap=(level(larger[0]) - level(first)).estimated(layout) if larger else None,
        negligible=(
            (with_share(1 - rules.negligible) - rules.negligible * level(larger[0])).estimated(layout)
            if larger
            else None
        ),
    )  # fmt: skip
    for place, rung in enumerate(larger, 2):
        gap = level(rung) - level(first)
        rows += _rows(
            study, layout, rung, second, place,
            found=(level(second) - level(rung)).estimated(layout),
            gap=gap.estimated(layout),
            remaining=(with_share(rules.margin) - (1 - rules.margin) * level(rung)).estimated(layout),
            share=share_of(with_share(1.0), gap, layout),
        )  # fmt: skip
    if len(layout.tasks) == 1:
        rows = [row | {"kind": ALL} for row in rows if row["scope"] != ALL]
    size, note = _size(study, layout, scores)
    return Compared(
        rows=tuple(_judged(rows)),
        tasks=tuple(_task_row(study, number) for number in range(len(study.tasks))),
        size=size,
        size_note=note,
        paired=paired and len(second.values) > 1,
        corrected=_corrected(study, layout, scores),
    )


def _layout(study: PairedStudy) -> GroupedLayout:
    counts = [len(task.doc_id) for task in study.tasks]
    tasks = tuple(Task(task.name, task.name, task.metric, task.chance or 0.0) for task in study.tasks)
    offsets = np.cumsum([0, *counts])[:-1]
    cluster = [task.cluster + offset for task, offset in zip(study.tasks, offsets, strict=True)]
    return GroupedLayout(
        tasks,
        np.repeat(np.arange(len(tasks)), counts).astype(np.int64),
        np.concatenate([task.doc_id for task in study.tasks]),
        numbered(np.concatenate(cluster)),
        study.groups,
    )


def _scores(study: PairedStudy, place: int) -> DocumentScores:
    values = np.concatenate([task.values[place] for task in study.tasks], axis=1)
    units = tuple(f"{place}-{run}" for run in range(len(values)))
    return DocumentScores(f"model {place}", "none", "none", units, np.arange(values.shape[1]), values)


def _rows(
    study: PairedStudy,
    layout: GroupedLayout,
    other: DocumentScores,
    ours: DocumentScores,
    place: int,
    found: ContrastEstimate,
    gap: ContrastEstimate | None = None,
    remaining: ContrastEstimate | None = None,
    negligible: ContrastEstimate | None = None,
    share: Share | None = None,
) -> list[dict[str, Any]]:
    """Rows of B against A (`place` 0) or a baseline, one per scope, before corrections."""
    nothing = np.full(len(layout.scopes), np.nan)

    def gated(p_value: Floats | None) -> Floats:
        if gap is None or p_value is None:
            return nothing
        return np.where(gap.estimate.is_above_zero(), p_value, np.nan)

    columns = figures(found.estimate) | {
        "score": layout.scope_means(ours.values.mean(axis=0)),
        "score_against": layout.scope_means(other.values.mean(axis=0)),
        "gap": nothing if gap is None else gap.estimate.value,
        "p_noninferior": gated(None if remaining is None else remaining.estimate.p_above_zero()),
        "p_negligible": gated(None if negligible is None else 1 - negligible.estimate.p_above_zero()),
        "mde": found.estimate.detectable(),
        "n_docs": layout.scope_documents(),
    }
    exact = _mcnemar(layout, ours, other)
    given = conditional(study, [1, place], also=0 if place else None)
    return [
        {
            "against": study.models[place].label,
            "against_kind": "baseline" if place else "A",
            "scope": scope,
            "kind": ALL if scope == ALL else "group" if scope in layout.groups else "task",
            "conditional": given,
            "test": "McNemar" if scope in exact else "t" if found.estimate.variance[row] > 0 else "sign",
            "place": row,
            "estimate": found.estimate,
        }
        | {name: column[row] for name, column in columns.items()}
        | ({"p_value": exact[scope]} if scope in exact else {})
        | ({} if share is None else share.at(row))
        for row, scope in enumerate(layout.scopes)
    ]


def conditional(study: PairedStudy, places: Sequence[int], also: int | None = None) -> str:
    """Names of the sides whose runs are taken as given (fewer than three), empty where none are."""
    few = [
        "AB"[place] if place < 2 else study.models[place].label
        for place in sorted({*places, *(() if also is None else (also,))})
        if len(study.models[place].runs) < FEWEST_UNITS
    ]
    return ", ".join(few)


def _mcnemar(layout: GroupedLayout, ours: DocumentScores, other: DocumentScores) -> dict[str, float]:
    """Exact p-values of 0/1 tasks with one run a side and documents that are independent."""
    if len(ours.values) > 1 or len(other.values) > 1:
        return {}
    exact = {}
    for number, task in enumerate(layout.tasks):
        member = layout.task_of == number
        first, second = ours.values[0, member], other.values[0, member]
        independent = layout.effective_clusters[number] == layout.counts[number]
        if independent and np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
            exact[task.name] = mcnemar_exact(first, second)
    return exact


def _judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with Holm's correction, over summaries and over tasks, what could have been missed, and verdicts."""
    single = np.array([row["kind"] == "task" for row in rows])
    is_rung = np.array([row["against_kind"] == "baseline" for row in rows])
    adjusted = {}
    for name, member in (
        ("p_value", np.ones(len(rows), dtype=bool)),
        ("p_noninferior", is_rung),
        ("p_negligible", ~is_rung),
    ):
        p_value = np.array([row[name] for row in rows], dtype=np.float64)
        adjusted[name] = np.full_like(p_value, np.nan)
        for family in (~single & member, single & member):
            adjusted[name][family] = holm(p_value[family])
    for number, row in enumerate(rows):
        estimate, place = row.pop("estimate"), row.pop("place")
        tests = int((single == single[number]).sum())
        row["p_adjusted"] = adjusted["p_value"][number]
        row["p_noninferior_adjusted"] = adjusted["p_noninferior"][number]
        row["p_negligible_adjusted"] = adjusted["p_negligible"][number]
        row["mde_adjusted"] = estimate.detectable(confidence=1 - LEVEL / tests)[place]
        row["tests"] = tests
        row["verdict"] = verdict(row["delta"], *(float(values[number]) for values in adjusted.values()))
    return rows


def _task_row(study: PairedStudy, number: int) -> dict[str, Any]:
    task = study.tasks[number]
    return {
        "task": task.name,
        "metric": task.metric,
        "filter": task.filter,
        "sign": task.sign,
        "chance": task.chance,
        "documents": len(task.doc_id),
        "clusters": len(np.unique(task.cluster)),
        "cluster_field": task.cluster_field,
        "version": study.models[0].runs[0].tasks[task.name].version,
        "disagree": int((task.values[0].mean(axis=0) != task.values[1].mean(axis=0)).sum()),
    }


def _corrected(
    study: PairedStudy, layout: GroupedLayout, scores: Sequence[DocumentScores]
) -> tuple[float, ...] | None:
    """Chance-corrected averages over all tasks by model; None where a task's chance is not known."""
    chance = [task.chance for task in study.tasks]
    known = [value for value in chance if value is not None]
    if len(known) < len(chance):
        return None
    means = [layout.task_means(one.values.mean(axis=0)) for one in scores]
    return tuple(float(chance_corrected(mean, known).mean()) for mean in means)


def _size(
    study: PairedStudy, layout: GroupedLayout, scores: Sequence[DocumentScores]
) -> tuple[EffectiveSize | None, str]:
    """B's effective size on the ladder of A and the baselines, over all tasks."""
    if len(scores) < 3:
        return None, ""
    unknown = [model.label for model in study.models if model.parameters is None]
    if unknown:
        return None, f"the results of {', '.join(unknown)} do not say model_num_parameters"
    rungs = [scores[0], *scores[2:]]
    sizes = [model.parameters for model in (study.models[0], *study.models[2:])]
    own = study.models[1].parameters
    found = effective_size(
        float(layout.scope_means(scores[1].values.mean(axis=0))[0]),
        [float(layout.scope_means(rung.values.mean(axis=0))[0]) for rung in rungs],
        [float(size) for size in sizes if size is not None],
        float(own or 1),
        widths_from_documents(level(scores[1]), rungs, layout),
    )
    return found, found.note
