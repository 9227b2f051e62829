"""Claims C1-C4 on the published figures: conditional on the documents, without non-inferiority."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.schema import NO_ARM
from benchmark.scoring.claim_parts import share_of_gains_part
from benchmark.scoring.claims import SHARE_SCOPE, Part, claims_document, decide
from benchmark.scoring.published_source import FAMILIES, NEXT_LARGER, FamilyFigures, PublishedFigures
from benchmark.scoring.published_tables import (
    ARM,
    SUITE_VERSION,
    TRACK,
    Row,
    by_text,
    difference_of_means,
)
from benchmark.settings import Claims

MARGIN = 0.5
"""Share of the ladder gap that may remain; used only to say what an interval excludes."""

SETTINGS = Claims(arm=ARM)
CONDITIONAL = "conditional on the documents"
PARTIAL = "no verdict here holds the uncertainty of the documents."


def published_claims(figures: PublishedFigures, comparisons: list[Row], null_rate: float) -> dict[str, Any]:
    """The content of `claims.json`; `null_rate`: how often choice alone would make C1 "reproduced"."""
    return claims_document(
        TRACK,
        SUITE_VERSION,
        [
            decide("C1", _base_parts(comparisons), cannot_fail=_why_c1_cannot_fail(null_rate)),
            decide("C2", _rung_parts(comparisons, figures), caveat=f"OPT-6.7B has no data, and {PARTIAL}"),
            decide("C3", _corpus_parts(figures), caveat=f"Texts are the units; {PARTIAL}"),
            decide("C4", _placebo_parts(figures)),
        ],
    )


def _why_c1_cannot_fail(null_rate: float) -> str:
    return (
        "these gains could not have been negative, because the best step was chosen on the documents that "
        "are reported, with the unmodified model among the steps; where nothing changes at all, the same "
        f"rule says 'reproduced' in {null_rate:.0%} of simulated studies"
    )


def _base_parts(comparisons: list[Row]) -> list[Part]:
    return [
        _part(row, note=f"{CONDITIONAL}; could not have been negative")
        for row in comparisons
        if row["baseline_kind"] == "base" and row["scope"] in FAMILIES
    ]


def _rung_parts(comparisons: list[Row], figures: PublishedFigures) -> list[Part]:
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


def _corpus_parts(figures: PublishedFigures) -> list[Part]:
    """Code minus each other corpus, by model and family: mean gain, and share of texts with a gain."""
    target = SETTINGS.target_corpus
    others = [corpus for corpus in figures.corpora() if corpus != target]
    parts = []
    for model, family, other in product(figures.models(), figures.families, others):
        ours, theirs = (_gains(family, model, corpus) for corpus in (target, other))
        share = share_of_gains_part(list(ours), list(theirs), model, other, SETTINGS)
        mean = Part(model, ARM, target, other, ARM, family.family)
        if len(ours) > 1 and len(theirs) > 1:
            mean = replace(mean, **difference_of_means(ours, theirs), note=f"mean gain, {CONDITIONAL}")
        parts += [mean, replace(share, scope=f"{family.family}: {SHARE_SCOPE}")]
    return parts


def _gains(family: FamilyFigures, model: str, corpus: str) -> NDArray[np.float64]:
    return by_text(family, family.gains(), model, corpus)


def _placebo_parts(figures: PublishedFigures) -> list[Part]:
    return [
        Part(model, ARM, corpus, model, placebo, "all", note="no data: the study had no placebo")
        for model in figures.models()
        for corpus in figures.corpora()
        for placebo in SETTINGS.placebos
    ]


def _part(row: Row, *, note: str, margin: float | None = None) -> Part:
    named = (row["model"], ARM, row["corpus"], row["baseline"], NO_ARM, row["scope"])
    if row["delta"] is None:
        return Part(*named, note=note)
    figures = {name: row[name] for name in ("delta", "ci_low", "ci_high", "p_value", "n_runs")}
    return Part(*named, **figures, margin=margin, note=note)
