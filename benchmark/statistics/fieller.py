"""The share of a gap that a gain closes, with Fieller's interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.statistics.contrast import Contrast, on_shared_documents
from benchmark.statistics.design import Floats, Layout

NO_GAP = "no gap: the larger model is not told from the base"
ONE_TASK = "not given for one task"
FIRST_STEP = 0.02
STEPS_OUT = 14
POINTS, REFINED = 17, 2


@dataclass(frozen=True)
class Share:
    """Gain / gap by scope [scopes] with a 95 % interval; nan, and a note, where no gap is open.

    Only the first `summaries` scopes have one: a single task's gap is too unsure to divide by.
    """

    value: Floats
    low: Floats
    high: Floats
    summaries: int

    def at(self, place: int) -> dict[str, Any]:
        """The columns of one scope."""
        known = not np.isnan(self.value[place])
        why = NO_GAP if place < self.summaries else ONE_TASK
        return {
            "share_closed": self.value[place],
            "share_closed_low": self.low[place],
            "share_closed_high": self.high[place],
            "share_closed_note": "" if known else why,
        }


def share_of(gain: Contrast, gap: Contrast, layout: Layout) -> Share:
    """The share by scope: all values f for which gain - f * gap does not differ from 0 at level .05.

    This is Fieller's (1954) set with this package's variance and critical values. It is bounded where the
    gap's own interval lies above 0; elsewhere the gap is not open and the share means nothing. Both are on the
    documents that they share.
    """
    gain, gap = on_shared_documents(gain, gap)
    whole = gap.estimated(layout).estimate
    summaries = len(layout.summary_scopes)
    is_open = whole.is_above_zero() & ~np.isnan(whole.variance) & (np.arange(len(layout.scopes)) < summaries)
    value = np.where(
        is_open, gain.estimated(layout).estimate.value / np.where(is_open, whole.value, 1.0), np.nan
    )
    bases = [base for _, base in gap.levels]
    weights = np.array([weight for weight, _ in gap.levels])

    def outside(shares: Floats, place: int) -> Floats:
        """How far the contrast at a share [points] lies outside its interval in one scope [points]."""
        estimate = gain.with_levels(bases, -shares[:, None] * weights, layout).estimate
        low, high = estimate.at(slice(place, place + 1)).interval()
        return np.asarray(np.maximum(low, -high)[:, 0], dtype=np.float64)

    low, high = np.full_like(value, np.nan), np.full_like(value, np.nan)
    for place in np.flatnonzero(is_open):
        low[place], high[place] = (
            _end(outside, float(value[place]), int(place), side) for side in (-1.0, 1.0)
        )
    return Share(value, low, high, summaries)


def _end(outside: Callable[[Floats, int], Floats], start: float, place: int, side: float) -> float:
    """The end of one scope's set on one side: steps that double until one is outside, then two finer grids."""
    steps = np.concatenate([[0.0], FIRST_STEP * 2.0 ** np.arange(STEPS_OUT)])
    found = outside(start + side * steps, place)
    for _ in range(REFINED):
        beyond = np.flatnonzero(found > 0)
        if not len(beyond):
            return float("nan")
        steps = np.linspace(steps[beyond[0] - 1], steps[beyond[0]], POINTS)
        found = outside(start + side * steps, place)
    first = int(np.flatnonzero(found > 0)[0])
    inside, out = found[first - 1], found[first]
    return start + side * float(
        steps[first - 1] - inside / (out - inside) * (steps[first] - steps[first - 1])
    )
