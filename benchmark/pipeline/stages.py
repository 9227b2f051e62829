"""The stages `corpus`, `model`, `base`, `posttrain`, `score`: functions of one settings file and a name."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.errors import InputError, naming_source
from benchmark.schema.stored_columns import NO_ARM, SAMPLES, TEXTS
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.params import (
    FolderModel,
    HubModel,
    MicroModel,
    ModelSpec,
    Settings,
    arms_of,
    load_settings,
)
from benchmark.store.track_paths import Layout, known
from benchmark.system.content_hash import digest
from benchmark.system.files import whole_folder, write_json, write_json_lines, write_parquet


@contextmanager
def opened(params: Path, stage: str) -> Iterator[tuple[Settings, Layout]]:
    """Settings and folders of a track; the stage's wall time goes to the work folder, not to any out."""
    settings = load_settings(params)
    begin(settings.execution)
    layout = Layout.of(params, settings)
    started = time.time()
    yield settings, layout
    timing = layout.work / "timing" / layout.track / f"{stage}.json"
    write_json(timing, {"stage": stage, "wall_seconds": round(time.time() - started, 3)})


def corpus(params: Path, name: str) -> None:
    """Read or make a corpus: `texts.parquet` and `corpus.json` with its fingerprint."""
    from benchmark.corpora.open_corpus import open_corpus

    with opened(params, f"corpus@{name}") as (settings, layout):
        spec = settings.corpora[known(name, settings.corpora, "corpus", params)]
        texts = open_corpus(spec, layout.root)
        table = pa.table(
            [
                pa.array([name] * len(texts)),
                pa.array([text.index for text in texts], pa.int64()),
                pa.array([text.text_id for text in texts]),
                pa.array([text.text for text in texts]),
            ],
            schema=TEXTS,
        )
        facts = {
            "corpus": name,
            "texts": len(texts),
            "characters": sum(len(text.text) for text in texts),
            "fingerprint": digest([text.text for text in texts]),
        }
        with whole_folder(layout.corpus(name)) as folder:
            write_parquet(folder / "texts.parquet", table)
            write_json(folder / "corpus.json", facts)


def model(params: Path, name: str) -> None:
    """Train, fetch or copy a model's draws into folders of safetensors, and note their digests and size."""
    with opened(params, f"model@{name}") as (settings, layout):
        from benchmark.models.opt import load_opt, weights_sha256
        from benchmark.models.tokenizer import Tokenizer

        spec = settings.models[known(name, settings.models, "model", params)]
        sizes: list[int] = []
        digests: list[str] = []
        with whole_folder(layout.model(name)) as folder:
            for draw in range(spec.trained_draws):
                place = folder / str(draw)
                place.mkdir()
                _MODEL_KINDS[spec.kind](spec.drawn(draw), settings, layout, place, name, draw)
                origin = _origin(spec.drawn(draw), layout, name, draw)
                with naming_source(origin, place):
                    loaded = load_opt(place)
                    Tokenizer.from_folder(place).rows_of(loaded.config.vocab_size, place)
                sizes.append(loaded.parameters_count())
                digests.append(weights_sha256(loaded.params))
                _check_draw(name, origin, sizes, digests)
            facts = {"model": name, "kind": spec.kind, "parameters": sizes[0], "weights_sha256": digests}
            write_json(folder / "model.json", facts)


def _check_draw(name: str, origin: str, sizes: Sequence[int], digests: Sequence[str]) -> None:
    """Refuse a last draw of another size than the first, or with the weights of an earlier one."""
    draw = len(sizes) - 1
    if sizes[draw] != sizes[0]:
        raise InputError(
            f"models.{name}, draw {draw}: {origin} has {sizes[draw]} parameters and draw 0 has {sizes[0]}: "
            "draws are pretraining runs of one rung"
        )
    if digests[draw] in digests[:draw]:
        raise InputError(
            f"models.{name}, draw {draw}: {origin} has the weights of draw {digests.index(digests[draw])}: "
            "name another pretraining run"
        )


def _origin(spec: ModelSpec, layout: Layout, name: str, draw: int) -> str:
    """What a person knows a draw by: its folder, its repository, or the stage's out."""
    if isinstance(spec, HubModel):
        return f"{spec.id}@{spec.revision}"
    return str(layout.root / spec.path if isinstance(spec, FolderModel) else layout.draw(name, draw))


def _train_micro(
    spec: MicroModel, settings: Settings, layout: Layout, folder: Path, name: str, draw: int
) -> None:
    from benchmark.draws.micro_draws import place_trained

    place_trained(settings, layout, name, draw, folder)


def _fetch_hub(
    spec: HubModel, settings: Settings, layout: Layout, folder: Path, name: str, draw: int
) -> None:
    from benchmark.models.from_hub import fetch

    fetch(spec.id, spec.revision, folder, allow_pickle_weights=spec.allow_pickle_weights)


MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)


