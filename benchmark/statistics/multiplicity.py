"""Corrections for many tests: Holm within a declared family, Benjamini-Hochberg over single tasks."""

import numpy as np
from scipy.stats import false_discovery_control

from benchmark.statistics.design import Floats


def holm(p_values: Floats) -> Floats:
    """Holm's (1979) adjusted p-values along the last axis; a nan keeps its place as a 1 and stays nan.

    Own code because statsmodels' collects garbage at every call, and scoring and its simulation make many.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    missing = np.isnan(p_values)
    order = np.argsort(np.where(missing, 1.0, p_values), axis=-1, kind="stable")
    ordered = np.take_along_axis(np.where(missing, 1.0, p_values), order, axis=-1)
    steps = np.arange(p_values.shape[-1], 0, -1)
    adjusted = np.empty_like(ordered)
    raised = np.minimum(np.maximum.accumulate(ordered * steps, axis=-1), 1.0)
    np.put_along_axis(adjusted, order, raised, axis=-1)
    return np.where(missing, np.nan, adjusted)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Benjamini and Hochberg's (1995) q-values of [tests]; a nan keeps its place as a 1 and stays nan."""
    p_values = np.asarray(p_values, dtype=np.float64)
    if p_values.size == 0:
        return p_values
    missing = np.isnan(p_values)
    adjusted = false_discovery_control(np.where(missing, 1.0, p_values), method="bh")
    return np.where(missing, np.nan, adjusted)
