"""The published study as result tables: runs, entries and comparisons, conditional on the documents.

Texts are the units: rows of one text are averaged first. There are no rows by document, so no interval here
holds the uncertainty of documents, no non-inferiority is claimed, and no score over all 12 tasks is given,
because the two families of a run were reported at two different checkpoints.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t
from scipy.stats import ttest_1samp, ttest_ind

from benchmark.published.source_files import (
    CHANCE,
    FAMILIES,
    NEXT_LARGER,
    PARAMETERS,
    FamilyFigures,
    PublishedFigures,
    documents_of,
)
from benchmark.schema.result_columns import Family
from benchmark.schema.stored_columns import NO_ARM
from benchmark.scoring.comparisons import LEVEL, verdict
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.aggregates import corrected_averages
from benchmark.statistics.contrast import GIVEN_ALL, GIVEN_DRAWS
from benchmark.statistics.crossed import POWER
from benchmark.statistics.multiplicity import benjamini_hochberg, holm
from benchmark.statistics.textbook import mean_over_texts

TRACK = "published"
SUITE_VERSION = "gap12-original"
ARM = "gap"
NO_DATA = "no data"
NO_TEST = "no test"
"""The verdict where the outcome cannot fail: the best step was chosen on the documents that are reported."""

COLUMN_FAMILIES = (Family("classification"), Family("dialogue", written=True))
"""The families, as columns depend on them."""

ROUNDING = 1e-12

Row = dict[str, Any]
HEAD = {"track": TRACK, "suite_version": SUITE_VERSION}


def by_text(
    family: FamilyFigures, values: NDArray[np.float64], model: str, corpus: str
) -> "pd.Series[float]":
    """Means over the rows of each text of `values` [rows], by the text's index, for one model and corpus."""
    member = ((family.rows["model"] == model) & (family.rows["corpus"] == corpus)).to_numpy()
    return pd.Series(values[member]).groupby(family.rows.loc[member, "index"].to_numpy()).mean()


def run_rows(figures: PublishedFigures) -> list[Row]:
    """Rows of `runs.csv`; a text's further rows are numbered by `seed`: no other key tells them apart."""
    key = ["model", "corpus", "index", "repeat"]
    tables = []
    for family in figures.families:
        named = {"epoch": f"paper_step_{family.family}", "average": f"test_{family.family}"}
        tables.append(family.rows.rename(columns=named).set_index(key)[list(named.values())])
    joined = tables[0].join(tables[1], how="outer").sort_index()
    rows = []
    for (model, corpus, index, repeat), values in zip(joined.index, joined.to_dict("records"), strict=True):
        epochs = {
            name: None if pd.isna(values[name]) else int(values[name])
            for name in (f"paper_step_{family}" for family in FAMILIES)
        }
        scores = {name: values[name] for name in (f"test_{family}" for family in FAMILIES)}
        row: Row = {**HEAD, "model": model, "arm": ARM, "corpus": corpus}
        row |= {"index": int(index), "text_id": f"{corpus}-{index}", "seed": int(repeat)}
        rows.append(row | epochs | scores)
    return rows


def entry_rows(figures: PublishedFigures) -> list[Row]:
    """Rows of `entries.csv`: entries, then the unmodified models as rungs. None is ranked."""
    entries = [_entry(figures, model, corpus) for model in figures.models() for corpus in figures.corpora()]
    rungs = []
    for model in figures.models():
        row: Row = {**HEAD, "row_kind": "rung", "model": model, "arm": NO_ARM, "corpus": NO_ARM, "n_texts": 0}
        row |= _sizes(figures, model)
        row |= {f"score_{family.family}": family.baseline(model) for family in figures.families}
        scores = {task: figures.classification.baseline(model, task) for task in figures.classification.tasks}
        rungs.append(row | {"corrected_classification": _corrected(scores)})
    return [row for row in entries if row["n_texts"]] + rungs


def _entry(figures: PublishedFigures, model: str, corpus: str) -> Row:
    row: Row = {**HEAD, "row_kind": "entry", "model": model, "arm": ARM, "corpus": corpus, "n_texts": 0}
    row |= _sizes(figures, model)
    for family in figures.families:
        scores = _scores(family, "average", model, corpus)
        if not len(scores):
            continue
        names = (f"score_{family.family}", f"score_{family.family}_low", f"score_{family.family}_high")
        row |= dict(zip(names, mean_over_texts(scores), strict=True))
        row["n_texts"] = max(row["n_texts"], len(scores))
    family = figures.classification
    means = {task: _scores(family, task, model, corpus) for task in family.tasks}
    if all(len(values) for values in means.values()):
        row["corrected_classification"] = _corrected({t: float(v.mean()) for t, v in means.items()})
    return row | {"verification": "self-reported"}


def _scores(family: FamilyFigures, column: str, model: str, corpus: str) -> NDArray[np.float64]:
    """Means of a column over the rows of each text [texts]."""
    values = family.rows[column].to_numpy(dtype=np.float64)
    return np.asarray(by_text(family, values, model, corpus), dtype=np.float64)


