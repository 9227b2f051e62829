"""The repositories of the Hub that a track names, and which of them are not pinned to a commit yet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import InputError
from benchmark.settings.corpus_specs import HubCorpus
from benchmark.settings.model_specs import HubModel
from benchmark.settings.track_settings import Settings
from benchmark.system.patterns import COMMIT


@dataclass(frozen=True)
class HubReference:
    """A place in a settings file that names a repository of the Hub.

    Attributes:
        path: keys and list positions from the top of the file to the mapping that holds `id` and `revision`.
        revision: a commit, or a branch or tag where it is not pinned.
    """

    path: tuple[str | int, ...]
    kind: Literal["model", "dataset"]
    id: str
    revision: str

    @property
    def where(self) -> str:
        """The path as a message shows it, such as `models.pythia-14m.draws.0`."""
        return ".".join(map(str, self.path))

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit."""
        return re.fullmatch(COMMIT, self.revision) is not None


def hub_references(settings: Settings) -> Iterator[HubReference]:
    """Every repository of the Hub that the used models and the corpora of a track name, in the file's order."""
    for name, model in settings.used_models.items():
        if isinstance(model, HubModel):
            yield HubReference(("models", name), "model", model.id, model.revision)
            for number, draw in enumerate(model.draws):
                yield HubReference(("models", name, "draws", number), "model", draw.id, draw.revision)
    for name, corpus in settings.corpora.items():
        if isinstance(corpus, HubCorpus):
            yield HubReference(("corpora", name), "dataset", corpus.id, corpus.revision)


def refuse_unpinned(settings: Settings, params: Path) -> None:
    """Raise InputError where a revision is a branch or tag, which can move: nothing runs before it is pinned."""
    for reference in hub_references(settings):
        if not reference.is_pinned:
            raise InputError(
                f"{params}: {reference.where}.revision: {reference.id}@{reference.revision} is not pinned to a "
                f"commit: run `gapbench track pin --params {params}` first"
            )
