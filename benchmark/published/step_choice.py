"""How much of the published gains choosing the best step explains: the simulation set beside the figures."""

from typing import Any

import numpy as np
from scipy.stats import t as student_t

from benchmark.published.null_model import (
    EPOCHS,
    PATTERNS,
    Simulated,
    Unmodified,
    explaining_share,
    simulate_selection,
)
from benchmark.published.source_files import FAMILIES, PublishedFigures, documents_of
from benchmark.statistics.multiplicity import holm

SHARES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
RUNS = 2000
F1_SD = 0.12

STUDIES = 40
STUDY_SHARE = 0.02
STUDY_PATTERN = "cumulative"
TEXTS = 100

Row = dict[str, Any]


def unmodified(figures: PublishedFigures, model: str) -> Unmodified:
    """What the simulation holds fixed: a model's published accuracies, and the numbers of documents."""
    classification, dialogue = figures.families
    return Unmodified(
        accuracies=tuple(classification.baseline(model, task) for task in classification.tasks),
        documents=tuple(documents_of(task) for task in classification.tasks),
        dialogue_documents=tuple(documents_of(task) for task in dialogue.tasks),
        f1_sd=F1_SD,
    )


def simulation_rows(figures: PublishedFigures, seed: int) -> list[Row]:
    """Rows of `selection_simulation.csv`: model x family x pattern x share of changed answers."""
    published = published_gains(figures)
    rows: list[Row] = []
    for place, model in enumerate(figures.models()):
        start = unmodified(figures, model)
        for number, pattern in enumerate(PATTERNS):
            for step, changed in enumerate(SHARES):
                rng = np.random.default_rng([seed, place, number, step])
                found = simulate_selection(start, changed, pattern, RUNS, rng)
                for family in FAMILIES:
                    flips = start.flip_rate(changed) if family == "classification" else changed
                    gain, share = published[model, family]
                    rows.append(
                        {
                            "model": model,
                            "family": family,
                            "pattern": pattern,
                            "changed": changed,
                            "flip_rate": flips,
                            **_summary(found, family),
                            "published_gain": gain,
                            "published_share_unmodified": share,
                            "runs": RUNS,
                        }
                    )
    return sorted(rows, key=lambda row: FAMILIES.index(row["family"]))


def _summary(found: Simulated, family: str) -> Row:
    gains, epochs = found.gains[family], found.best_epochs[family]
    low, high = np.quantile(gains, [0.025, 0.975])
    return {
        "mean_gain": float(gains.mean()),
        "gain_low": float(low),
        "gain_high": float(high),
        "share_unmodified": float((epochs == 0).mean()),
        "mean_best_epoch": float(epochs.mean()),
        "mean_last_epoch": float(found.last_epoch.mean()),
    }


def published_gains(figures: PublishedFigures) -> dict[tuple[str, str], tuple[float, float]]:
    """Mean gain and share of unmodified models over rows, by (model, family)."""
    found = {}
    for family in figures.families:
        gains, rows = family.gains(), family.rows
        for model in figures.models():
            member = (rows["model"] == model).to_numpy()
            share = float((rows.loc[member, "epoch"] == 0).mean())
            found[model, family.family] = float(gains[member].mean()), share
    return found


def explanations(rows: list[Row]) -> list[Row]:
    """For each model, family and pattern: what it would take for choice alone to give the published gain.

    `changed` and `flip_rate` are null where no share of changed answers is enough; `most_by_choice` is the
    mean gain when every answer is drawn again, and `f1_sd_needed` the spread of F1 over documents at which
    that would be the published gain (the simulated gain is proportional to it).
    """
    found = []
    for key in dict.fromkeys((row["model"], row["family"], row["pattern"]) for row in rows):
        member = [row for row in rows if (row["model"], row["family"], row["pattern"]) == key]
        shares = [0.0, *(row["changed"] for row in member)]
        gains = [0.0, *(row["mean_gain"] for row in member)]
        published, most = member[0]["published_gain"], max(gains)
        changed = explaining_share(shares, gains, published)
        per_share = member[-1]["flip_rate"] / member[-1]["changed"]
        unmodified_then = None
        if changed is not None:
            seen = [1.0, *(row["share_unmodified"] for row in member)]
            unmodified_then = float(np.interp(changed, shares, seen))
        found.append(
            {
                **dict(zip(("model", "family", "pattern"), key, strict=True)),
                "published_gain": published,
                "changed": changed,
                "flip_rate": None if changed is None else changed * per_share,
                "share_unmodified": unmodified_then,
                "published_share_unmodified": member[0]["published_share_unmodified"],
                "most_by_choice": most,
                "f1_sd_needed": F1_SD * published / most if key[1] == "dialogue" else None,
            }
        )
    return found


def null_rate(figures: PublishedFigures, seed: int) -> float:
    """Share of simulated studies in which nothing changes and C1's rule still says "reproduced".

    A study has the published design: every model and corpus with 100 texts, each family's mean gain tested
    against 0 by t over texts, Holm over all of them. A share of 0.02 of answers changes, cumulatively.
    """
    rng = np.random.default_rng([seed, len(SHARES)])
    p_values = []
    corpora = len(figures.corpora())
    for model in figures.models():
        runs = STUDIES * corpora * TEXTS
        found = simulate_selection(unmodified(figures, model), STUDY_SHARE, STUDY_PATTERN, runs, rng)
        for family in FAMILIES:
            gains = found.gains[family].reshape(STUDIES, corpora, TEXTS)
            errors = gains.std(axis=2, ddof=1) / np.sqrt(TEXTS)
            p_values.append(2 * student_t.sf(np.abs(gains.mean(axis=2)) / errors, TEXTS - 1))
    by_study = np.concatenate(p_values, axis=1)
    return float((holm(by_study) < 0.05).all(axis=1).mean())


def assumptions() -> Row:
    """What the simulation assumes, for `published.json`."""
    return {
        "candidate_epochs": EPOCHS,
        "runs_per_cell": RUNS,
        "f1_sd": F1_SD,
        "null_studies": STUDIES,
        "null_study_changed": STUDY_SHARE,
        "null_study_pattern": STUDY_PATTERN,
        "null_study_texts": TEXTS,
    }
