"""`gapbench plan`: what a track will cost before it starts, and what its comparisons can detect."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmark.commands.planned_power import print_power, texts_of_an_entry
from benchmark.corpora.open_corpus import open_corpus
from benchmark.errors import InputError
from benchmark.evaluation.prepare import Prepared, prepare
from benchmark.models.opt import POSITIONS, OptConfig, read_config
from benchmark.models.shapes import SHAPES
from benchmark.models.tensor_names import EMBEDDING
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.arms.lessons import BATCH
from benchmark.public_data.public_files import locate
from benchmark.settings.corpus_specs import CorpusSpec
from benchmark.settings.model_specs import HubModel, MicroModel, ModelSpec
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks, open_track
from benchmark.tasks.suite_of_track import suite_of

FORWARD = 2
BACKWARD = 4
GRADIENT = FORWARD + BACKWARD
"""FLOPs a parameter and position: a multiply-add forward, two backward (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True)
class Cost:
    """What one model of a track costs.

    Attributes:
        passes: evaluations of all documents; `positions` pushed in all of them together.
        training: FLOPs of making the model, where it is trained here.
        posttraining: FLOPs of the optimiser steps of its runs, at most: texts may be shorter than they may be.
        evaluation: FLOPs of all passes.
        bytes: peak memory of a run: weights, their start, the last step's, gradients, Adam's two moments,
            and what a pass holds beside them.
    """

    model: str
    parameters: int
    passes: int
    positions: int
    training: float
    posttraining: float
    evaluation: float
    bytes: int

    @property
    def flops(self) -> float:
        """All of them."""
        return self.training + self.posttraining + self.evaluation


def plan(
    root: Path, track: str, rate: float | None, overrides: Sequence[str] = (), *, power_only: bool = False
) -> None:
    """Print cost and power of a track; `power_only` leaves the cost out.

    Raises:
        InputError: no such track, or the data that counting needs is not at hand.
    """
    settings, layout = open_track(_params_of(root, track), overrides)
    if power_only:
        _print_power(settings, layout)
        return
    measured = rate is None
    rate = measured_rate() if rate is None else rate
    if rate <= 0:
        raise InputError(f"--rate {rate}: give the FLOP/s that the machine sustains, such as 2e14")
    costs = [cost(name, spec, settings, layout) for name, spec in settings.models.items()]
    counts = f"{len(settings.models)} models, {len(settings.corpora)} corpora, {len(settings.arms)} arms"
    print(f"track {track}: {counts}")
    print(f"rate: {rate:.3g} FLOP/s, {'measured here on one thread' if measured else 'as given'}")
    print("FLOPs of making a model, of the steps of its runs, and of all passes over the documents")
    heads = f"{'model':12} {'parameters':>13} {'passes':>7} {'positions':>13}"
    print(f"{heads} {'training':>9} {'runs':>9} {'passes':>9} {'memory':>9} {'hours':>8}")
    for one in costs:
        memory = f"{one.bytes / 2**30:.2f} GiB"
        hours = one.flops / rate / 3600
        row = f"{one.model:12} {one.parameters:>13,} {one.passes:>7} {one.positions:>13,}"
        flops = f"{one.training:>9.3g} {one.posttraining:>9.3g} {one.evaluation:>9.3g}"
        print(f"{row} {flops} {memory:>9} {hours:>8.3g}")
    total = sum(one.flops for one in costs)
    pushed = sum(one.positions for one in costs)
    print(f"in all: {pushed:.4g} positions, {total:.4g} FLOPs, {total / rate / 3600:.3g} hours at that rate")
    _print_power(settings, layout)


def _print_power(settings: Settings, layout: TrackPaths) -> None:
    sizes = {name: parameters_of(model_shape(name, spec, layout)) for name, spec in settings.models.items()}
    texts = [text_count(name, spec, layout) for name, spec in settings.corpora.items()]
    print_power(settings, layout, sizes, texts_of_an_entry(texts))


def parameters_of(config: OptConfig) -> int:
    """Distinct parameters of a model of this shape."""
    return sum(int(np.prod(shape)) for shape in config.shapes().values())


def _params_of(root: Path, track: str) -> Path:
    tracks = {settings.track.name: path for path, settings in all_tracks(root).items()}
    if track not in tracks:
        raise InputError(f"--track {track}: no such track; known: {', '.join(sorted(tracks))}")
    return tracks[track]


