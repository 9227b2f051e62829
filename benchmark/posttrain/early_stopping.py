"""When a run stops early and which step it is judged by, under both protocols."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmark.posttrain.record import Averages, families_of
from benchmark.statistics.best_step import NO_STEP, best_step

FIRST_COUNTED_EPOCH = 5
PATIENCE = 2


@dataclass
class EarlyStop:
    """The original study's early stop (its train.py, validation_epoch_end).

    From epoch 5 on, an epoch in which the averages of all families (there: two) are strictly below their best so far
    counts; the second such epoch ends the run. The unmodified model takes no part.
    """

    best: dict[str, float] = field(default_factory=dict)
    counted: int = 0

    def stops(self, epoch: int, averages: Averages) -> bool:
        """Take in the averages of `epoch` (from 0); true where the run ends with it."""
        present = {
            family: value for family in families_of(averages) if (value := averages.get(family)) is not None
        }
        worse = bool(present) and all(
            value < self.best.get(family, value) for family, value in present.items()
        )
        for family, value in present.items():
            self.best[family] = max(value, self.best.get(family, value))
        if worse and epoch >= FIRST_COUNTED_EPOCH:
            self.counted += 1
        return self.counted >= PATIENCE


def chosen_step(scored: Sequence[tuple[int, Averages]], average: str) -> int | None:
    """The step with the highest `average`, ties to the earliest; None if no step has one.

    Args:
        scored: (step, averages) of every candidate in the order in which they were reached.
        average: `all` or a family.
    """
    values = [averages.get(average) for _, averages in scored]
    place = int(
        best_step(np.array([np.nan if value is None else value for value in values], dtype=np.float64))
    )
    return None if place == NO_STEP else scored[place][0]
