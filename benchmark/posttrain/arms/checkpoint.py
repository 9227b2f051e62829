"""`checkpoint`: weights that a user trained already, against the base model that they were trained from.

The setting `path` names a model folder, or a repository of the Hub at a commit; with several, one run for each text.
"""

from collections.abc import Iterator

from benchmark.errors import InputError
from benchmark.posttrain.arms.interface import Attempt, RunStart

COPIES = SCORED_COPIES = 1.0
"""Nothing is trained."""


def attempts(start: RunStart) -> Iterator[Attempt]:
    """One step: from the base model to `start.weights`.

    Raises:
        InputError: the run has no weights.
    """
    if start.weights is None:
        raise InputError("arms: a checkpoint has no weights: give it `path` and `base`")
    yield Attempt(True, start.weights.placed().params)
