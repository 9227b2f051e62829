"""Comparisons of an entry with its base model, its controls and larger rungs, and the verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.errors import InputError
from benchmark.schema import NO_ARM
from benchmark.scoring.inference import Estimate, crossed, mcnemar_exact
from benchmark.scoring.layout import SUMMARY_SCOPES, DocumentScores, Floats, Ints, Layout, shared_columns
from benchmark.scoring.multiplicity import benjamini_hochberg, holm
from benchmark.scoring.records import Model
from benchmark.scoring.settings import FEWEST_TEXTS, ScoringSettings

LEVEL = 0.05
LEVEL_NONINFERIOR = 0.025


@dataclass(frozen=True)
class Baseline:
    """What an entry is compared with: `kind` is base, control or rung."""

    kind: str
    scores: DocumentScores


@dataclass(frozen=True)
class Noninferiority:
    """Margin and one-sided p-value [..., scopes] of the claim that less than the margin remains of the gap.

    `margin` is its share of the estimated gap between the rung and the base model. Where the 95 % interval of
    the gap includes 0 there is none to close, and p is nan.
    """

    margin: Floats
    p_value: Floats


def noninferiority(
    values: Floats,
    base: Floats,
    rung: Floats,
    layout: Layout,
    margin: float,
    scopes: slice = slice(None),
) -> Noninferiority:
    """Test treated - base <= (1 - margin) (rung - base) as one linear contrast, so the gap's error counts.

    `values` [..., texts, documents] are the treated model's scores, `base` and `rung` [..., documents] those
    of its base model and of the larger one; `scopes` of the layout are tested, by default all.
    """
    gap = crossed([], rung - base, layout).at(scopes)
    remaining = crossed([values], -base - (1 - margin) * (rung - base), layout).at(scopes)
    return Noninferiority(margin * gap.value, np.where(gap.is_above_zero(), remaining.p_above_zero(), np.nan))


@dataclass(frozen=True)
class Difference:
    """Entry minus baseline on shared documents, by scope, with what the tests need.

    `noninferiority` is None unless the baseline is a rung. `exact_p` holds McNemar's p-value of single 0/1
    tasks for an entry of one run.
    """

    layout: Layout
    texts: int
    estimate: Estimate
    noninferiority: Noninferiority | None
    exact_p: Mapping[str, float]


def baselines_of(
    entry: DocumentScores,
    bases: Mapping[str, DocumentScores],
    entries: Mapping[tuple[str, str, str], DocumentScores],
    models: Mapping[str, Model],
    settings: ScoringSettings,
) -> list[Baseline]:
    """The entry's base model, its controls (for a treatment), and the rungs whose size ratio is in range."""
    found = [Baseline("base", bases[entry.model])]
    if settings.is_treatment(entry.arm):
        arms = tuple(arm for model, arm, corpus in entries if (model, corpus) == (entry.model, entry.corpus))
        found += [
            Baseline("control", entries[entry.model, arm, entry.corpus])
            for arm in settings.controls_of(entry.arm, arms)
        ]
    return found + [
        Baseline("rung", bases[name]) for name in rungs_above(entry.model, models, bases, settings)
    ]


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
    entry: DocumentScores, baseline: Baseline, base: DocumentScores, layout: Layout, margin: float
) -> Difference:
    """Entry minus baseline, paired by document, and by text too where the baseline is a control.

    An entry and a control without a common text (soups have texts of their own) are independent samples of
    texts. `layout` is that of all test documents of the track.
    """
    other = baseline.scores
    rung = baseline.kind == "rung"
    columns = shared_columns(entry, other, base) if rung else shared_columns(entry, other)
    name = f"{entry.name} against {other.name}"
    shared = layout.subset(columns, name)
    values, theirs = entry.at(columns), other.at(columns)
    texts = [text for text in entry.texts if text in set(other.texts)]
    if baseline.kind == "control" and not texts:
        estimate = crossed([values, -theirs], None, shared)
        return Difference(shared, min(len(values), len(theirs)), estimate, None, {})
    if baseline.kind == "control":
        values, theirs = values[entry.rows(texts)], theirs[other.rows(texts)]
        estimate = crossed([values - theirs], None, shared)
    else:
        estimate = crossed([values], -theirs[0], shared)
    against = noninferiority(values, base.at(columns)[0], theirs[0], shared, margin) if rung else None
    exact = _exact(values, theirs, shared) if len(values) == 1 else {}
    return Difference(shared, len(values), estimate, against, exact)


