"""Familiarity against gain: does text that a model knows less help it more? Spearman by model."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata, spearmanr
from scipy.stats import t as student_t

FAMILIARITY_COLUMNS = [
    "track",
    "suite_version",
    "model",
    "arm",
    "level",
    "n",
    "spearman",
    "low",
    "high",
    "p_value",
]
LEVELS = ("corpora", "texts", "texts within corpora")


def spearman_with_interval(x: ArrayLike, y: ArrayLike, *, lost: int = 0) -> dict[str, float | int | None]:
    """Spearman's rho of x and y [n] with a 95 % interval and a two-sided p-value.

    The interval is Fisher's z with variance (1 + rho^2 / 2) / (n - 3) (Bonett and Wright 2000, eq. 4);
    `lost` is the number of means taken out beforehand, which leaves n - 3 - lost. rho is None where x or y
    does not vary, interval and p-value where fewer than four units are left.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    n = len(first)
    nothing: dict[str, float | int | None] = {
        "n": n,
        "spearman": None,
        "low": None,
        "high": None,
        "p_value": None,
    }
    if n < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return nothing
    rho = float(spearmanr(first, second).statistic)
    free = n - 3 - lost
    if free < 1:
        return {**nothing, "spearman": rho}
    inside = float(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    error = np.sqrt((1 + inside**2 / 2) / free)
    low, high = np.tanh(np.arctanh(inside) + norm.ppf([0.025, 0.975]) * error)
    p_value = 2 * student_t.sf(abs(inside) * np.sqrt((free + 1) / (1 - inside**2)), free + 1)
    return {"n": n, "spearman": rho, "low": float(low), "high": float(high), "p_value": float(p_value)}


def familiarity_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Spearman between familiarity and gain, by track, suite version, model and arm, at three levels.

    `runs` has `track, suite_version, model, arm, corpus, text_id`, `text_loss_start` (the base model's mean
    token loss on the run's text, nats: higher is less familiar), `corpus_loss` (that of the corpus) and
    `gain` (test score minus the base model's). `texts` ranks all texts together, so it holds what separates
    corpora too; `texts within corpora` takes each corpus' mean rank out first. Seeds of a text are averaged.
    """
    by = ["track", "suite_version", "model", "arm"]
    values = ["text_loss_start", "corpus_loss", "gain"]
    texts = runs.groupby([*by, "corpus", "text_id"], sort=True, dropna=False)[values].mean().reset_index()
    rows = []
    for key, group in texts.groupby(by, sort=True, dropna=False):
        corpora = group.groupby("corpus", sort=True)[["corpus_loss", "gain"]].mean()
        inner = group.dropna(subset=["text_loss_start", "gain"])
        found = (
            spearman_with_interval(corpora["corpus_loss"], corpora["gain"]),
            spearman_with_interval(inner["text_loss_start"], inner["gain"]),
            _within(inner),
        )
        rows += [
            {**dict(zip(by, key, strict=True)), "level": level, **statistics}
            for level, statistics in zip(LEVELS, found, strict=True)
        ]
    return pd.DataFrame(rows, columns=FAMILIARITY_COLUMNS)


def _within(texts: pd.DataFrame) -> dict[str, float | int | None]:
    """Spearman of ranks centred by corpus: the association that no difference of corpora explains."""
    corpora = texts["corpus"].to_numpy()
    if not len(texts):
        return spearman_with_interval([], [])
    centred = [_centred(rankdata(texts[name]), corpora) for name in ("text_loss_start", "gain")]
    return spearman_with_interval(*centred, lost=len(np.unique(corpora)) - 1)


def _centred(ranks: NDArray[np.float64], groups: NDArray[np.object_]) -> NDArray[np.float64]:
    means = pd.Series(ranks).groupby(groups).transform("mean").to_numpy(dtype=np.float64)
    return np.asarray(np.round(ranks - means, 9), dtype=np.float64)
