"""The section `arms`: what is done to a base model, and to which models on which corpora."""

from typing import Any, Literal

from pydantic import Field, model_validator

from benchmark.settings.arm_kinds import SEEDLESS, UNRANKED
from benchmark.settings.section import Section


class Arm(Section):
    """A named preset of what is done to a base model; an unset learning rate is that of `posttrain`."""

    kind: str
    role: Literal["treatment", "control"] | None = None
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    learning_rate: float | None = Field(default=None, ge=0)
    of: str | None = None  # soup: the arm whose selected checkpoints are averaged
    group: int = Field(default=2, ge=2)  # soup: texts per soup
    updates: int = Field(default=600, gt=0, le=100_000)  # lessons: optimiser updates of its one step
    corpora: tuple[str, ...] | None = Field(default=None, min_length=1)  # it runs only on these models
    models: tuple[str, ...] | None = Field(default=None, min_length=1)  # and only on these corpora

    @property
    def is_control(self) -> bool:
        """Whether the arm's entries are reference rows rather than candidates; `role` before the kind."""
        return (self.role or ("control" if self.kind in UNRANKED else "treatment")) == "control"

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that one run depends on, for its key and record; those that choose the runs are left out."""
        unused = set() if self.kind == "lessons" else {"updates"}
        return self.model_dump(mode="json", exclude={"seeds", "corpora", "models", *unused})

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> "Arm":
        if self.of is not None and self.kind != "soup":
            raise ValueError(f"of: '{self.kind}' does not average runs, only a soup does: leave it out")
        if self.learning_rate is not None and self.kind == "soup":
            raise ValueError(f"learning_rate: a soup takes no steps of its own: set it on '{self.of}'")
        if "updates" in self.model_fields_set and self.kind != "lessons":
            raise ValueError(
                f"updates: '{self.kind}' takes posttrain.max_steps steps: leave it out, or use kind 'lessons'"
            )
        if self.kind in SEEDLESS and len(self.seeds) > 1:
            raise ValueError(
                f"seeds {list(self.seeds)}: '{self.kind}' has no random numbers, so every seed would give "
                "the same run: give one seed or none"
            )
        return self
