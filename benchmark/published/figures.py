"""The published study in figures: what its rows give, how steps were chosen, how repeatable it was."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.published.source_files import (
    FAMILIES,
    NEXT_LARGER,
    PARAMETERS,
    FamilyFigures,
    PublishedFigures,
)
from benchmark.statistics.effective_size import effective_size
from benchmark.statistics.textbook import mean_over_texts, wilson

Facts = dict[str, Any]
KEY = ["model", "corpus", "index"]


def row_counts(figures: PublishedFigures) -> Facts:
    """Rows by family, by model and by model and corpus."""
    counts: Facts = {}
    for family in figures.families:
        found = Counter(zip(family.rows["model"], family.rows["corpus"], strict=True))
        by_both = {
            model: {corpus: found[model, corpus] for corpus in figures.corpora()}
            for model in figures.models()
        }
        counts[family.family] = {
            "rows": len(family.rows),
            "by_model": {model: sum(by_corpus.values()) for model, by_corpus in by_both.items()},
            "by_model_and_corpus": by_both,
        }
    return counts


def model_figures(figures: PublishedFigures) -> list[Facts]:
    """One record per model and family: baseline, mean of best, gain, its share of the ladder gap, chosen steps.

    Means are over rows, as published; intervals over texts (rows of one text averaged first), conditional on
    the documents. `effective_parameters` interpolates the three unmodified models in log parameters.
    """
    return [
        _model_family(figures, family, model) for family in figures.families for model in figures.models()
    ]


def _model_family(figures: PublishedFigures, family: FamilyFigures, model: str) -> Facts:
    rows = family.rows[family.rows["model"] == model]
    gains = family.gains()[rows.index]
    by_text = pd.Series(gains).groupby([rows["corpus"].to_numpy(), rows["index"].to_numpy()]).mean()
    mean, low, high = mean_over_texts(np.asarray(by_text, dtype=np.float64))
    unmodified = int((rows["epoch"] == 0).sum())
    values = family.base_rows[family.base_rows["model"] == model]["average"].value_counts().sort_index()
    facts: Facts = {
        "model": model,
        "family": family.family,
        "rows": len(rows),
        "texts": len(by_text),
        "baseline": family.baseline(model),
        "baseline_values": {f"{value:.6f}": int(count) for value, count in values.items()},
        "mean_of_best": float(rows["average"].mean()),
        "gain": float(gains.mean()),
        "gain_over_texts": mean,
        "gain_low": low,
        "gain_high": high,
        "runs_below_baseline": int((gains < 0).sum()),
        "unmodified_chosen": unmodified,
        "share_unmodified": unmodified / len(rows),
        "share_unmodified_interval": _wilson(unmodified, len(rows)),
        "mean_epoch": float(rows["epoch"].mean()),
    }
    return facts | _against_ladder(figures, family, model, facts)


def _against_ladder(
    figures: PublishedFigures, family: FamilyFigures, model: str, facts: Mapping[str, Any]
) -> Facts:
    """Share of the gap to the next larger model that the gain closes, and the effective size."""
    larger = NEXT_LARGER[model]
    score = facts["mean_of_best"]
    found: Facts = {"next_larger": larger, "next_larger_baseline": None, "gap": None, "share_of_gap": None}
    if larger in figures.models():
        gap = family.baseline(larger) - facts["baseline"]
        found |= {"next_larger_baseline": family.baseline(larger), "gap": gap}
        found["share_of_gap"] = facts["gain"] / gap if gap > 0 else None
    half = (facts["gain_high"] - facts["gain_low"]) / 2
    ladder = figures.models()
    size = effective_size(
        score,
        [family.baseline(rung) for rung in ladder],
        [PARAMETERS[rung] for rung in ladder],
        PARAMETERS[model],
        lambda weights: np.full(len(weights), half),
    )
    return found | {
        "effective_parameters": size.size,
        "effective_parameters_low": size.size_low,
        "effective_parameters_high": size.size_high,
        "size_multiplier": size.multiplier,
        "effective_size_note": size.note,
    }


def chosen_steps(figures: PublishedFigures) -> Facts:
    """How often each epoch was the best, and how often both families of a run chose the same one.

    A run is told by model, corpus and row index; the families are joined where that key stands once in each
    file.
    """
    best = {
        family.family: {
            str(epoch): int(count)
            for epoch, count in family.rows["epoch"].value_counts().sort_index().items()
        }
        for family in figures.families
    }
    unmodified = {
        family.family: {
            "runs": int((family.rows["epoch"] == 0).sum()),
            "share": float((family.rows["epoch"] == 0).mean()),
        }
        for family in figures.families
    }
    once = [
        family.rows[~family.rows.duplicated(KEY, keep=False)].set_index(KEY)["epoch"]
        for family in figures.families
    ]
    joined = pd.concat(once, axis=1, join="inner", keys=list(FAMILIES))
    equal = joined[FAMILIES[0]] == joined[FAMILIES[1]]
    return {
        "best_epoch": best,
        "unmodified": unmodified,
        "joined_runs": len(joined),
        "same_epoch": int(equal.sum()),
        "share_same_epoch": float(equal.mean()) if len(joined) else None,
        "share_same_epoch_interval": _wilson(int(equal.sum()), len(joined)),
        "share_same_epoch_by_model": {
            model: float(equal[equal.index.get_level_values("model") == model].mean())
            for model in figures.models()
        },
    }


def repeated_runs(figures: PublishedFigures) -> Facts:
    """Texts that stand in a file more than once: how often their rows agree, and how far they differ."""
    found: Facts = {}
    for family in figures.families:
        rows = family.rows[family.rows.duplicated(KEY, keep=False)]
        groups = [group for _, group in rows.groupby(KEY, sort=True)]
        ranges = [float(np.ptp(group["average"].to_numpy(dtype=np.float64))) for group in groups]
        found[family.family] = {
            "texts": len(groups),
            "rows": len(rows),
            "with_one_score": sum(value < 1e-9 for value in ranges),
            "with_one_epoch": sum(group["epoch"].nunique() == 1 for group in groups),
            "largest_difference": max(ranges, default=None),
        }
    return found


def task_gains(figures: PublishedFigures) -> list[Facts]:
    """Mean gain by model and single task at the family's best step, over rows."""
    return [
        {
            "model": model,
            "family": family.family,
            "task": task,
            "gain": float(family.gains(task)[(family.rows["model"] == model).to_numpy()].mean()),
        }
        for family in figures.families
        for model in figures.models()
        for task in family.tasks
    ]


def _wilson(count: int, n: int) -> list[float] | None:
    if not n:
        return None
    return [float(bound) for bound in wilson(count, n)]
