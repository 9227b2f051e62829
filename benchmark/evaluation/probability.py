"""How probable the right answer is, by document: a finer measure than whether it wins.

Exponentials are C's (`math.exp`), one number at a time, and sums are exact (`math.fsum`): numpy's and torch's vector
code differs between CPUs in the last bit. `gapbench doctor` compares C's.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def right_choice(logprobs: Sequence[float], right: Sequence[float]) -> float:
    """Probability of the right choice among a document's choices, in [0, 1].

    ``logprobs``: the scores whose highest is the model's answer. The tasks' accuracy is lm-eval's ``acc``, so they
    are sums over tokens, not divided by a length. ``right``: the accuracy of each choice, 1 or 0.
    """
    top = max(logprobs)
    weights = [math.exp(logprob - top) for logprob in logprobs]
    wanted = math.fsum(weight * value for weight, value in zip(weights, right, strict=True))
    return min(1.0, wanted / math.fsum(weights))


def of_references(
    logprobs: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """exp of minus the mean token loss [documents] of references with summed ``logprobs`` and so many ``tokens``.

    That is the geometric mean of the tokens' probabilities, in [0, 1], of each document alone.
    """
    means = (logprobs / tokens).tolist()
    return np.array([min(1.0, math.exp(mean)) for mean in means], np.float64)
