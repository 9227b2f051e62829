"""The metrics of one document as pure functions. The engine's vectorised accuracy is tested against `accuracy`.

Exponentials are C's (`math.exp`), one number at a time, and sums are exact (`math.fsum`): numpy's and torch's vector
code differs between CPUs in the last bit. `gapbench doctor` compares C's.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def accuracy(choice_logprobs: Sequence[float], gold: int) -> float:
    """1 if the likeliest choice is number ``gold``, else 0; of equally likely choices the first counts.

    Args:
        choice_logprobs: [choices], log-probabilities summed over tokens, in nats: lm-eval's ``acc``. They are not
            divided by a length, as lm-eval's ``acc_norm`` would.
    """
    return float(max(range(len(choice_logprobs)), key=choice_logprobs.__getitem__) == gold)


def choice_probability(choice_logprobs: Sequence[float], right: Sequence[float]) -> float:
    """Probability of the right choice among a document's choices, in [0, 1].

    Args:
        choice_logprobs: [choices], as for ``accuracy``.
        right: [choices], the accuracy of each choice, 1 or 0.
    """
    top = max(choice_logprobs)
    weights = [math.exp(logprob - top) for logprob in choice_logprobs]
    wanted = math.fsum(weight * value for weight, value in zip(weights, right, strict=True))
    return min(1.0, wanted / math.fsum(weights))


def reference_probability(logprob: float, tokens: int) -> float:
    """exp of minus the mean token loss of a reference: the geometric mean of its tokens' probabilities, in [0, 1].

    Args:
        logprob: the summed log-probability of its ``tokens``, in nats.
    """
    return min(1.0, math.exp(logprob / tokens))


def unigram_f1(prediction: str, reference: str) -> float:
    """Harmonic mean of the precision and recall of words, counted with repeats; 0 where nothing is shared.

    Case, punctuation and articles do not count.
    """
    predicted, wanted = _words(prediction), _words(reference)
    shared = sum((Counter(predicted) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


TEXT_METRICS: Mapping[str, Callable[[str, str], float]] = {"f1": unigram_f1}
"""Metrics of a written text, in [0, 1] and better if higher, by the name that ``metadata.metric`` of a task gives."""
