"""The section `corpora`: where the texts of a corpus come from."""

from typing import Annotated, Literal

from pydantic import Field

from benchmark.settings.names import HubId, Revision
from benchmark.settings.section import Count, Listed, Section
from benchmark.system.patterns import SHA256


class CorpusSection(Section):
    """The fields of every kind of corpus; without `arms`, all arms run on it."""

    arms: Listed[str] | None = Field(default=None, min_length=1)


MicroPart = Literal["seen", "unseen", "code", "lessons"]


class MicroCorpus(CorpusSection):
    """Texts of the micro world, or program text that it never contains."""

    kind: Literal["micro"]
    part: MicroPart
    texts: Count = 5
    seed: int = Field(ge=0, le=1_000_000, default=0)


class OriginalCorpus(CorpusSection):
    """One of the three corpora that the original study published."""

    kind: Literal["original"]
    name: Literal["github", "pile-cc", "lm_extraction"]
    texts: Count = 100


class FileCorpus(CorpusSection):
    """A text file, a table with a text column, or a folder of texts; `sha256` is that of a submitted file."""

    kind: Literal["file"]
    path: str
    column: str | None = None
    texts: Count | None = None
    sha256: str | None = Field(default=None, pattern=f"^{SHA256}$")


class HubCorpus(CorpusSection):
    """A data set of the Hugging Face Hub; a revision that is not a commit is pinned to one before a stage runs."""

    kind: Literal["hub"]
    id: HubId
    revision: Revision = "main"
    column: str = "text"
    texts: Count | None = None


CorpusSpec = Annotated[MicroCorpus | OriginalCorpus | FileCorpus | HubCorpus, Field(discriminator="kind")]
