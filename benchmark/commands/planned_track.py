"""What is known of a track's models and corpora before anything has run: shapes, tokenizer, numbers of texts."""

import json
from pathlib import Path

from benchmark.commands.known_shapes import KNOWN, PlannedShape, opt_model, other_model
from benchmark.corpora.open_corpus import open_corpus
from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import read_model_config
from benchmark.models.model_folders import is_native, shape_of
from benchmark.models.tokenizer import Tokenizer
from benchmark.public_data.public_files import locate
from benchmark.settings.corpus_specs import CorpusSpec
from benchmark.settings.model_specs import HubModel, MicroModel, ModelSpec
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths


def model_shape(name: str, spec: ModelSpec, layout: TrackPaths) -> PlannedShape:
    """The shape of a model: from its folder if there is one, from its settings, or that of a known published model.

    Raises:
        InputError: none of these is at hand.
    """
    folder = layout.draw(name, 0)
    if (folder / "config.json").is_file():
        return _shape_of_folder(folder)
    if isinstance(spec, MicroModel):
        from benchmark.models.micro_training import rung_config

        return opt_model(rung_config(spec))
    if isinstance(spec, HubModel) and spec.id in KNOWN:
        return KNOWN[spec.id]
    raise InputError(
        f"models.{name}: its shape is not known before it is fetched: `dvc repro` its model stage"
    )


def _shape_of_folder(folder: Path) -> PlannedShape:
    if is_native(folder):
        return opt_model(shape_of(folder))
    from benchmark.models.any_architecture.declared import declared_model

    declared = declared_model(read_model_config(folder))
    return other_model(
        rows=declared.vocab_size,
        hidden=declared.hidden_size,
        layers=declared.num_hidden_layers,
        positions=declared.max_position_embeddings,
        parameters=declared.parameters,
        tied=bool(declared.tied),
    )


def text_count(name: str, spec: CorpusSpec, layout: TrackPaths) -> int:
    """Texts of a corpus: as in the settings, as its stage has counted, or as in its source."""
    if spec.texts is not None:
        return spec.texts
    facts = layout.corpus(name) / "corpus.json"
    if facts.is_file():
        return int(json.loads(facts.read_text(encoding="utf-8"))["texts"])
    return len(open_corpus(spec, layout.root))


def track_tokenizer(settings: Settings, layout: TrackPaths) -> Tokenizer:
    """A tokenizer of the track's models: from the folder of one of them, or OPT's from the data."""
    for name in settings.models:
        folder = layout.draw(name, 0)
        if (folder / "config.json").is_file():
            return Tokenizer.from_folder(folder)
    if any(isinstance(spec, MicroModel) for spec in settings.models.values()):
        from benchmark.models.micro_training import micro_tokenizer

        return micro_tokenizer(layout.work / "cache")
    vocabulary, merges = locate("tokenizer/opt/gpt2-vocab.json"), locate("tokenizer/opt/gpt2-merges.txt")
    return Tokenizer.from_files(vocabulary, merges)
