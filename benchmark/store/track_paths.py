"""Where the pipeline keeps things, relative to the repository's root."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import InputError
from benchmark.settings.names import nearest
from benchmark.settings.track_settings import Settings


@dataclass(frozen=True)
class Layout:
    """Folders of one track below the repository's root."""

    root: Path
    track: str

    @classmethod
    def of(cls, params: Path, settings: Settings) -> "Layout":
        """Layout of the track whose settings file is `params`."""
        return cls(params.resolve().parent.joinpath(settings.track.root).resolve(), settings.track.name)

    @property
    def data(self) -> Path:
        """Outs that DVC caches."""
        return self.root / "data" / self.track

    @property
    def results(self) -> Path:
        """Small tables, in git."""
        return self.root / "results" / self.track

    @property
    def attestations(self) -> Path:
        """What `gapbench verify` wrote, in git."""
        return self.root / "attestations" / self.track

    @property
    def kept(self) -> Path:
        """Scores of draws that the pipeline does not train, in git."""
        return self.root / "kept" / self.track

    @property
    def runs(self) -> Path:
        """Cells by model and corpus; the base models' under `none`."""
        return self.data / "runs"

    @property
    def work(self) -> Path:
        """Journal, timings and caches: never an out, never in git."""
        return self.root / ".gapbench"

    def corpus(self, name: str) -> Path:
        """Out of the stage `corpus`."""
        return self.data / "corpora" / name

    def model(self, name: str) -> Path:
        """Out of the stage `model`: a folder for each draw, and `model.json`."""
        return self.data / "models" / name

    def draw(self, name: str, draw: int) -> Path:
        """The folder of one pretraining draw of a model, in the Hub's layout."""
        return self.model(name) / str(draw)

    def cell(self, model: str, corpus: str) -> Path:
        """Out of the stages `posttrain` and, for corpus `none`, `base`."""
        return self.runs / model / corpus


def known(name: str, names: Mapping[str, object], what: str, params: Path) -> str:
    """`name`, refused unless it is one of `names` in `params`."""
    if name not in names:
        raise InputError(f"{params}: no {what} '{name}'{nearest(name, names)}")
    return name