def _copy_folder(
    spec: FolderModel, settings: Settings, layout: Layout, folder: Path, name: str, draw: int
) -> None:
    from benchmark.untrusted.safe_files import kind_of, sha256_of_data

    source = layout.root / spec.path
    if not source.is_dir():
        raise InputError(f"models.{name}.path: no folder {source}: `dvc pull` it or name an existing one")
    if spec.sha256 is not None and sha256_of_data(source) != spec.sha256:
        raise InputError(f"models.{name}: {source} is not what was submitted: `dvc checkout` it")
    for file in sorted(source.iterdir()):
        if (file.name in MODEL_FILES or file.suffix == ".safetensors") and kind_of(file) == "file":
            # A link that DVC made leads into its cache, which may be emptied: the out holds the content.
            shutil.copyfile(file, folder / file.name)


_MODEL_KINDS: dict[str, Callable[[Any, Settings, Layout, Path, str, int], None]] = {
    "micro": _train_micro,
    "hub": _fetch_hub,
    "folder": _copy_folder,
}


def base(params: Path, name: str) -> None:
    """Score the draws of an unmodified model, on more documents than its runs are scored on.

    In `base.json` facts that depend on the draw are lists by draw.
    """
    from benchmark.arithmetic.mode import name as arithmetic_name
    from benchmark.draws.base_scores import base_scores
    from benchmark.posttrain.base_model import torch_device
    from benchmark.tasks.suite_of_track import suite_of

    with opened(params, f"base@{name}") as (settings, layout):
        spec = settings.models[known(name, settings.models, "model", params)]
        suite = suite_of(settings.evaluation, documents=settings.evaluation.base_documents)
        folders = [(draw, layout.draw(name, draw)) for draw in range(spec.trained_draws)]
        scores = base_scores(settings, name, folders, suite)
        facts = {
            "model": name,
            "parameters": scores[0].record["parameters"],
            "model_digest": [one.record["model_digest"] for one in scores],
            "suite": suite.name,
            "suite_version": suite.version,
            "documents": suite.digest,
            "arithmetic": arithmetic_name(torch_device(settings.execution)),
            "plan": [one.record["plan"] for one in scores],
            "metrics": [one.record["metrics"] for one in scores],
            "averages": [one.record["averages"] for one in scores],
            "tasks": {
                task.name: {"family": task.family, "metric": task.metric, "chance": task.chance}
                for task in suite.tasks
            },
        }
        with whole_folder(layout.cell(name, NO_ARM)) as folder:
            write_parquet(folder / "samples.parquet", pa.concat_tables([one.samples for one in scores]))
            write_json(folder / "base.json", facts)


def posttrain(params: Path, model_name: str, corpus_name: str) -> None:
    """All runs of one model on one corpus; a model that is a baseline only, or that no arm runs on, has none."""
    with opened(params, f"posttrain@{model_name}-{corpus_name}") as (settings, layout):
        known(model_name, settings.models, "model", params)
        known(corpus_name, settings.corpora, "corpus", params)
        out = layout.cell(model_name, corpus_name)
        if settings.models[model_name].role == "baseline" or not arms_of(settings, model_name, corpus_name):
            with whole_folder(out) as folder:
                write_parquet(folder / "samples.parquet", SAMPLES.empty_table())
                write_json_lines(folder / "runs.jsonl", [])
                write_json(folder / "cell.json", {"keys": []})
            return
        _posttrain(settings, layout, model_name, corpus_name)


def _posttrain(settings: Settings, layout: Layout, model_name: str, corpus_name: str) -> None:
    from benchmark.posttrain.base_draws import load_bases
    from benchmark.posttrain.checkpoints import keep_cell
    from benchmark.posttrain.run_cache import Journal
    from benchmark.posttrain.run_group import write_cell
    from benchmark.tasks.suite_of_track import suite_of

    evaluation = settings.evaluation
    suite = suite_of(evaluation, documents=evaluation.documents)
    draws = range(settings.models[model_name].trained_draws)
    folders = [(draw, layout.draw(model_name, draw)) for draw in draws]
    texts = stored_texts(layout.corpus(corpus_name))
    journal = Journal(layout.work / "journal")
    cell = layout.cell(model_name, corpus_name)
    # A draw that no text falls on is not needed here.
    bases = load_bases(model_name, folders[: max(1, len(texts))], suite, evaluation, settings.execution)
    write_cell(settings, bases, corpus_name, texts, cell, journal)
    keep_cell(settings, bases, corpus_name, texts, cell)


def stored_texts(folder: Path) -> "list[StoredText]":
    """The texts that the stage `corpus` wrote."""
    rows = pq.read_table(folder / "texts.parquet").to_pylist()
    return [StoredText(row["index"], row["text_id"], row["text"]) for row in rows]


class StoredText:
    """A text as the stage `corpus` wrote it."""

    def __init__(self, index: int, text_id: str, text: str) -> None:
        self.index, self.text_id, self.text = index, text_id, text


def score(params: Path) -> None:
    """Compare every entry with its base, controls and larger rungs; writes `results/<track>/`."""
    from benchmark.pipeline.score_stage import write_track_results

    with opened(params, "score") as (settings, layout):
        write_track_results(settings, layout)
    from benchmark.store.provenance import write_provenance

    write_provenance(settings, layout)