def _sizes(figures: PublishedFigures, model: str) -> Row:
    documents = sum(documents_of(task) for family in figures.families for task in family.tasks)
    return {"parameters": PARAMETERS[model], "n_docs": documents, "n_draws": 1, "conditional": GIVEN_DRAWS}


def _corrected(scores: dict[str, float]) -> float | None:
    return corrected_averages(scores, CHANCE, dict.fromkeys(scores, "classification"))["classification"]


def comparison_rows(figures: PublishedFigures) -> list[Row]:
    """Rows of `comparisons.csv`: each entry against its base model and the next larger one.

    Holm runs over an entry's families against the larger model, Benjamini-Hochberg over its single tasks. A
    family's average cannot lie below the base model's, so that difference has the verdict "no test". Where the
    larger model has no published figures the verdict is "no data".
    """
    rows: list[Row] = []
    for model in figures.models():
        for corpus in figures.corpora():
            rows += _entry_comparisons(figures, model, corpus)
    return rows


def _entry_comparisons(figures: PublishedFigures, model: str, corpus: str) -> list[Row]:
    rows = [
        row
        for kind, baseline in (("base", model), ("rung", NEXT_LARGER[model]))
        for row in _against(figures, model, corpus, kind, baseline)
    ]
    known = [row for row in rows if row["delta"] is not None]
    for row in known:
        row["verdict"] = NO_TEST if _cannot_fail(row) else row["verdict"]
    tested = [row for row in known if not _cannot_fail(row)]
    for single, correct, column in ((False, holm, "p_adjusted"), (True, benjamini_hochberg, "q_value")):
        member = [row for row in tested if (row["scope"] not in FAMILIES) == single]
        adjusted = correct(np.array([row["p_value"] for row in member], dtype=np.float64))
        for row, p_value in zip(member, adjusted, strict=True):
            row[column] = float(p_value)
            row["verdict"] = verdict(row["delta"], float(p_value), np.nan)
    return rows


def _cannot_fail(row: Row) -> bool:
    return row["baseline_kind"] == "base" and row["scope"] in FAMILIES


def as_stored(row: Row) -> Row:
    """The row without p-value and detectable effect where the outcome cannot fail."""
    return row | {"p_value": None, "mde": None} if row["verdict"] == NO_TEST else row


def _against(figures: PublishedFigures, model: str, corpus: str, kind: str, baseline: str) -> Iterator[Row]:
    for family in figures.families:
        for scope in (family.family, *family.tasks):
            column = "average" if scope == family.family else scope
            tasks = family.tasks if scope == family.family else (scope,)
            known = baseline in figures.models()
            if not known and scope != family.family:
                continue
            row: Row = {
                **HEAD,
                "model": model,
                "arm": ARM,
                "corpus": corpus,
                "baseline": baseline,
                "baseline_kind": kind,
                "baseline_arm": NO_ARM,
                "measure": "score",
                "scope": scope,
                "delta": None,
                "verdict": NO_DATA,
                "n_docs": sum(documents_of(task) for task in tasks),
                "n_texts": 0,
                "n_draws": 1,
                "conditional": GIVEN_DRAWS,
                "size_ratio": PARAMETERS[baseline] / PARAMETERS[model],
            }
            if known:
                start = family.baseline(baseline, column, corpus)
                differences = family.rows[column].to_numpy(dtype=np.float64) - start
                texts = by_text(family, differences, model, corpus)
                row |= _difference(np.asarray(texts, dtype=np.float64))
            yield row


def _difference(differences: NDArray[np.float64]) -> Row:
    """Mean, t interval over texts, two-sided p-value and minimum detectable effect of [texts]."""
    n = len(differences)
    if n < FEWEST_UNITS:
        return {"n_texts": n, "conditional": GIVEN_ALL}
    mean, low, high = mean_over_texts(differences)
    error = float(differences.std(ddof=1) / np.sqrt(n))
    alike = bool(np.ptp(differences) < ROUNDING)
    p_value = float(abs(mean) < ROUNDING) if alike else float(ttest_1samp(differences, 0.0).pvalue)
    detectable = float(student_t.ppf(1 - LEVEL / 2, n - 1) + student_t.ppf(POWER, n - 1)) * error
    return {
        "delta": 0.0 if abs(mean) < ROUNDING else mean,
        "ci_low": low,
        "ci_high": high,
        "p_value": p_value,
        "mde": detectable,
        "n_texts": n,
    }


def difference_of_means(ours: "pd.Series[float]", theirs: "pd.Series[float]") -> Row:
    """Mean of `ours` minus mean of `theirs`, independent texts: Welch's t interval and p-value."""
    test = ttest_ind(ours, theirs, equal_var=False)
    interval = test.confidence_interval(0.95)
    return {
        "delta": float(ours.mean() - theirs.mean()),
        "ci_low": float(interval.low),
        "ci_high": float(interval.high),
        "p_value": float(test.pvalue),
    }
