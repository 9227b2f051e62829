"""What scoring is told: margin, ratio, resamples and which arms are treatments, as strict typed settings."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

CONTROL_KINDS = ("random", "shuffled", "descent")
"""Arms of these names (or beginning with one and a hyphen) are controls where no treatment is declared."""


class ScoringSettings(BaseModel):
    """Settings of one call of scoring; unknown keys are refused.

    `margin` is the share of the ladder gap that may remain for `comparable`; `ratio` bounds baseline size /
    own size, both ends included. `treatments` names the arms that are ranked; empty, every arm is one that is
    not named as a control kind. `controls` may say which control arms belong to which treatment; a treatment
    that it does not name is compared with every control of its model and corpus. `claims` is read by
    `scoring.claims`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(default=0.5, gt=0, lt=1)
    ratio: tuple[float, float] = (1.9, 4.2)
    resamples: int = Field(default=10_000, ge=100)
    seed: int = 0
    protocol: Literal["held-out", "paper"] = "held-out"
    suite_version: str | None = None
    treatments: tuple[str, ...] = ()
    controls: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    claims: Any = None

    @field_validator("ratio")
    @classmethod
    def _ratio_in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 1 <= value[0] <= value[1]:
            raise ValueError("ratio must be two numbers, 1 <= low <= high")
        return value

    def is_treatment(self, arm: str) -> bool:
        """Whether runs of `arm` form ranked entries; all other arms are controls."""
        if self.treatments:
            return arm in self.treatments
        return not any(arm == kind or arm.startswith(f"{kind}-") for kind in CONTROL_KINDS)

    def controls_of(self, arm: str, present: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `present` (arms of one model and corpus) that are controls of treatment `arm`, sorted."""
        named = self.controls.get(arm)
        return tuple(sorted(a for a in present if not self.is_treatment(a) and (named is None or a in named)))
