"""The sections `scoring` and `claims`: how models are compared, and which entries decide a claim."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from benchmark.settings.arm_kinds import PLACEBOS
from benchmark.settings.section import Listed, Section, Seed


class Scoring(Section):
    """How models are compared.

    `margin` is the share of the ladder gap that may remain for `comparable`; a difference below the share
    `negligible` of the gap is not worth having. `ratio` bounds baseline size / own size, both ends included.
    The interval of the interquartile mean comes from `resamples` draws of documents and texts with `seed`;
    nothing else is resampled.
    """

    margin: float = Field(default=0.5, gt=0, lt=1)
    negligible: float = Field(default=0.1, gt=0, lt=1)
    ratio: Annotated[tuple[float, float], Field(strict=False)] = (1.9, 4.2)
    resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    seed: Seed = 0

    @model_validator(mode="after")
    def _ordered(self) -> "Scoring":
        if not 1 <= self.ratio[0] < self.ratio[1]:
            raise ValueError("ratio is [low, high] with 1 <= low < high")
        return self


class DeclaredControl(Section):
    """An entry whose outcome against its own base model is known before: what a study that can see shows.

    `scopes` are `all`, families and tasks; not given, they are `all` and every family.
    """

    model: str
    arm: str
    corpus: str
    scopes: Listed[str] | None = Field(default=None, min_length=1)


class NextRung(Section):
    """Draws of a larger rung that are entered as if they were the treated `model`."""

    model: str
    larger: str


class Controls(Section):
    """The declared controls of claim C0, none of which is ranked.

    `positive` must be superior to its base model and `negative` inferior, in each of their scopes; `placebo`
    must be superior in none. `same`: two disjoint sets of draws of this model must not be told apart. `next_rung`:
    draws of the larger rung, entered as a treated model, must be comparable to the other draws.
    """

    positive: DeclaredControl | None = None
    negative: DeclaredControl | None = None
    placebo: DeclaredControl | None = None
    same: str | None = None
    next_rung: NextRung | None = None

    @property
    def declared(self) -> bool:
        """Whether there is any."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)


class Claims(Section):
    """The entries over which the claims C1-C4 are decided: the treatment, its corpora, each model's larger rung.

    Empty `corpora` means every corpus with an entry of `arm`; empty `pairs` every model with one. `placebos`
    are names of arms. `controls` are those of C0, and `not_testable` says by claim why this track cannot test it.
    """

    arm: str = "gap"
    corpora: Listed[str] = ()
    target_corpus: str = "code"
    placebos: Listed[str] = PLACEBOS
    pairs: Mapping[str, str] = Field(default_factory=dict)
    controls: Controls = Controls()
    not_testable: Mapping[Literal["C1", "C2", "C3", "C4"], str] = Field(default_factory=dict)
