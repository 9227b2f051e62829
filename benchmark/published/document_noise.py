"""Claim C2 on the published figures over documents: what the intervals over texts leave out, by assumption.

There are no scores by document. A treated model differs from its base on few of them, so the documents' error of
treated minus base counts as nothing here, and that of treated minus larger model is the one of the gap.
"""

import math
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmark.claims.sentences import NOT_REPRODUCED, REPRODUCED
from benchmark.published.assumed_variances import gap_variances
from benchmark.published.source_files import FAMILIES, FamilyFigures, PublishedFigures, documents_of
from benchmark.scoring.comparisons import LEVEL_ONE_SIDED
from benchmark.statistics.multiplicity import holm

Facts = dict[str, Any]

SAID = {REPRODUCED: "shows it", NOT_REPRODUCED: "rules it out"}


def gap_error(family: FamilyFigures, model: str, rung: str) -> float:
    """Standard error of the gap over the documents of a family, under the assumptions."""
    written = family.family == "dialogue"
    counts = {task: (written, documents_of(task)) for task in family.tasks}
    return math.sqrt(sum(gap_variances(model, rung, counts).values()))


def over_documents(figures: PublishedFigures, c2: Facts, margin: float) -> list[Facts]:
    """The parts of C2 that have data: the contrast, its error over documents and what would be left of each.

    The contrast is treated minus base minus (1 - margin) of the gap: below 0 where less than that was closed.
    `p_against` is one-sided and Holm's over all parts of the claim, those without data in their places.
    """
    found = []
    p_values = []
    for part in c2["parts"]:
        if part["delta"] is None:
            p_values.append(float("nan"))
            continue
        family = figures.families[FAMILIES.index(part["scope"])]
        gap = family.baseline(part["baseline"]) - family.baseline(part["model"], corpus=part["corpus"])
        error = gap_error(family, part["model"], part["baseline"])
        contrast = part["delta"] + margin * gap
        fact = {name: part[name] for name in ("model", "corpus", "baseline", "scope", "outcome")}
        fact |= {"contrast": contrast, "error": (1 - margin) * error}
        fact |= {"z": contrast / ((1 - margin) * error), "z_difference": part["delta"] / error}
        p_values.append(float(norm.cdf(fact["z"])))
        found.append(fact)
    adjusted = [float(p) for p in holm(np.array(p_values, dtype=np.float64)) if not math.isnan(p)]
    for fact, p_value in zip(found, adjusted, strict=True):
        fact["p_against"] = p_value
        fact["stands"] = fact["outcome"] == NOT_REPRODUCED and p_value < LEVEL_ONE_SIDED
    return found


def document_lines(found: list[Facts], assumed: str) -> list[str]:
    """The parts as plain lines."""
    lines = [
        f"C2 over documents, assumed: {assumed}; a treated model answers as its base except for its mean gain"
    ]
    for fact in found:
        said = f"C2 over documents, {fact['model']} on {fact['corpus']} against {fact['baseline']}, {fact['scope']}: "
        said += f"gain less half of the gap {fact['contrast']:+.4f}, s.e. {fact['error']:.4f}, z {fact['z']:+.1f}; "
        said += f"z of the difference {fact['z_difference']:+.1f}"
        if fact["outcome"] in SAID:
            said += f"; over texts it {SAID[fact['outcome']]}"
        if fact["outcome"] == NOT_REPRODUCED:
            said += ", over documents too" if fact["stands"] else ", over documents it does not"
        lines.append(said)
    against = [fact for fact in found if fact["outcome"] == NOT_REPRODUCED]
    kept = sum(fact["stands"] for fact in against)
    return [
        *lines,
        f"C2 over documents: of {len(against)} parts that rule it out over texts {kept} would still do so",
    ]