def measured_rate() -> float:
    """FLOP/s of one thread on a product of the size that a batch of a small model has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left, right = torch.randn(4096, 128), torch.randn(128, 512)
    left @ right
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < 0.5:
        left @ right
        count += 1
    seconds = time.perf_counter() - started
    torch.set_num_threads(threads)
    return 2.0 * 4096 * 128 * 512 * count / seconds


def cost(name: str, spec: ModelSpec, settings: Settings, layout: TrackPaths) -> Cost:
    """The cost of one model: its draws, their base evaluations, and its runs where it is treated."""
    config = model_shape(name, spec, layout)
    tokenizer = track_tokenizer(settings, layout)
    evaluation = settings.evaluation

    def prepared(documents: int | None) -> Prepared:
        suite = suite_of(evaluation, documents=documents)
        positions = config.max_position_embeddings
        length = min(evaluation.max_length, positions)
        return prepare(
            suite, tokenizer, max_length=length, positions=positions, batch_tokens=evaluation.batch_tokens
        )

    whole, documents = prepared(evaluation.base_documents), prepared(evaluation.documents)
    work = work_of(settings, layout, name) if spec.role != "baseline" else Work(0, 0)
    draws = spec.trained_draws
    cells = draws * len(settings.corpora) if work.passes else 0
    sizes = {name: int(np.prod(shape)) for name, shape in config.shapes().items()}
    # Positions are looked up, never multiplied; so is the embedding but at the scored ones.
    multiplied = sum(sizes.values()) - sizes[POSITIONS]
    pushed = draws * whole.positions_pushed + (work.passes + cells) * documents.positions_pushed
    tokens = min(evaluation.max_length, config.max_position_embeddings)
    return Cost(
        model=name,
        parameters=sum(sizes.values()),
        passes=draws + cells + work.passes,
        positions=pushed,
        training=float(draws * GRADIENT * multiplied * spec.tokens) if isinstance(spec, MicroModel) else 0.0,
        posttraining=float(GRADIENT * multiplied * (tokens * work.steps + work.lesson_tokens)),
        evaluation=float(FORWARD * (multiplied - sizes[EMBEDDING]) * pushed),
        bytes=(6 if work.passes else 1) * 4 * sum(sizes.values())
        + max(whole.peak_bytes(config), documents.peak_bytes(config)),
    )


@dataclass(frozen=True)
class Work:
    """What a treated model's runs come to: optimiser steps, and passes over all documents.

    `lesson_tokens` are those of the updates of `lessons`, at most; its updates are no `steps`.
    """

    steps: int
    passes: int
    lesson_tokens: int = 0


def work_of(settings: Settings, layout: TrackPaths, model: str) -> Work:
    """The work of all runs of one treated model; a soup repeats the runs that it averages and is scored once."""
    most = settings.posttrain.max_steps
    evaluation = settings.evaluation
    named = None if evaluation.protocol == "paper" else evaluation.steps
    scored = [step for step in named or range(1, most + 1) if step <= most]
    runs = once = averaged = tokens = 0
    for corpus, spec in settings.corpora.items():
        texts = text_count(corpus, spec, layout)
        for arm in arms_of(settings, model, corpus).values():
            if arm.kind == "soup":
                once += texts // arm.group
                averaged += texts // arm.group * arm.group
            elif arm.kind == "lessons":
                once += texts * len(arm.seeds)
                tokens += texts * len(arm.seeds) * arm.updates * BATCH
            else:
                runs += texts * len(arm.seeds)
    return Work((runs + averaged) * most, runs * len(scored) + once, tokens)


def text_count(name: str, spec: CorpusSpec, layout: TrackPaths) -> int:
    """Texts of a corpus: as the settings say, else as its stage found, else as its source has."""
    if spec.texts is not None:
        return spec.texts
    facts = layout.corpus(name) / "corpus.json"
    if facts.is_file():
        return int(json.loads(facts.read_text(encoding="utf-8"))["texts"])
    return len(open_corpus(spec, layout.root))


def model_shape(name: str, spec: ModelSpec, layout: TrackPaths) -> OptConfig:
    """The shape of a model: from its folder where it is there, else its settings or the known OPT sizes."""
    folder = layout.draw(name, 0)
    if (folder / "config.json").is_file():
        return read_config(folder / "config.json")
    if isinstance(spec, MicroModel):
        from benchmark.models.micro_training import rung_config

        return rung_config(spec)
    if isinstance(spec, HubModel) and spec.id in SHAPES:
        return SHAPES[spec.id]
    raise InputError(
        f"models.{name}: its shape is not known before it is fetched: `dvc repro` its model stage"
    )


def track_tokenizer(settings: Settings, layout: TrackPaths) -> Tokenizer:
    """A tokenizer of the track's models: from a folder that is there, else OPT's from the data."""
    for name in settings.models:
        folder = layout.draw(name, 0)
        if (folder / "config.json").is_file():
            return Tokenizer.from_folder(folder)
    if any(isinstance(spec, MicroModel) for spec in settings.models.values()):
        from benchmark.models.micro_training import micro_tokenizer

        return micro_tokenizer(layout.work / "cache")
    vocabulary, merges = locate("tokenizer/opt/gpt2-vocab.json"), locate("tokenizer/opt/gpt2-merges.txt")
    return Tokenizer.from_files(vocabulary, merges)
