"""Corrections for many tests: Holm within a declared family, Benjamini-Hochberg over single tasks."""

import numpy as np
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.layout import Floats


def holm(p_values: Floats) -> Floats:
    """Holm's (1979) adjusted p-values; a nan keeps its place in the family as a 1 and stays nan."""
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Benjamini and Hochberg's (1995) q-values; a nan keeps its place as a 1 and stays nan."""
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Floats, method: str) -> Floats:
    p_values = np.asarray(p_values, dtype=np.float64)
    if p_values.size == 0:
        return p_values
    missing = np.isnan(p_values)
    adjusted = multipletests(np.where(missing, 1.0, p_values), method=method)[1]
    return np.where(missing, np.nan, adjusted)
