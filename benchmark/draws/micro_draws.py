"""Training of the draws of a track's micro rungs, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.models.micro_cache import Ladder, trained_rung
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths

Draw = tuple[str, int]
"""Name of a model and number of a draw."""


@dataclass(frozen=True)
class SomeDraws(Ladder):
    """A ladder of which only the draws `wanted` are trained, if they are missing."""

    wanted: frozenset[Draw]

    def missing(self) -> dict[str, tuple[int, ...]]:
        """Wanted draws that are not trained yet, by rung."""
        every = super().missing()
        left = {
            name: tuple(draw for draw in draws if (name, draw) in self.wanted)
            for name, draws in every.items()
        }
        return {name: draws for name, draws in left.items() if draws}


def micro_models(settings: Settings) -> dict[str, MicroModel]:
    """The models that are trained here."""
    return {name: spec for name, spec in settings.models.items() if isinstance(spec, MicroModel)}


def untrained_draws(settings: Settings) -> list[Draw]:
    """The draws that the pipeline does not train: their scores are kept in git."""
    return [
        (name, draw)
        for name, spec in micro_models(settings).items()
        for draw in range(spec.trained_draws, spec.n_draws)
    ]


def place_trained(settings: Settings, paths: TrackPaths, name: str, draw: int, folder: Path) -> None:
    """Copy a draw that the pipeline trains into `folder`; the first call trains all of them."""
    ladder = Ladder(micro_models(settings), paths.work / "cache")
    trained_rung(ladder, name, draw, folder, settings.execution)


def place_kept(
    settings: Settings, paths: TrackPaths, wanted: Sequence[Draw], name: str, draw: int, folder: Path
) -> None:
    """Copy one of the draws `wanted` into `folder`; the first call trains all of them, and no others."""
    rungs = {name: spec.model_copy(update={"trained": None}) for name, spec in micro_models(settings).items()}
    ladder = SomeDraws(rungs, paths.work / "cache", frozenset(wanted))
    trained_rung(ladder, name, draw, folder, settings.execution)
