"""The stages `corpus`, `model`, `base`, `posttrain`, `score`: functions of a settings file and names from it."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from benchmark.errors import InputError, naming_source
from benchmark.schema.stored_columns import NO_ARM, SAMPLES
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.model_specs import FolderModel, GgufModel, HubModel, MicroModel
from benchmark.settings.pins import refuse_unpinned
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import known, open_track
from benchmark.system.files import whole_folder, write_json, write_json_lines, write_parquet


@contextmanager
def opened(params: Path, stage: str) -> Iterator[tuple[Settings, TrackPaths]]:
    """Settings and folders of a track; the stage's wall time goes to the work folder, not to an output.

    A track with a revision that is not pinned to a commit is refused.
    """
    settings, paths = open_track(params)
    refuse_unpinned(settings, params)
    begin(settings.execution)
    started = time.time()
    yield settings, paths
    timing = paths.work / "timing" / paths.track / f"{stage}.json"
    write_json(timing, {"stage": stage, "wall_seconds": round(time.time() - started, 3)})


def corpus(params: Path, name: str) -> None:
    """Read or make a corpus: `texts.parquet` and `corpus.json` with its fingerprint."""
    from benchmark.corpora.open_corpus import open_corpus
    from benchmark.corpora.texts import fingerprint, text_table

    with opened(params, f"corpus@{name}") as (settings, paths):
        spec = settings.corpora[known(name, settings.corpora, "corpus", params)]
        texts = open_corpus(spec, paths.root)
        table = text_table({name: texts})
        facts = {
            "corpus": name,
            "texts": len(texts),
            "characters": sum(len(text.text) for text in texts),
            "fingerprint": fingerprint(text.text for text in texts),
        }
        with whole_folder(paths.corpus(name)) as folder:
            write_parquet(folder / "texts.parquet", table)
            write_json(folder / "corpus.json", facts)


def model(params: Path, name: str) -> None:
    """Train, fetch or copy a model's draws into folders of safetensors, and note their digests and size."""
    with opened(params, f"model@{name}") as (settings, paths):
        from benchmark.models.model_folders import load_model
        from benchmark.models.tokenizer import Tokenizer
        from benchmark.models.weights import weights_sha256

        spec = settings.models[known(name, settings.models, "model", params)]
        if spec.role == "unused":
            with whole_folder(paths.model(name)) as folder:
                write_json(folder / "unused.json", {"model": name})
            return
        sizes: list[int] = []
        digests: list[str] = []
        with whole_folder(paths.model(name)) as folder:
            for draw in range(spec.trained_draws):
                place = folder / str(draw)
                place.mkdir()
                origin = _place_draw(settings, paths, name, draw, place)
                with naming_source(origin, place):
                    loaded = load_model(place)
                    Tokenizer.from_folder(place).rows_of(loaded.config.vocab_size, place)
                sizes.append(loaded.parameters_count())
                digests.append(weights_sha256(loaded.params))
                _check_draw(name, origin, sizes, digests)
            facts = {"model": name, "kind": spec.kind, "parameters": sizes[0], "weights_sha256": digests}
            write_json(folder / "model.json", facts)


def _check_draw(name: str, origin: str, sizes: Sequence[int], digests: Sequence[str]) -> None:
    """Refuse the last draw if its size differs from the first, or if it has the weights of an earlier one."""
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


def _place_draw(settings: Settings, paths: TrackPaths, name: str, draw: int, folder: Path) -> str:
    """Train, fetch or copy a draw into `folder`; return its name for messages: a repository, a folder or the output."""
    spec = settings.models[name].drawn(draw)
    if isinstance(spec, MicroModel):
        from benchmark.draws.micro_draws import place_trained

        place_trained(settings, paths, name, draw, folder)
        return str(paths.draw(name, draw))
    if isinstance(spec, HubModel):
        from benchmark.models.from_hub import fetch

        fetch(spec.id, spec.revision, folder, allow_pickle_weights=spec.allow_pickle_weights)
        return f"{spec.id}@{spec.revision}"
    if isinstance(spec, GgufModel):
        return _place_gguf(spec, paths.root, folder, name)
    _copy_folder(spec, paths.root / spec.path, folder, name)
    return str(paths.root / spec.path)


def _place_gguf(spec: GgufModel, root: Path, folder: Path, name: str) -> str:
    from benchmark.models.any_architecture.from_gguf import convert, file_of_package
    from benchmark.system.content_hash import sha256_of

    if spec.package is not None and spec.file is not None:
        convert(file_of_package(spec.package, spec.file, spec.sha256), folder)
        return f"{spec.file} of {spec.package}"
    file = root / str(spec.path)
    if not file.is_file():
        raise InputError(f"models.{name}.path: no file {file}: name an existing one")
    if (found := sha256_of(file)) != spec.sha256:
        raise InputError(
            f"models.{name}: {file} has sha256 {found}, the settings say {spec.sha256}: check both"
        )
    convert(file, folder)
    return str(file)


