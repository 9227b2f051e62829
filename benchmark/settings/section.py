"""What every section of `params.yaml` has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
