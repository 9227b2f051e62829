"""The exact test where a difference has no spread, so that a variance of 0 tells nothing: a sign test."""

import numpy as np
from scipy.special import bdtrc

from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.statistics.design import Floats, Layout

ROUNDING = 1e-12


def sign_test(by_document: Floats, value: Floats, fewest: int, layout: Layout) -> Floats:
    """Two-sided p-value [..., scopes] that `value` is 0, where the estimated variance is 0.

    `by_document` [..., documents] are differences averaged over texts, `value` [..., scopes] their means and
    `fewest` the number of texts of the smallest set, 1 where no set has more than one. Documents and texts
    are both units, so p is the larger of two exact sign tests (binomial with 1/2):

    - over documents (sums over clusters), of those that changed, how many changed as `value` did;
    - over texts, which all have the same mean difference: 2 * 0.5^fewest. Of two independent sets of texts it
      is the smaller one's, which is more than the p-value of their permutations.

    A value of 0 has p = 1 by both. Fewer than three units cannot tell anything: nan.
    """
    member = (layout.scope_weights > 0).astype(np.float64)[:, layout.cluster_task].T
    sums = layout.cluster_sums(by_document)
    up, down = (sums > ROUNDING) @ member, (sums < -ROUNDING) @ member
    alike = np.where(value > 0, up, np.where(value < 0, down, 0.0))
    over_documents = np.where(alike > 0, np.minimum(2 * bdtrc(alike - 1, up + down, 0.5), 1.0), 1.0)
    over_texts = 2 * 0.5**fewest if fewest > 1 else 0.0
    p_value = np.where(value == 0, 1.0, np.maximum(over_documents, over_texts))
    units = np.minimum(member.sum(axis=0), fewest if fewest > 1 else np.inf)
    return np.where(units < FEWEST_UNITS, np.nan, p_value)
