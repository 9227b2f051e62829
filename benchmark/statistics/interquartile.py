"""The interquartile mean over texts and its interval, by drawing documents and texts again: no formula has it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

from benchmark.statistics.crossed import VariancePart, combined
from benchmark.statistics.design import Floats, Layout

TRIMMED = 0.25
AT_ONCE = 500


@dataclass(frozen=True)
class Resampling:
    """How many times documents and texts are drawn (`scoring.resamples`), and from which seed."""

    resamples: int
    seed: int


def interquartile_mean(values: Floats) -> Floats:
    """Mean along the last axis without the lowest and the highest quarter (Agarwal et al. 2021, section 4.3).

    A quarter is rounded down, so with three values or fewer it is the mean.
    """
    return np.asarray(trim_mean(values, TRIMMED, axis=-1), dtype=np.float64)


def interquartile_interval(
    values: Floats, layout: Layout, resampling: Resampling
) -> tuple[float, float, float]:
    """Interquartile mean over texts of the `all` score of `values` [texts, documents], with a 95 % interval.

    The variance has two parts: the mean's over resampled documents with the texts as they are, and over
    resampled texts with the documents as they are. They are weighed and given critical values as the crossed
    variance's parts are (`inference.combined`), because percentiles of resampled texts are too narrow with
    few of them. Both parts hold the interaction, which is not taken off: with many texts that change few
    answers the interval is a little wide. It is nan where a task has one document.
    """
    texts = len(values)
    by_text = layout.scope_means(values)[:, 0]
    value = interquartile_mean(by_text)
    if layout.counts.min() < 2:
        return float(value), float("nan"), float("nan")
    weights = (layout.scope_weights[0] / layout.counts)[layout.task_of]
    weighted = weights * values
    drawn = _documents_drawn(tuple(layout.counts.tolist()), resampling)
    # A resample of n varies by (n - 1) / n of a sample: the rescaled bootstrap (Rao and Wu 1988) mends that.
    rescaled = np.sqrt(layout.counts / (layout.counts - 1))[layout.task_of]
    again = by_text + _resampled(drawn, weighted * rescaled)
    documents = VariancePart(_variance(again), np.array([float(layout.size - len(layout.tasks))]))
    parts = []
    if texts > 1:
        chosen = np.random.default_rng([resampling.seed, 1]).integers(0, texts, (resampling.resamples, texts))
        parts.append(VariancePart(_variance(by_text[chosen]) * texts / (texts - 1), np.array([texts - 1.0])))
    low, high = combined(np.array([value]), documents, parts, np.zeros(1), texts).interval()
    return float(value), float(np.clip(low[0], 0, 1)), float(np.clip(high[0], 0, 1))


def _resampled(drawn: NDArray[np.uint16], weighted: Floats) -> Floats:
    """Sums over documents of (times drawn - 1) * `weighted` [texts, documents], by resample: [resamples, texts].

    One pass over the counts: the 1 is taken off the sums.
    """
    by_document = np.ascontiguousarray(weighted.T)
    sums, rows = np.empty((len(drawn), len(weighted))), np.empty((min(AT_ONCE, len(drawn)), drawn.shape[1]))
    for first in range(0, len(drawn), AT_ONCE):
        some = drawn[first : first + AT_ONCE]
        np.copyto(rows[: len(some)], some)
        np.matmul(rows[: len(some)], by_document, out=sums[first : first + AT_ONCE])
    return np.asarray(sums - by_document.sum(axis=0), dtype=np.float64)


def _variance(by_text: Floats) -> Floats:
    """Variance [1] over resamples of the interquartile mean of [resamples, texts]."""
    return np.asarray(interquartile_mean(by_text).var(ddof=1, keepdims=True), dtype=np.float64)


@lru_cache(maxsize=1)
def _documents_drawn(counts: tuple[int, ...], resampling: Resampling) -> NDArray[np.uint16]:
    """How often each document is drawn [resamples, documents], task by task: the same for all entries.

    Kept between entries, at two bytes a document and resample.
    """
    rng = np.random.default_rng([resampling.seed, 0])
    drawn = np.empty((resampling.resamples, sum(counts)), dtype=np.uint16)
    for first in range(0, len(drawn), AT_ONCE):
        rows = drawn[first : first + AT_ONCE]
        for count, end in zip(counts, np.cumsum(counts), strict=True):
            rows[:, end - count : end] = rng.multinomial(count, np.full(count, 1 / count), len(rows))
    return drawn
