"""Comparisons of an entry with its base model, its controls and larger rungs, and the verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.errors import InputError
from benchmark.schema.stored_columns import NO_ARM
from benchmark.scoring.run_records import Model
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.statistics.contrast import (
    ContrastEstimate,
    gain,
    level,
    noninferiority,
    on_shared_documents,
    score,
)
from benchmark.statistics.crossed import Estimate
from benchmark.statistics.design import DocumentScores, Floats, Layout, shared_columns
from benchmark.statistics.fieller import Share, share_of
from benchmark.statistics.multiplicity import benjamini_hochberg, holm
from benchmark.statistics.textbook import mcnemar_exact

LEVEL = 0.05
LEVEL_ONE_SIDED = 0.025
"""Of the tests behind `comparable` and `negligible`: that of one end of a 95 % interval."""

MEASURES = ("score", "probability")
"""`score` is the study's own metric, accuracy or F1; `probability` that of the right answer, the finer one."""


@dataclass(frozen=True)
class Difference:
    """Entry minus baseline on shared documents, by scope, with what the tests need.

    `gap` is the larger rung's level minus the base model's: of the baseline where that is a rung, else of the
    nearest larger rung, None where there is none. `p_noninferior` and `p_negligible` [scopes] are one-sided: of
    a margin that is kept (rungs only), and of a difference that is not worth having (base and controls only);
    nan where no gap is open. `exact_p` holds McNemar's p-value of single 0/1 tasks for an entry of one run.
    """

    found: ContrastEstimate
    p_noninferior: Floats
    p_negligible: Floats
    gap: ContrastEstimate | None = None
    share: Share | None = None
    exact_p: Mapping[str, float] = field(default_factory=dict)


def kind_of(baseline: DocumentScores, entry: DocumentScores) -> str:
    """What `entry` is compared with: its own model (base), another arm (control) or a larger model (rung)."""
    if not baseline.is_base:
        return "control"
    return "base" if baseline.model == entry.model else "rung"


def baselines_of(
    entry: DocumentScores,
    bases: Mapping[str, DocumentScores],
    entries: Mapping[tuple[str, str, str], DocumentScores],
    models: Mapping[str, Model],
    settings: ScoringSettings,
) -> list[DocumentScores]:
    """The entry's base model, its controls (for a treatment), and the rungs whose size ratio is in range."""
    rungs = [bases[name] for name in rungs_above(entry.model, models, bases, settings)]
    controls: tuple[str, ...] = ()
    if settings.is_treatment(entry.arm):
        arms = tuple(arm for model, arm, corpus in entries if (model, corpus) == (entry.model, entry.corpus))
        controls = settings.controls_of(entry.arm, arms)
    return [bases[entry.model], *(entries[entry.model, arm, entry.corpus] for arm in controls), *rungs]


def rungs_above(
    model: str,
    models: Mapping[str, Model],
    bases: Mapping[str, DocumentScores],
    settings: ScoringSettings,
) -> list[str]:
    """Baselines of `model`: rungs of its ladder whose size ratio is in `settings.ratio`, smallest first."""
    own = models[model]
    low, high = settings.ratio
    rungs = [
        rung
        for rung in models.values()
        if rung.ladder == own.ladder
        and rung.role in ("baseline", "both")
        and low <= rung.parameters / own.parameters <= high
    ]
    for rung in rungs:
        if rung.name not in bases:
            raise InputError(
                f"baseline {rung.name} of {model} has no test documents; add its rows with arm "
                f"'{NO_ARM}', step 0"
            )
    return [rung.name for rung in sorted(rungs, key=lambda rung: (rung.parameters, rung.name))]


