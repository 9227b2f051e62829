"""Claims C1-C4 on the published figures: texts are the units; documents and pretrained models are given."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from benchmark.claims.parts import ALL_DECLARED
from benchmark.claims.rule import ClaimPart, decide
from benchmark.published.comparison_tables import ARM, SUITE_VERSION, TRACK, Row, by_text, difference_of_means
from benchmark.published.source_files import FAMILIES, NEXT_LARGER, FamilyFigures, PublishedFigures
from benchmark.schema.stored_columns import NO_ARM
from benchmark.settings.scoring_rules import Claims
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.contrast import GIVEN_DRAWS
from benchmark.tasks.family_words import family_labels

MARGIN = 0.5
"""Share of the ladder gap that may remain; used only to say what an interval excludes."""

SETTINGS = Claims(arm=ARM)
CONDITIONAL = "conditional on the documents"
PARTIAL = "no verdict here holds the uncertainty of the documents."


def published_claims(figures: PublishedFigures, comparisons: list[Row], null_rate: float) -> dict[str, Any]:
    """The content of `claims.json`; `null_rate`: how often choice alone would make C1 "reproduced"."""
    labels = family_labels(SUITE_VERSION, FAMILIES)
    return {
        "track": TRACK,
        "suite_version": SUITE_VERSION,
        "claims": [
            decide(
                "C1",
                _base_estimates(figures),
                _base_parts(comparisons),
                families=labels,
                cannot_fail=_why_c1_cannot_fail(null_rate),
            ),
            decide(
                "C2",
                _rung_estimates(figures),
                _rung_parts(comparisons, figures),
                families=labels,
                caveat=f"OPT-6.7B has no data, and {PARTIAL}",
            ),
            decide(
                "C3",
                _corpus_estimates(figures),
                _corpus_parts(figures),
                families=labels,
                caveat=f"Texts are the units, steps were chosen on the documents that are reported, and {PARTIAL}",
            ),
            decide("C4", _placebo_parts(figures)[:1], _placebo_parts(figures), families=labels),
        ],
    }


class WeightedGains(NamedTuple):
    """Gains by text (a series by the text's index) of one corpus, for one model and family, and their weight."""

    corpus: str
    gains: "pd.Series[float]"
    weight: float


def pooled(
    cells: Sequence[WeightedGains], beside: float, scope: str, baseline: str, **named: Any
) -> ClaimPart:
    """The weighted sum of cell means plus `beside`, with a t interval over texts (Welch's degrees of freedom).

    Each corpus is an independent sample of texts. A text counts once, with what it does to all models: gains of one
    text on two models go together (correlation about .45 in dialogue, none in classification). One cell with fewer
    than three texts leaves no figure.
    """
    part = ClaimPart(ALL_DECLARED, ARM, ALL_DECLARED, baseline, NO_ARM, scope, conditional=GIVEN_DRAWS)
    if not cells or any(len(cell.gains) < FEWEST_UNITS for cell in cells):
        return replace(part, note="no data")
    value = beside + sum(cell.weight * float(cell.gains.mean()) for cell in cells)
    parts, dfs = [], []
    for corpus in sorted({cell.corpus for cell in cells}):
        moved = [
            cell.weight * (cell.gains - cell.gains.mean()) / len(cell.gains)
            for cell in cells
            if cell.corpus == corpus
        ]
        by_text = pd.concat(moved).groupby(level=0).sum()
        parts.append(float((by_text**2).sum()) * len(by_text) / (len(by_text) - 1))
        dfs.append(len(by_text) - 1)
    error = sum(parts) ** 0.5
    if error == 0:
        return replace(part, note="no data: no text differs from another")
    df = error**4 / sum(one**2 / own for one, own in zip(parts, dfs, strict=True))
    half = float(student_t.ppf(0.975, df)) * error
    p_value = 2 * float(student_t.sf(abs(value) / error, df))
    figures = {"delta": value, "ci_low": value - half, "ci_high": value + half, "p_value": p_value}
    return replace(part, **figures, note=CONDITIONAL, **named)


def _base_estimates(figures: PublishedFigures) -> list[ClaimPart]:
    """Mean gain over all cells, by family."""
    pairs = list(product(figures.models(), figures.corpora()))
    return [
        pooled(
            [WeightedGains(pair[1], _gains(family, *pair), 1 / len(pairs)) for pair in pairs],
            0.0,
            family.family,
            ALL_DECLARED,
        )
        for family in figures.families
    ]


def _rung_estimates(figures: PublishedFigures) -> list[ClaimPart]:
    """Mean of treated minus the next larger model over the cells that have one, with the mean margin, by family."""
    parts = []
    for family in figures.families:
        pairs = [
            (model, corpus)
            for model, corpus in product(figures.models(), figures.corpora())
            if NEXT_LARGER[model] in figures.models()
        ]
        gaps = [
            family.baseline(NEXT_LARGER[model]) - family.baseline(model, corpus=corpus)
            for model, corpus in pairs
        ]
        cells = [WeightedGains(pair[1], _gains(family, *pair), 1 / len(pairs)) for pair in pairs]
        gap = float(np.mean(gaps))
        part = pooled(cells, -gap, family.family, "next larger model")
        kept = pooled(cells, -(1 - MARGIN) * gap, family.family, "next larger model")
        if kept.p_value is not None and kept.delta is not None:
            one_sided = kept.p_value / 2 if kept.delta > 0 else 1 - kept.p_value / 2
            part = replace(part, margin=MARGIN * gap, p_noninferior=one_sided)
        parts.append(part)
    return parts


def _corpus_estimates(figures: PublishedFigures) -> list[ClaimPart]:
    """Mean gain on code minus that on the other corpora, by family."""
    target, models = SETTINGS.target_corpus, figures.models()
    others = [corpus for corpus in figures.corpora() if corpus != target]
    parts = []
    for family in figures.families:
        ours = [WeightedGains(target, _gains(family, model, target), 1 / len(models)) for model in models]
        weight = -1 / len(models) / len(others)
        theirs = [WeightedGains(pair[1], _gains(family, *pair), weight) for pair in product(models, others)]
        parts.append(pooled([*ours, *theirs], 0.0, family.family, "mean of the others", corpus=target))
    return parts


def _why_c1_cannot_fail(null_rate: float) -> str:
    return (
        "these gains could not have been negative, because the best step was chosen on the documents that "
        "are reported, with the unmodified model among the steps; where nothing changes at all, the same "
        f"rule says 'reproduced' in {null_rate:.0%} of simulated studies"
    )


def _base_parts(comparisons: list[Row]) -> list[ClaimPart]:
    return [
        _part(row, note=f"{CONDITIONAL}; could not have been negative")
        for row in comparisons
        if row["baseline_kind"] == "base" and row["scope"] in FAMILIES
    ]


def _rung_parts(comparisons: list[Row], figures: PublishedFigures) -> list[ClaimPart]:
    parts = []
    for row in comparisons:
        if row["baseline_kind"] != "rung" or row["scope"] not in FAMILIES:
            continue
        if row["delta"] is None:
            parts.append(_part(row, note="no data"))
            continue
        family = figures.families[FAMILIES.index(row["scope"])]
        gap = family.baseline(NEXT_LARGER[row["model"]]) - family.baseline(row["model"], corpus=row["corpus"])
        parts.append(_part(row, note=f"{CONDITIONAL}; no test of non-inferiority", margin=MARGIN * gap))
    return parts


def _corpus_parts(figures: PublishedFigures) -> list[ClaimPart]:
    """Mean gain on code minus that on each other corpus, by model and family."""
    target = SETTINGS.target_corpus
    others = [corpus for corpus in figures.corpora() if corpus != target]
    parts = []
    for model, family, other in product(figures.models(), figures.families, others):
        ours, theirs = (_gains(family, model, corpus) for corpus in (target, other))
        part = ClaimPart(model, ARM, target, other, ARM, family.family, conditional=GIVEN_DRAWS)
        if min(len(ours), len(theirs)) >= FEWEST_UNITS:
            part = replace(
                part,
                **difference_of_means(ours, theirs),
                note=f"mean gain, {CONDITIONAL}",
            )
        parts.append(part)
    return parts


def _gains(family: FamilyFigures, model: str, corpus: str) -> "pd.Series[float]":
    return by_text(family, family.gains(), model, corpus)


def _placebo_parts(figures: PublishedFigures) -> list[ClaimPart]:
    return [
        ClaimPart(model, ARM, corpus, model, placebo, "all", note="no data: the study had no placebo")
        for model in figures.models()
        for corpus in figures.corpora()
        for placebo in SETTINGS.placebos
    ]


def _part(row: Row, *, note: str, margin: float | None = None) -> ClaimPart:
    named = (row["model"], ARM, row["corpus"], row["baseline"], NO_ARM, row["scope"])
    if row["delta"] is None:
        return ClaimPart(*named, note=note)
    figures = {
        name: row[name] for name in ("delta", "ci_low", "ci_high", "p_value", "conditional", "n_texts")
    }
    return ClaimPart(*named, **figures, margin=margin, note=note)
