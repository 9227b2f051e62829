"""From a corpus's entry in the settings to its texts."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmark.corpora.texts import Text, hub_texts, original_texts, read_texts
from benchmark.errors import InputError
from benchmark.settings.params import CorpusSpec, FileCorpus, HubCorpus, MicroCorpus, OriginalCorpus
from benchmark.system.content_hash import sha256_of


def open_corpus(spec: CorpusSpec, root: Path) -> Sequence[Text]:
    """The texts of a corpus in their order; `root` is the folder that a file's path starts from."""
    return _KINDS[spec.kind](spec, root)


def _micro(spec: MicroCorpus, root: Path) -> Sequence[Text]:
    from benchmark.corpora.micro_corpora import micro_corpus

    return micro_corpus(spec.part, spec.texts, spec.seed)


def _file(spec: FileCorpus, root: Path) -> Sequence[Text]:
    path = root / spec.path
    if not path.exists():
        raise InputError(f"{path} is not here: `dvc pull {spec.path}.dvc` fetches submitted data")
    if spec.sha256 is not None and sha256_of(path) != spec.sha256:
        raise InputError(
            f"{path} has another sha256 than the settings pin: `dvc checkout` or submit it again"
        )
    return read_texts(path, column=spec.column, limit=spec.texts)


def _original(spec: OriginalCorpus, root: Path) -> Sequence[Text]:
    return original_texts(spec.name, limit=spec.texts)


def _hub(spec: HubCorpus, root: Path) -> Sequence[Text]:
    return hub_texts(spec.id, spec.revision, column=spec.column, limit=spec.texts)


_KINDS: dict[str, Callable[[Any, Path], Sequence[Text]]] = {
    "micro": _micro,
    "file": _file,
    "original": _original,
    "hub": _hub,
}