def difference(
    entry: DocumentScores,
    baseline: DocumentScores,
    base: DocumentScores,
    layout: Layout,
    settings: ScoringSettings,
    nearest: DocumentScores | None = None,
    own_gain: ContrastEstimate | None = None,
) -> Difference:
    """Entry minus baseline: paired by document, and by draw (or text) with its base model and its controls.

    A rung's level and the gap are means over all draws of each model. `nearest` is the next larger rung: the
    difference from base and controls is measured against its gap. `layout` is that of all test documents. `own_gain`
    is the entry's gain over its base model, where it was estimated before.
    """
    kind, untested = kind_of(baseline, entry), np.full(len(layout.scopes), np.nan)
    if kind == "rung":
        gap, remaining = noninferiority(entry, base, baseline, settings.margin)
        delta, gap, remaining, gained = on_shared_documents(
            score(entry, base) - level(baseline), gap, remaining, gain(entry)
        )
        open_gap, kept = gap.estimated(layout), remaining.estimated(layout).estimate.p_above_zero()
        ours, _, theirs = delta.scores
        return Difference(
            delta.estimated(layout),
            p_noninferior=np.where(open_gap.estimate.is_above_zero(), kept, np.nan),
            p_negligible=untested,
            gap=open_gap,
            share=share_of(gained, gap, layout),
            exact_p=_exact(ours, theirs, layout),
        )
    contrast = whole = gain(entry) if kind == "base" else gain(entry) - gain(baseline)
    room: ContrastEstimate | None = None
    small = untested
    if nearest is not None:
        contrast, gap = on_shared_documents(contrast, level(nearest) - level(base))
        room, worthwhile = gap.estimated(layout), (contrast - settings.negligible * gap).estimated(layout)
        small = np.where(room.estimate.is_above_zero(), 1 - worthwhile.estimate.p_above_zero(), np.nan)
    if kind == "base":
        found, exact = own_gain or whole.estimated(layout), _exact(entry, baseline, layout)
    else:
        ours, theirs = contrast.scores
        found, exact = contrast.estimated(layout), _exact(ours, theirs, layout)
    return Difference(found, untested, small, gap=room, exact_p=exact)


def _exact(entry: DocumentScores, other: DocumentScores, layout: Layout) -> dict[str, float]:
    """McNemar's exact p-value for one run on each 0/1 task, against one other checkpoint."""
    if len(entry.values) > 1 or len(other.values) > 1:
        return {}
    columns = shared_columns(entry, other)
    values, theirs, shared = entry.at(columns), other.at(columns), layout.subset(columns, entry.name)
    exact = {}
    for number, task in enumerate(shared.tasks):
        member = shared.task_of == number
        first, second = values[0, member], theirs[0, member]
        if np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
            exact[task.name] = mcnemar_exact(first, second)
    return exact


def comparison_rows(
    entry: DocumentScores,
    baselines: Sequence[DocumentScores],
    base: DocumentScores,
    models: Mapping[str, Model],
    layout: Layout,
    settings: ScoringSettings,
    own_gain: ContrastEstimate | None = None,
) -> list[dict[str, Any]]:
    """The rows of `comparisons.csv` for one entry, in both measures; each measure has families of its own.

    Scope `all` and each family of tasks over all baselines are one Holm family for the difference, one for
    non-inferiority (rungs) and one for a negligible difference (base and controls); single tasks over all
    baselines are a Benjamini-Hochberg family for each. Where the ladder has no gap to close (its interval
    includes 0), the last two are not claimed, and their tests keep their places in the family, so that the
    data do not choose the family's size. The probability of the right answer is never averaged over several
    families of tasks, so it then has no scope `all`; a baseline without it is left out of its families.
    """
    rows: list[dict[str, Any]] = []
    rungs = [baseline for baseline in baselines if kind_of(baseline, entry) == "rung"]
    for measure in MEASURES:
        ours, own = entry.on(measure), base.on(measure)
        if ours is None or own is None:
            continue
        nearest = rungs[0].on(measure) if rungs else None
        found: list[dict[str, Any]] = []
        for baseline in baselines:
            scores = baseline.on(measure)
            if scores is None:
                continue
            gained = own_gain if measure == "score" else None
            measured = difference(ours, scores, own, layout, settings, nearest, gained)
            found += _rows(ours, scores, measured, measure, models, settings)
        rows += _judged(found, layout.summary_scopes)
    return rows


