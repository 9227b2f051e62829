"""What scoring is told: the `scoring` section of the settings, and what it has to know of the track."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from benchmark.settings.arm_kinds import CONTROLS
from benchmark.settings.scoring_rules import Claims, Scoring

FEWEST_UNITS = 3
"""Fewer draws, or texts on one draw, tell nothing about how much others would vary."""


class ScoringSettings(Scoring):
    """Settings of one call of scoring; unknown keys are refused.

    `treatments` names the arms that are ranked; empty, every arm is one whose name is not that of a kind of
    control, nor begins with one and a hyphen. `controls` may say which control arms belong to which
    treatment; a treatment that it does not name is compared with every control of its model and corpus.
    """

    protocol: Literal["held-out", "paper"] = "held-out"
    suite_version: str | None = None
    treatments: tuple[str, ...] = ()
    controls: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    claims: Claims = Claims()

    def is_treatment(self, arm: str) -> bool:
        """Whether runs of `arm` form ranked entries; all other arms are controls."""
        if self.treatments:
            return arm in self.treatments
        return not any(arm == kind or arm.startswith(f"{kind}-") for kind in CONTROLS)

    def controls_of(self, arm: str, present: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `present` (arms of one model and corpus) that are controls of treatment `arm`, sorted."""
        named = self.controls.get(arm)
        return tuple(sorted(a for a in present if not self.is_treatment(a) and (named is None or a in named)))
