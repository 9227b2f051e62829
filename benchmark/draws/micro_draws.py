"""The micro rungs of a track, draw by draw, trained together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.models.micro_cache import Ladder, trained_rung
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import Layout

Draw = tuple[str, int]
"""Name of a model and number of a draw."""


@dataclass(frozen=True)
class SomeDraws(Ladder):
    """A ladder of which only the draws `wanted` are trained where they are missing."""

    wanted: frozenset[Draw]

    def missing(self) -> dict[str, tuple[int, ...]]:
        """Draws that are wanted and are not trained yet, by rung."""
        every = super().missing()
        left = {
            name: tuple(draw for draw in draws if (name, draw) in self.wanted)
            for name, draws in every.items()
        }
        return {name: draws for name, draws in left.items() if draws}


def micro_models(settings: Settings) -> dict[str, MicroModel]:
    """The models that are trained here."""
    return {name: spec for name, spec in settings.models.items() if isinstance(spec, MicroModel)}


def kept_draws(settings: Settings) -> list[Draw]:
    """The draws of which scores are kept in git."""
    return [
        (name, draw)
        for name, spec in micro_models(settings).items()
        for draw in range(spec.trained_draws, spec.n_draws)
    ]


def place_trained(settings: Settings, layout: Layout, name: str, draw: int, folder: Path) -> None:
    """Copy a draw that the pipeline trains into `folder`; the first call trains all of them."""
    ladder = Ladder(micro_models(settings), layout.work / "cache")
    trained_rung(ladder, name, draw, folder, settings.execution)


def place_kept(
    settings: Settings, layout: Layout, wanted: Sequence[Draw], name: str, draw: int, folder: Path
) -> None:
    """Copy one of the draws `wanted` into `folder`; the first call trains all of them, and no others."""
    rungs = {name: spec.model_copy(update={"trained": None}) for name, spec in micro_models(settings).items()}
    ladder = SomeDraws(rungs, layout.work / "cache", frozenset(wanted))
    trained_rung(ladder, name, draw, folder, settings.execution)
