"""Where the pipeline stores its files, relative to the repository's root."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.settings.track_settings import Settings


@dataclass(frozen=True)
class TrackPaths:
    """Folders of one track below the repository's root."""

    root: Path
    track: str

    @classmethod
    def of(cls, params: Path, settings: Settings) -> "TrackPaths":
        """Folders of the track whose settings file is `params`."""
        return cls(params.resolve().parent.joinpath(settings.track.root).resolve(), settings.track.name)

    @property
    def data(self) -> Path:
        """Outputs that DVC caches."""
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
        """Run groups by model and corpus; the base models' under `none`."""
        return self.data / "runs"

    @property
    def work(self) -> Path:
        """Run cache, timings and other caches: never an output of a stage, never in git."""
        return self.root / ".gapbench"

    @property
    def run_cache(self) -> Path:
        """Finished runs by content key."""
        return self.work / "journal"

    def corpus(self, name: str) -> Path:
        """Output of the stage `corpus`."""
        return self.data / "corpora" / name

    def model(self, name: str) -> Path:
        """Output of the stage `model`: a folder for each draw, and `model.json`."""
        return self.data / "models" / name

    def draw(self, name: str, draw: int) -> Path:
        """The folder of one pretraining draw of a model, in the Hub's paths."""
        return self.model(name) / str(draw)

    def run_group(self, model: str, corpus: str) -> Path:
        """Output of the stages `posttrain` and, for corpus `none`, `base`."""
        return self.runs / model / corpus
