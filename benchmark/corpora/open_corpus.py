"""Opens a corpus: from its entry in the settings to its texts."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.corpora.text_files import hub_texts, original_texts, read_texts
from benchmark.corpora.texts import CorpusText
from benchmark.errors import InputError
from benchmark.settings.corpus_specs import CorpusSpec, HubCorpus, MicroCorpus, OriginalCorpus
from benchmark.system.content_hash import sha256_of


def open_corpus(spec: CorpusSpec, root: Path) -> Sequence[CorpusText]:
    """The texts of a corpus in their order; `root` is the folder that file paths are relative to."""
    if isinstance(spec, MicroCorpus):
        from benchmark.corpora.micro_corpora import micro_corpus

        return micro_corpus(spec.part, spec.texts, spec.seed)
    if isinstance(spec, OriginalCorpus):
        return original_texts(spec.name, limit=spec.texts)
    if isinstance(spec, HubCorpus):
        return hub_texts(spec.id, spec.revision, column=spec.column, limit=spec.texts)
    path = root / spec.path
    if not path.exists():
        if not path.with_name(f"{path.name}.dvc").exists():
            raise InputError(f"{path} does not exist: correct the path of the corpus in the settings")
        raise InputError(f"{path} is not here: `dvc pull {spec.path}.dvc` fetches submitted data")
    if spec.sha256 is not None and sha256_of(path) != spec.sha256:
        raise InputError(
            f"{path} has another sha256 than the settings pin: `dvc checkout` or submit it again"
        )
    return read_texts(path, column=spec.column, limit=spec.texts)
