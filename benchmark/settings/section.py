"""What every section of `params.yaml` has in common, and the types of numbers and lists in them."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Item = TypeVar("Item")


def _distinct(values: tuple[Item, ...]) -> tuple[Item, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} is named twice: leave one out")
    return values


Listed = Annotated[tuple[Item, ...], Field(strict=False), AfterValidator(_distinct)]
"""Values without repeats; YAML has lists only, which strict validation does not accept as tuples."""
Count = Annotated[int, Field(gt=0, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What a column of run records and a random generator can take."""


class Section(BaseModel):
    """A section of the settings: an unknown key, a value of another type and a number that is not finite are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
