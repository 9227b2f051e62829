"""When a run stops early and which step it is judged by, under both protocols."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark.posttrain.record import Averages

FIRST_COUNTED_EPOCH = 5
PATIENCE = 2
TIE_DECIMALS = 12
FAMILIES = ("classification", "dialogue")


@dataclass
class EarlyStop:
    """The original study's early stop (its train.py, validation_epoch_end).

    From epoch 5 on, an epoch in which both family averages are strictly below their best so far counts; the
    second such epoch ends the run. The unmodified model takes no part; a suite of one family is judged by it.
    """

    best: dict[str, float] = field(default_factory=dict)
    counted: int = 0

    def stops(self, epoch: int, averages: Averages) -> bool:
        """Take in the averages of `epoch` (from 0); true where the run ends with it."""
        present = {family: value for family in FAMILIES if (value := averages.get(family)) is not None}
        worse = bool(present) and all(
            value < self.best.get(family, value) for family, value in present.items()
        )
        for family, value in present.items():
            self.best[family] = max(value, self.best.get(family, value))
        if worse and epoch >= FIRST_COUNTED_EPOCH:
            self.counted += 1
        return self.counted >= PATIENCE


def best_step(scored: Sequence[tuple[int, Averages]], average: str) -> int | None:
    """The step with the highest `average`, ties to the earliest; null where no step has one.

    Averages are rounded first, so that equal ones summed in another order still tie. Scoring applies the same
    rule to whole tables (`scoring.selection.best_step`) and shares no code with the stage whose tables it
    reads; a test holds the two together, because the documents that are kept in git are those of this step.

    Args:
        scored: (step, averages) of every candidate in the order in which they were reached.
        average: `all`, `classification` or `dialogue`.
    """
    best: tuple[float, int] | None = None
    for step, averages in scored:
        value = averages.get(average)
        if value is not None and (best is None or round(value, TIE_DECIMALS) > best[0]):
            best = (round(value, TIE_DECIMALS), step)
    return best[1] if best else None