def _exact(values: Floats, theirs: Floats, layout: Layout) -> dict[str, float]:
    """McNemar's exact p-value for one run on each 0/1 task."""
    exact = {}
    for number, task in enumerate(layout.tasks):
        member = layout.task_of == number
        first, second = values[0, member], theirs[0, member]
        if np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
            exact[task.name] = mcnemar_exact(first, second)
    return exact


def comparison_rows(
    entry: DocumentScores,
    baselines: Sequence[Baseline],
    base: DocumentScores,
    models: Mapping[str, Model],
    layout: Layout,
    margin: float,
) -> list[dict[str, Any]]:
    """The rows of `comparisons.csv` for one entry; its tests are its own families for multiplicity.

    Scopes `all`, `classification` and `dialogue` over all baselines are one Holm family for the difference
    and one for non-inferiority; single tasks over all baselines are a Benjamini-Hochberg family for each.
    Where the ladder has no gap to close (its interval includes 0), non-inferiority is not claimed, and its
    test keeps its place in the family, so that the data do not choose the family's size.
    """
    rows: list[dict[str, Any]] = []
    for baseline in baselines:
        rows += _rows(entry, baseline, difference(entry, baseline, base, layout, margin), models)
    single = np.array([row["scope"] not in SUMMARY_SCOPES for row in rows], dtype=bool)
    p_value = np.array([row["p_value"] for row in rows], dtype=np.float64)
    p_noninferior = np.array([row["p_noninferior"] for row in rows], dtype=np.float64)
    is_rung = np.array([row["baseline_kind"] == "rung" for row in rows], dtype=bool)
    adjusted, noninferior = np.full_like(p_value, np.nan), np.full_like(p_value, np.nan)
    for member, correct in ((~single, holm), (single, benjamini_hochberg)):
        adjusted[member] = correct(p_value[member])
        noninferior[member & is_rung] = correct(p_noninferior[member & is_rung])
    for number, row in enumerate(rows):
        row["q_value" if single[number] else "p_adjusted"] = adjusted[number]
        row["p_noninferior_adjusted"] = noninferior[number]
        row["verdict"] = verdict(row["delta"], adjusted[number], noninferior[number], row["n_runs"])
    return rows


def _rows(
    entry: DocumentScores, baseline: Baseline, found: Difference, models: Mapping[str, Model]
) -> list[dict[str, Any]]:
    low, high = found.estimate.interval()
    p_value, mde = found.estimate.p_two_sided(), found.estimate.detectable()
    documents: Ints = found.layout.scope_documents()
    nothing = np.full(len(p_value), np.nan)
    against = found.noninferiority or Noninferiority(nothing, nothing)
    rows = []
    for place, scope in enumerate(found.layout.scopes):
        rows.append(
            {
                "model": entry.model,
                "arm": entry.arm,
                "corpus": entry.corpus,
                "baseline": baseline.scores.model,
                "baseline_kind": baseline.kind,
                "baseline_arm": baseline.scores.arm,
                "scope": scope,
                "delta": found.estimate.value[place],
                "ci_low": low[place],
                "ci_high": high[place],
                "p_value": found.exact_p.get(scope, p_value[place]),
                "p_adjusted": np.nan,
                "q_value": np.nan,
                "margin": against.margin[place],
                "p_noninferior": against.p_value[place],
                "mde": mde[place],
                "n_docs": int(documents[place]),
                "n_runs": found.texts,
                "size_ratio": models[baseline.scores.model].parameters / models[entry.model].parameters,
            }
        )
    return rows


def verdict(delta: float, p_adjusted: float, p_noninferior_adjusted: float, texts: int) -> str:
    """`superior`, `comparable`, `inferior` or `inconclusive`, tried in this order; nan decides nothing.

    `p_adjusted` is two-sided and corrected, `p_noninferior_adjusted` one-sided and corrected. Fewer than
    three texts give no verdict: the variance between texts cannot be told.
    """
    if texts < FEWEST_TEXTS:
        return "inconclusive"
    if p_adjusted < LEVEL and delta > 0:
        return "superior"
    if p_noninferior_adjusted < LEVEL_NONINFERIOR:
        return "comparable"
    if p_adjusted < LEVEL and delta < 0:
        return "inferior"
    return "inconclusive"