def _judged(rows: list[dict[str, Any]], summaries: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one entry and measure with adjusted p-values, the effect they could detect, and verdicts."""
    single = np.array([row["scope"] not in summaries for row in rows], dtype=bool)
    is_rung = np.array([row["baseline_kind"] == "rung" for row in rows], dtype=bool)
    adjusted = {}
    for name, member in (
        ("p_value", np.ones(len(rows), dtype=bool)),
        ("p_noninferior", is_rung),
        ("p_negligible", ~is_rung),
    ):
        p_value = np.array([row[name] for row in rows], dtype=np.float64)
        adjusted[name] = np.full_like(p_value, np.nan)
        for scope, correct in ((~single, holm), (single, benjamini_hochberg)):
            adjusted[name][scope & member] = correct(p_value[scope & member])
    tests = int((~single).sum())
    for number, row in enumerate(rows):
        estimate, place = row.pop("estimate"), row.pop("place")
        row["q_value" if single[number] else "p_adjusted"] = adjusted["p_value"][number]
        row["p_noninferior_adjusted"] = adjusted["p_noninferior"][number]
        row["p_negligible_adjusted"] = adjusted["p_negligible"][number]
        if not single[number]:
            row["mde_adjusted"] = estimate.detectable(confidence=1 - LEVEL / tests)[place]
        row["verdict"] = verdict(row["delta"], *(float(p_values[number]) for p_values in adjusted.values()))
    return rows


def figures(estimate: Estimate) -> dict[str, Floats]:
    """The columns `delta`, `ci_low`, `ci_high` and `p_value` of an estimate, each [scopes]."""
    low, high = estimate.interval()
    return {"delta": estimate.value, "ci_low": low, "ci_high": high, "p_value": estimate.p_two_sided()}


def _rows(
    entry: DocumentScores,
    baseline: DocumentScores,
    difference: Difference,
    measure: str,
    models: Mapping[str, Model],
    settings: ScoringSettings,
) -> list[dict[str, Any]]:
    found, exact, share = difference.found, difference.exact_p, difference.share
    estimate, layout, kind = found.estimate, found.layout, kind_of(baseline, entry)
    columns = figures(estimate) | {
        "p_noninferior": difference.p_noninferior,
        "p_negligible": difference.p_negligible,
        "mde": estimate.detectable(),
        "n_docs": layout.scope_documents(),
    }
    if kind == "rung" and difference.gap is not None:
        columns["margin"] = settings.margin * difference.gap.estimate.value
    fixed = {
        **dict(zip(("model", "arm", "corpus"), entry.key, strict=True)),
        "baseline": baseline.model,
        "baseline_kind": kind,
        "baseline_arm": baseline.arm,
        "measure": measure,
        "conditional": found.conditional,
        "n_texts": entry.n_texts,
        "n_draws": entry.n_draws,
        "size_ratio": models[baseline.model].parameters / models[entry.model].parameters,
        "estimate": estimate,
    }
    return [
        {**fixed, "scope": scope, "place": place}
        | {name: column[place] for name, column in columns.items()}
        | ({"p_value": exact[scope]} if scope in exact else {})
        | ({} if share is None else share.at(place))
        for place, scope in enumerate(layout.scopes)
        if measure == "score" or scope in layout.finer_scopes
    ]


def verdict(
    delta: float, p_adjusted: float, p_noninferior_adjusted: float, p_negligible_adjusted: float = np.nan
) -> str:
    """`superior`, `comparable`, `inferior`, `negligible` or `inconclusive`, tried in this order.

    `p_adjusted` is two-sided and corrected, the other two one-sided and corrected; nan decides nothing.
    """
    if p_adjusted < LEVEL and delta > 0:
        return "superior"
    if p_noninferior_adjusted < LEVEL_ONE_SIDED:
        return "comparable"
    if p_adjusted < LEVEL and delta < 0:
        return "inferior"
    if p_negligible_adjusted < LEVEL_ONE_SIDED:
        return "negligible"
    return "inconclusive"
