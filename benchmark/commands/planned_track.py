"""What is known of a track's models and corpora before anything has run: shapes, tokenizer, numbers of texts."""

import json

import numpy as np

from benchmark.corpora.open_corpus import open_corpus
from benchmark.errors import InputError
from benchmark.models.model_folders import shape_of
from benchmark.models.opt import OptConfig
from benchmark.models.shapes import SHAPES
from benchmark.models.tokenizer import Tokenizer
from benchmark.public_data.public_files import locate
from benchmark.settings.corpus_specs import CorpusSpec
from benchmark.settings.model_specs import HubModel, MicroModel, ModelSpec
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths


def model_shape(name: str, spec: ModelSpec, layout: TrackPaths) -> OptConfig:
    """The shape of a model: from its folder if there is one, from its settings, or from the known OPT sizes.

    For a model of another architecture it is that of an OPT model with as many parameters and layers, as wide.
    """
    folder = layout.draw(name, 0)
    if (folder / "config.json").is_file():
        return shape_of(folder)
    if isinstance(spec, MicroModel):
        from benchmark.models.micro_training import rung_config

        return rung_config(spec)
    if isinstance(spec, HubModel) and spec.id in SHAPES:
        return SHAPES[spec.id]
    raise InputError(
        f"models.{name}: its shape is not known before it is fetched: `dvc repro` its model stage"
    )


def parameters_of(config: OptConfig) -> int:
    """Distinct parameters of a model of this shape."""
    return sum(int(np.prod(shape)) for shape in config.shapes().values())


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
