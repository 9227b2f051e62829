"""Effective size: the parameters at which the interpolated ladder has an entry's score."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.statistics.contrast import Contrast
from benchmark.statistics.design import DocumentScores, Layout

FloatArray = NDArray[np.float64]
HalfWidths = Callable[[FloatArray], FloatArray]
"""Weights [points, rungs] to the half-width [points] of the interval of `score - weights @ rung_scores`."""

BEYOND = "beyond the ladder"
BELOW = "below the ladder"
NO_LADDER = "no ladder"
INTERVAL_BEYOND = "interval reaches beyond the ladder"
INTERVAL_BELOW = "interval reaches below the ladder"
INTERVAL_BOTH = "interval reaches beyond both ends of the ladder"

POINTS_BETWEEN_RUNGS = 20


@dataclass(frozen=True)
class EffectiveSize:
    """Sizes in parameters, multipliers in units of the model's own size; None where there is no ladder.

    `note` says where the ladder ended first. A size "beyond the ladder" is the largest rung's, a lower bound. A
    score "below the ladder" has no size, at most the upper end of one: every size is larger, and the smallest
    rung's would read as if nothing were lost. Ends of an interval that reach beyond the ladder are the outer
    rungs', and the note says so.
    """

    size: float | None = None
    size_low: float | None = None
    size_high: float | None = None
    multiplier: float | None = None
    multiplier_low: float | None = None
    multiplier_high: float | None = None
    note: str = NO_LADDER


@dataclass(frozen=True)
class Knots:
    """A strictly rising, piecewise linear curve: scores over log parameters, both of shape [knots]."""

    log_parameters: FloatArray
    scores: FloatArray

    def log_parameters_at(self, score: float) -> float:
        """The inverse, clipped to the outer knots."""
        return float(np.interp(score, self.scores, self.log_parameters))


def centred_isotonic(log_parameters: FloatArray, scores: FloatArray) -> Knots:
    """Isotonic regression whose flat stretches are one knot each, so that the curve can be inverted.

    Neighbouring rungs that fall are pooled (pool adjacent violators, equal weights); a pooled block stands at
    the mean of its log parameters (Oron and Flournoy 2017, "Centered isotonic regression").
    """
    blocks: list[tuple[float, float, int]] = []
    for position, score in zip(log_parameters, scores, strict=True):
        blocks.append((float(position), float(score), 1))
        while len(blocks) > 1 and blocks[-2][1] >= blocks[-1][1]:
            (left_x, left_y, left_n), (right_x, right_y, right_n) = blocks[-2:]
            total = left_n + right_n
            merged_x = (left_x * left_n + right_x * right_n) / total
            merged_y = (left_y * left_n + right_y * right_n) / total
            blocks[-2:] = [(merged_x, merged_y, total)]
    return Knots(np.array([x for x, _, _ in blocks]), np.array([y for _, y, _ in blocks]))


def effective_size(
    score: float,
    rung_scores: ArrayLike,
    rung_parameters: ArrayLike,
    own_parameters: float,
    half_widths: HalfWidths | None = None,
) -> EffectiveSize:
    """The size on the ladder that has `score`, with an interval.

    `rung_scores`, `rung_parameters`: [rungs]; rungs of one size count as their mean. `half_widths` comes from
    `widths_from_documents`; without it, or where a variance cannot be told, the interval is empty. The
    interval holds every size x at which `score` does not differ from the ladder's at x: inversion of a test,
    as Fieller (1954) for a ratio, which unlike percentiles of the inverted curve stays valid on a flat ladder.
    """
    positions, merge = _merged(np.log(np.asarray(rung_parameters, dtype=np.float64)))
    scores = merge @ np.asarray(rung_scores, dtype=np.float64)
    if len(scores) < 2 or not np.isfinite(scores).all() or not np.isfinite(score):
        return EffectiveSize()
    curve = centred_isotonic(positions, scores)
    if len(curve.scores) < 2:
        return EffectiveSize()
    point, note = _point(score, curve, positions)
    if half_widths is None:
        return _sized(point, None, None, own_parameters, note)
    grid, weights = _interpolation_weights(positions, point)
    widths = half_widths(weights @ merge)
    if np.isnan(widths).all():
        return _sized(point, None, None, own_parameters, note)
    excess = np.abs(score - weights @ scores) - np.nan_to_num(widths)
    low, high, clipped = _hull(excess, grid, point)
    return _sized(point, low, high, own_parameters, note or clipped)


def widths_from_documents(
    entry: Contrast, rungs: Sequence[DocumentScores], layout: Layout, scope: str = "all"
) -> HalfWidths:
    """Half-widths by document (clusters), the units of the entry's gain and the draws of each rung.

    `entry` is the entry's score, `rungs` the ladder on the same documents. Critical values as `inference.crossed`.
    """
    column = layout.scopes.index(scope)

    def half_widths(weights: FloatArray) -> FloatArray:
        low, high = entry.with_levels(rungs, -weights, layout).estimate.interval()
        return np.asarray((high - low)[..., column] / 2, dtype=np.float64)

    return half_widths


def _merged(log_parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct sizes in rising order [sizes], and the means that make them of the rungs [sizes, rungs]."""
    positions, place = np.unique(log_parameters, return_inverse=True)
    member = (np.arange(len(positions))[:, None] == place).astype(np.float64)
    return positions, member / np.maximum(member.sum(axis=1, keepdims=True), 1)


