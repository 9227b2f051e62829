"""Settings of scoring: the section `scoring`, and what scoring has to know of the track."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field

from benchmark.settings.arm_kinds import CONTROLS, DISTANT, ONE_STEP
from benchmark.settings.arm_specs import Arm
from benchmark.settings.scoring_rules import Claims, Scoring
from benchmark.settings.section import Listed
from benchmark.settings.track_settings import Settings, arms_of

FEWEST_UNITS = 3
"""With fewer draws, or texts on one draw, nothing is known about how much others would vary."""


class ScoringSettings(Scoring):
    """Settings of one call of scoring; unknown keys are refused.

    `treatments` names the arms that are ranked; empty, every arm is one whose name is not that of a kind of
    control, nor begins with one and a hyphen. `controls` may say which control arms belong to which
    treatment, as `of_track` does; a treatment that it does not name, as where samples are scored without settings
    of a track, is compared with every control of its model and corpus. `families` are those of the suite in its
    order, each with its label; families that it does not name follow by name.
    """

    protocol: Literal["held-out", "paper"] = "held-out"
    suite_version: str | None = None
    treatments: Listed[str] = ()
    controls: Mapping[str, Listed[str]] = Field(default_factory=dict)
    families: Mapping[str, str] = Field(default_factory=dict)
    claims: Claims = Claims()

    @classmethod
    def of_track(
        cls,
        settings: Settings,
        suite_version: str | None = None,
        families: Mapping[str, str] | None = None,
    ) -> Self:
        """What scoring has to know of a track: the control arms of a treatment are those with its learning rate.

        A control at another rate moves the weights by another distance, so a difference from it could be due to the
        dose. A control with `of` is one of that arm alone, whose distance it keeps, and a checkpoint has no others. A
        soup has no controls and is no control, since its texts are groups of texts; `lessons` is no control. A declared
        pair is left out if its model is a baseline or unused by its role.
        """
        controls = {
            name: arm for name, arm in settings.arms.items() if arm.is_control and arm.kind not in ONE_STEP
        }
        treatments = {name: arm for name, arm in settings.arms.items() if not arm.is_control}
        rate = settings.learning_rate
        used = settings.used_models
        pairs = {
            model: larger
            for model, larger in settings.claims.pairs.items()
            if model not in settings.models or (model in used and used[model].role != "baseline")
        }
        return cls(
            **settings.scoring.model_dump(),
            protocol=settings.evaluation.protocol,
            suite_version=suite_version,
            treatments=tuple(treatments),
            controls={
                name: tuple(
                    one
                    for one, control in controls.items()
                    if arm.kind != "soup" and (control.of == name or _is_general(control, arm))
                    if rate(one) == rate(name)
                )
                for name, arm in treatments.items()
            },
            families=families or {},
            claims=_claims(settings, pairs),
        )

    def is_treatment(self, arm: str) -> bool:
        """Whether runs of `arm` form ranked entries; all other arms are controls."""
        if self.treatments:
            return arm in self.treatments
        return not any(arm == kind or arm.startswith(f"{kind}-") for kind in CONTROLS)

    def controls_of(self, arm: str, present: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `present` (arms of one model and corpus) that are controls of treatment `arm`, sorted."""
        named = self.controls.get(arm)
        return tuple(sorted(a for a in present if not self.is_treatment(a) and (named is None or a in named)))


def _claims(settings: Settings, pairs: Mapping[str, str]) -> Claims:
    """The claims with these pairs; those about a checkpoint are about its own base, corpus and placebos.

    Placebos that the settings name stay.
    """
    claims = settings.claims
    arm = settings.arms.get(claims.arm)
    if arm is None or arm.kind != "checkpoint":
        return claims.model_copy(update={"pairs": pairs})
    changes: dict[str, object] = {
        "pairs": {model: larger for model, larger in pairs.items() if model == arm.base},
        "corpora": tuple(
            one for one in settings.corpora if claims.arm in arms_of(settings, str(arm.base), one)
        ),
        "not_testable": {"C3": "a checkpoint is trained already and uses no text", **claims.not_testable},
    }
    if "placebos" not in claims.model_fields_set:
        own = (name for name, one in settings.arms.items() if one.of == claims.arm and one.kind in DISTANT)
        changes["placebos"] = tuple(own)
    return claims.model_copy(update=changes)


def _is_general(control: Arm, treatment: Arm) -> bool:
    """Whether a control belongs to every treatment with its learning rate."""
    return control.of is None and treatment.kind != "checkpoint"
