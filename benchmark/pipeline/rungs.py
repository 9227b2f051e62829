"""The micro rungs of a track, draw by draw, trained side by side."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.models.ladder import Ladder, trained_rung
from benchmark.pipeline.layout import Layout
from benchmark.settings import MicroModel, Settings

Draw = tuple[str, int]
"""Name of a model and number of a draw."""


def trained_here(settings: Settings) -> list[Draw]:
    """The draws that the pipeline trains."""
    return [(name, draw) for name, spec in micro_models(settings).items() for draw in range(spec.n_trained)]


def kept_draws(settings: Settings) -> list[Draw]:
    """The draws of which scores are kept in git."""
    return [
        (name, draw)
        for name, spec in micro_models(settings).items()
        for draw in range(spec.n_trained, spec.n_draws)
    ]


def micro_models(settings: Settings) -> dict[str, MicroModel]:
    """The models that are trained here."""
    return {name: spec for name, spec in settings.models.items() if isinstance(spec, MicroModel)}


def place_rung(settings: Settings, layout: Layout, draws: Sequence[Draw], wanted: Draw, folder: Path) -> None:
    """Copy the trained rung `wanted` into `folder`; where it is not trained yet, train it and what else of `draws`."""
    models = micro_models(settings)
    rungs = {f"{name} draw {draw}": models[name].drawn(draw) for name, draw in draws}
    trained_rung(
        Ladder(rungs, layout.work / "cache"), f"{wanted[0]} draw {wanted[1]}", folder, settings.execution
    )