def _point(score: float, curve: Knots, positions: FloatArray) -> tuple[float, str]:
    if score > curve.scores[-1]:
        return float(positions[-1]), BEYOND
    if score < curve.scores[0]:
        return float(positions[0]), BELOW
    return curve.log_parameters_at(score), ""


def _hull(excess: FloatArray, grid: FloatArray, point: float) -> tuple[float, float, str]:
    """Ends in log parameters of the sizes where `excess` is 0 or less, and which end of the ladder cut them.

    The point is always inside. The test runs on the rungs as they are: pooling them would bias the contrast
    where true rungs lie close.
    """
    kept = np.flatnonzero(excess <= 0)
    if not len(kept):
        return point, point, ""
    first, last = int(kept[0]), int(kept[-1])
    low = grid[0] if first == 0 else _crossing(excess, grid, first - 1, first)
    high = grid[-1] if last == len(grid) - 1 else _crossing(excess, grid, last, last + 1)
    below, beyond = first == 0, last == len(grid) - 1
    one_end = INTERVAL_BELOW if below else INTERVAL_BEYOND if beyond else ""
    note = INTERVAL_BOTH if below and beyond else one_end
    return min(point, float(low)), max(point, float(high)), note


def _crossing(excess: FloatArray, grid: FloatArray, left: int, right: int) -> float:
    share = excess[left] / (excess[left] - excess[right])
    return float(grid[left] + share * (grid[right] - grid[left]))


def _interpolation_weights(positions: FloatArray, point: float) -> tuple[FloatArray, FloatArray]:
    """A fine grid of log parameters [points], and linear interpolation's weights there [points, rungs].

    The point is on the grid, so that an interval narrower than the grid is found too.
    """
    pieces = [
        np.linspace(a, b, POINTS_BETWEEN_RUNGS, endpoint=False) for a, b in itertools.pairwise(positions)
    ]
    grid = np.unique(np.concatenate([*pieces, positions[-1:], [point]]))
    return grid, np.column_stack([np.interp(grid, positions, unit) for unit in np.eye(len(positions))])


def _sized(point: float, low: float | None, high: float | None, own: float, note: str) -> EffectiveSize:
    below = note == BELOW
    size, size_low, size_high = (
        None if x is None else float(np.exp(x))
        for x in (None if below else point, None if below else low, high)
    )
    multiplier, multiplier_low, multiplier_high = (
        None if x is None else x / own for x in (size, size_low, size_high)
    )
    return EffectiveSize(size, size_low, size_high, multiplier, multiplier_low, multiplier_high, note)
