"""The choice of a run's step: by this rule a run's record names its step, and scoring reports it."""

import numpy as np
from numpy.typing import NDArray

TIE_DECIMALS = 12
NO_STEP = -1


def best_step(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of the highest score along the last axis, ties to the first; NO_STEP where all are nan or there is none.

    Scores are rounded to 12 decimals first, so that equal averages summed in another order still tie.
    """
    if scores.shape[-1] == 0:
        return np.full(scores.shape[:-1], NO_STEP, dtype=np.int64)
    rounded = np.where(np.isnan(scores), -np.inf, np.round(scores, TIE_DECIMALS))
    return np.where(np.isneginf(rounded.max(axis=-1)), NO_STEP, rounded.argmax(axis=-1)).astype(np.int64)
