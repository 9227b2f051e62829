"""The section `arms`: what is done to a base model, and to which models on which corpora."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from benchmark.settings.arm_kinds import DISTANT, FOLLOWERS, SEEDLESS, UNRANKED
from benchmark.settings.arm_places import ATTEMPTS, outside_place, own_module
from benchmark.settings.names import nearest
from benchmark.settings.section import Count, Listed, Section, Seed
from benchmark.system.parameters import keyword_parameters
from benchmark.system.patterns import COMMIT, HUB_ID

UNKNOWN = "unknown_arm_key"
"""The type of the error for a setting that an arm does not have."""


class Arm(Section):
    """A named preset of what is done to a base model; an unset learning rate is that of `posttrain`.

    Settings without a field here are keyword arguments of the arm's generator.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    role: Literal["treatment", "control"] | None = None
    seeds: Listed[Seed] = Field(default=(0,), min_length=1)
    learning_rate: float | None = Field(default=None, ge=0)
    of: str | None = (
        None  # the arm whose runs are averaged (soup), or followed step by step (random, noise, lines)
    )
    group: int = Field(default=2, ge=2)  # soup: texts per soup
    updates: int = Field(default=600, gt=0, le=100_000)  # lessons: optimiser updates of its one step
    corpora: Listed[str] | None = Field(default=None, min_length=1)  # it runs only on these models
    models: Listed[str] | None = Field(default=None, min_length=1)  # and only on these corpora
    texts: Count | None = None  # texts of one run, 1 if it is not set
    path: Listed[str] | None = Field(default=None, min_length=1)  # checkpoint: folders, or owner/name@commit
    base: str | None = None  # checkpoint: the model that it was trained from

    @property
    def is_control(self) -> bool:
        """Whether the arm's entries are reference rows rather than candidates; `role` before the kind."""
        return (self.role or ("control" if self.kind in UNRANKED else "treatment")) == "control"

    @property
    def options(self) -> dict[str, Any]:
        """The settings that go to the arm's generator as keyword arguments."""
        return dict(self.model_extra or {})

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that one run depends on, for its key and record; those that choose the runs are left out."""
        unused = set() if self.kind == "lessons" else {"updates"}
        return self.model_dump(mode="json", exclude={"seeds", "corpora", "models", *unused})

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Fields that only some arms have are left out of the others, whose recipes and keys they must not change."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if key not in _RARE or value is not None}

    @field_validator("path", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> "Arm":
        outside = outside_place(self.kind) is not None
        if self.of is not None and self.kind != "soup" and self.kind not in FOLLOWERS and not outside:
            raise ValueError(
                f"of: '{self.kind}' does not build on other runs, only soup, {', '.join(sorted(FOLLOWERS))} do: "
                "leave it out"
            )
        if self.kind == "soup" and self.of is None:
            raise ValueError("of: a soup averages the runs of another arm: name it")
        if self.learning_rate is not None and (self.kind == "soup" or self.of is not None):
            raise ValueError(f"learning_rate: '{self.kind}' takes no steps of its own: set it on '{self.of}'")
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

    @model_validator(mode="after")
    def _fields_of_a_checkpoint(self) -> "Arm":
        given = {name for name in ("path", "base") if getattr(self, name) is not None}
        if self.kind != "checkpoint":
            if given:
                raise _unknown(sorted(given)[0], self.kind, ())
            return self
        if given != {"path", "base"}:
            raise ValueError(
                "a checkpoint has `path`, a folder or owner/name@<commit>, and `base`, the model that it was "
                "trained from"
            )
        for place in self.path or ():
            if "@" in place and not re.fullmatch(f"{HUB_ID}@{COMMIT}", place):
                raise ValueError(
                    f"path: {place}: a repository of the Hub is owner/name@<40 hex digits of a commit>"
                )
        if self.learning_rate is not None or self.models is not None:
            raise ValueError(
                "learning_rate, models: a checkpoint is trained already, from its `base`: leave them out"
            )
        return self

    @model_validator(mode="after")
    def _options_of_its_kind(self) -> "Arm":
        """Names only, as the source of the module in this package gives them; code from outside is not read here."""
        if outside_place(self.kind) is None:
            known = keyword_parameters(own_module(self.kind), ATTEMPTS)
            for name in self.options if known is not None else ():
                if name not in (known or ()):
                    raise _unknown(name, self.kind, known or ())
        return self


_RARE = ("texts", "path", "base")


def _unknown(name: str, kind: str, known: tuple[str, ...]) -> PydanticCustomError:
    fields = [field for field in Arm.model_fields if field not in ("path", "base") or kind == "checkpoint"]
    said = f"unknown key{nearest(name, [*known, *fields])}"
    return PydanticCustomError(UNKNOWN, "{said}", {"key": name, "said": said})


def with_placebos(arms: Mapping[str, Any]) -> dict[str, Any]:
    """Plain settings of arms, with a `random` and a `noise` for each checkpoint where none is declared."""
    found = dict(arms)
    for name, arm in arms.items():
        if not isinstance(arm, Mapping) or arm.get("kind") != "checkpoint":
            continue
        there = {
            other.get("kind")
            for other in arms.values()
            if isinstance(other, Mapping) and other.get("of") == name
        }
        for kind in DISTANT:
            if kind not in there:
                found.setdefault(f"{name}-{kind}", {"kind": kind, "of": name})
    return found