def _copy_folder(spec: FolderModel, source: Path, folder: Path, name: str) -> None:
    from benchmark.models.any_architecture.config_file import refuse_adapter
    from benchmark.models.from_hub import TOKENIZER_FILES
    from benchmark.models.tensor_names import INDEX
    from benchmark.untrusted.safe_files import kind_of, sha256_of_data

    if not source.is_dir():
        raise InputError(f"models.{name}.path: no folder {source}: `dvc pull` it or name an existing one")
    if spec.sha256 is not None and sha256_of_data(source) != spec.sha256:
        raise InputError(f"models.{name}: {source} is not what was submitted: `dvc checkout` it")
    refuse_adapter((file.name for file in source.iterdir()), str(source))
    taken = ("config.json", INDEX, *TOKENIZER_FILES)
    for file in sorted(source.iterdir()):
        if (file.name in taken or file.suffix == ".safetensors") and kind_of(file) == "file":
            # A link that DVC made leads into its cache, which may be emptied, so the output gets the content.
            shutil.copyfile(file, folder / file.name)


def base(params: Path, name: str) -> None:
    """Score the draws of an unmodified model, on more documents than its runs are scored on.

    In `base.json`, facts that depend on the draw are lists, one value per draw.
    """
    from benchmark.draws.base_scores import base_scores
    from benchmark.tasks.suite_of_track import suite_of

    with opened(params, f"base@{name}") as (settings, paths):
        spec = settings.models[known(name, settings.models, "model", params)]
        if spec.role == "unused":
            with whole_folder(paths.run_group(name, NO_ARM)) as folder:
                write_parquet(folder / "samples.parquet", SAMPLES.empty_table())
            return
        suite = suite_of(settings.evaluation, documents=settings.evaluation.base_documents, root=paths.root)
        folders = [(draw, paths.draw(name, draw)) for draw in range(spec.trained_draws)]
        scores = base_scores(settings, name, folders, suite)
        facts = {
            "model": name,
            "parameters": scores[0].record.parameters,
            "model_digest": [one.record.model_digest for one in scores],
            "suite": suite.name,
            "suite_version": suite.version,
            "documents": suite.digest,
            "arithmetic": scores[0].record.arithmetic,
            "plan": [one.record.plan for one in scores],
            "metrics": [one.record.metrics for one in scores],
            "averages": [one.record.averages for one in scores],
            "tasks": {task.name: task.facts() for task in suite.tasks},
        }
        if scores[0].record.groups is not None:
            facts["groups"] = [one.record.groups for one in scores]
        if scores[0].record.scored_as is not None:
            facts["scored_as"] = scores[0].record.scored_as
        with whole_folder(paths.run_group(name, NO_ARM)) as folder:
            write_parquet(folder / "samples.parquet", pa.concat_tables([one.samples for one in scores]))
            write_json(folder / "base.json", facts)


def posttrain(params: Path, model_name: str, corpus_name: str) -> None:
    """Do all runs of one model on one corpus; an untreated model, or one that no arm runs on, has none."""
    with opened(params, f"posttrain@{model_name}-{corpus_name}") as (settings, paths):
        known(model_name, settings.models, "model", params)
        known(corpus_name, settings.corpora, "corpus", params)
        group = paths.run_group(model_name, corpus_name)
        untreated = settings.models[model_name].role in ("baseline", "unused")
        if untreated or not arms_of(settings, model_name, corpus_name):
            with whole_folder(group) as folder:
                write_parquet(folder / "samples.parquet", SAMPLES.empty_table())
                write_json_lines(folder / "runs.jsonl", [])
                write_json(folder / "cell.json", {"keys": []})
            return
        from benchmark.corpora.texts import stored_texts
        from benchmark.posttrain.arms import copies_of
        from benchmark.posttrain.base_draws import load_bases
        from benchmark.posttrain.checkpoints import keep_checkpoints
        from benchmark.posttrain.outside.arm_files import refuse_unseen
        from benchmark.posttrain.run_cache import RunCache
        from benchmark.posttrain.run_group import write_run_group
        from benchmark.posttrain.run_memory import fits
        from benchmark.tasks.suite_of_track import suite_of

        refuse_unseen(settings, paths.root)
        evaluation = settings.evaluation
        suite = suite_of(evaluation, documents=evaluation.documents, root=paths.root)
        texts = stored_texts(paths.corpus(corpus_name))
        # A draw that no text falls on is not needed here.
        draws = range(min(settings.models[model_name].trained_draws, max(1, len(texts))))
        folders = [(draw, paths.draw(model_name, draw)) for draw in draws]
        arms = arms_of(settings, model_name, corpus_name)
        copies = {name: copies_of(arm.kind, settings.folder) for name, arm in arms.items()}
        check = fits(settings, copies, len(texts) * len(arms))
        bases = load_bases(model_name, folders, suite, evaluation, settings.execution, check)
        write_run_group(settings, bases, corpus_name, texts, group, RunCache(paths.run_cache))
        keep_checkpoints(settings, bases, corpus_name, texts, group)


def score(params: Path) -> None:
    """Compare every entry with its base, controls and larger rungs; writes `results/<track>/`."""
    from benchmark.pipeline.score_stage import write_track_results

    with opened(params, "score") as (settings, paths):
        write_track_results(settings, paths)
    from benchmark.store.provenance import write_provenance

    write_provenance(settings, paths)
