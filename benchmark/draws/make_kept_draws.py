"""`gapbench draws make`: train the draws that the pipeline does not train, score them, and store the scores."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.corpora.open_corpus import open_corpus
from benchmark.corpora.texts import CorpusText, text_table
from benchmark.draws.base_scores import BaseRecord, BaseScores, base_scores
from benchmark.draws.kept_folder import KeptDraw, KeptFolder, KeptRun
from benchmark.draws.micro_draws import place_kept, untrained_draws
from benchmark.draws.packed_scores import pack_base, pack_runs, write_rows
from benchmark.draws.recipes import base_recipe, run_recipe
from benchmark.errors import InputError
from benchmark.posttrain.base_draws import load_bases
from benchmark.posttrain.record import RunRecord, RunSummary
from benchmark.posttrain.run_cache import RunCache
from benchmark.posttrain.run_code import run_code
from benchmark.posttrain.run_group import complete_runs
from benchmark.posttrain.run_loop import RunResult
from benchmark.posttrain.run_requests import request
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.arm_specs import Arm
from benchmark.settings.corpus_specs import MicroCorpus
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import known, open_track
from benchmark.system.content_hash import digest, sha256_of
from benchmark.system.files import whole_folder, write_parquet
from benchmark.system.progress import Progress
from benchmark.tasks.suite import Suite
from benchmark.tasks.suite_of_track import suite_of

Folders = Sequence[tuple[int, Path]]


def make(params: Path, models: Sequence[str]) -> None:
    """Write `kept/<track>/`: base scores and runs of every kept draw of `models` (all if empty).

    Trained rungs and finished runs are read from `.gapbench`, so an interrupted call can be continued.

    Raises:
        InputError: no such model, no draw to keep, or a text would be run on two draws.
    """
    settings, paths = open_track(params)
    begin(settings.execution)
    for name in models:
        known(name, settings.models, "model", params)
    every = untrained_draws(settings)
    wanted = [draw for draw in every if not models or draw[0] in models]
    if not wanted:
        raise InputError(
            f"{params}: no draw to keep: give a micro model more `draws` than `trained`, such as "
            "{draws: 10, trained: 3}"
        )
    texts = nested_texts(settings, paths, every)
    folder = KeptFolder(paths.kept)
    facts = {model: dict(draws) for model, draws in folder.draws().items() if model in settings.models}
    names = list(dict.fromkeys(name for name, _ in wanted))
    for name in names:
        draws = [draw for model, draw in wanted if model == name]
        with tempfile.TemporaryDirectory() as place:
            folders = [(draw, Path(place) / str(draw)) for draw in draws]
            for draw, target in folders:
                target.mkdir()
                place_kept(settings, paths, wanted, name, draw, target)
            facts[name] = _keep_model(settings, paths, name, folders, texts)
        folder.write_draws(facts)
    write_parquet(paths.kept / "texts.parquet", text_table(texts))
    size = sum(path.stat().st_size for path in paths.kept.rglob("*") if path.is_file())
    print(f"{paths.kept}: {len(wanted)} draws of {', '.join(names)}, {size / 1e6:.2f} MB in all")


def nested_texts(
    settings: Settings, paths: TrackPaths, draws: Sequence[tuple[str, int]]
) -> dict[str, list[CorpusText]]:
    """Texts by micro corpus, up to that of the last kept draw; they begin with the texts that the settings declare.

    Raises:
        InputError: a longer corpus would not begin with the declared texts, or one of these falls on a kept draw.
    """
    treated = [(name, draw) for name, draw in draws if settings.models[name].role != "baseline"]
    if not treated:
        return {}
    last = max(draw for _, draw in treated)
    fewest = min(settings.models[name].trained_draws for name, _ in treated)
    found: dict[str, list[CorpusText]] = {}
    for name, spec in settings.corpora.items():
        if not isinstance(spec, MicroCorpus) or not any(
            arms_of(settings, model, name) for model, _ in treated
        ):
            continue
        if spec.texts > fewest:
            raise InputError(
                f"corpora.{name}.texts: {spec.texts} texts for {fewest} trained draws, so that text {fewest} would be "
                f"run on draw 0 and on kept draw {fewest}: give at most {fewest} texts, or train more draws"
            )
        texts = list(open_corpus(spec.model_copy(update={"texts": last + 1}), paths.root))
        own = open_corpus(spec, paths.root)
        if [text.text_id for text in own] != [text.text_id for text in texts[: len(own)]]:
            raise InputError(
                f"corpora.{name}.seed: with seed {spec.seed} a larger number of texts is another choice of texts, so "
                "kept draws cannot go on with them: use seed 0"
            )
        found[name] = list(texts)
    return found


def _keep_model(
    settings: Settings,
    paths: TrackPaths,
    name: str,
    folders: Folders,
    texts: Mapping[str, Sequence[CorpusText]],
) -> dict[int, KeptDraw]:
    """Score a model's draws and their runs, and write its folder."""
    cache = RunCache(paths.run_cache)
    bases = _bases(settings, name, folders, cache)
    base = pack_base(pa.concat_tables([one.samples for one in bases]))
    runs: dict[str, list[RunResult]] = {}
    if settings.models[name].role != "baseline":
        suite = suite_of(settings.evaluation, documents=settings.evaluation.documents, root=paths.root)
        for result in _runs(settings, name, folders, texts, suite, cache):
            runs.setdefault(result.record.corpus, []).append(result)
    kept = KeptFolder(paths.kept)
    with whole_folder(paths.kept / name) as folder:
        write_rows(folder / kept.base(name).name, base)
        records: list[KeptRun] = []
        for corpus, results in runs.items():
            joined = pa.concat_tables([result.samples for result in results])
            write_rows(folder / kept.runs(name, corpus).name, pack_runs(joined, base))
            records += [brief(settings, result.record, suite.digest) for result in results]
        KeptRun.write_all(folder / "runs.jsonl", records)
    return {
        one.record.draw: KeptDraw(
            recipe=base_recipe(settings, name, one.record.draw),
            suite_version=one.record.suite_version,
            documents=one.record.documents,
            arithmetic=one.record.arithmetic,
            weights_sha256=one.record.model_digest.partition("-")[0],
            model_digest=one.record.model_digest,
            averages=one.record.averages["test"],
        )
        for one in bases
    }


def _bases(settings: Settings, name: str, folders: Folders, cache: RunCache) -> list[BaseScores]:
    """Base scores of the draws, from the cache if they are done."""
    evaluation = settings.evaluation
    suite = suite_of(evaluation, documents=evaluation.base_documents)
    fixed = [suite.digest, evaluation.model_dump(mode="json"), run_code(frozenset(), evaluation.suite_name)]
    keys = {
        draw: digest(
            ["kept base", settings.track.name, name, draw, *_files(folder), *fixed, arithmetic_name()]
        )
        for draw, folder in folders
    }
    found = {
        draw: BaseScores(*stored) for draw, key in keys.items() if (stored := cache.find(key, BaseRecord))
    }
    left = [(draw, folder) for draw, folder in folders if draw not in found]
    with Progress(f"base {name}, kept draws", len(folders)) as progress:
        progress.advance(len(found), "found done" if found else "")
        for place in range(0, len(left), AT_ONCE):
            for scored in base_scores(settings, name, left[place : place + AT_ONCE], suite):
                draw = scored.record.draw
                found[draw] = scored
                cache.store(keys[draw], scored.record, scored.samples)
                progress.advance(note=f"draw {draw}")
    return [found[draw] for draw, _ in folders]


AT_ONCE = 4
"""Largest number of base scores that an interrupted call loses."""


def _files(folder: Path) -> list[str]:
    return [sha256_of(path) for path in sorted(folder.iterdir())]


def _runs(
    settings: Settings,
    name: str,
    folders: Folders,
    texts: Mapping[str, Sequence[CorpusText]],
    suite: Suite,
    cache: RunCache,
) -> list[RunResult]:
    """Runs of every arm on every corpus, for each draw on the text of its own index.

    Soups, checkpoints and runs of many texts are left out.
    """
    bases = load_bases(name, folders, suite, settings.evaluation, settings.execution)
    requests = [
        request(settings, base, corpus, of_corpus[base.draw], arm_name, seed)
        for corpus, of_corpus in texts.items()
        for base in bases
        for arm_name, arm in arms_of(settings, name, corpus).items()
        if arm.kind != "soup" and not _has_own_texts(settings, arm)
        for seed in arm.seeds
    ]
    scorers = {base.draw: base.scorer for base in bases}
    return complete_runs(settings, scorers, requests, cache, f"posttrain {name}, kept draws")


def _has_own_texts(settings: Settings, arm: Arm) -> bool:
    """Whether an arm, or the one that it follows, has other runs than one for each text."""
    source = arm if arm.of is None else settings.arms[arm.of]
    return source.path is not None or (source.texts or 1) > 1


def brief(settings: Settings, record: RunRecord, documents: str) -> KeptRun:
    """The part of a run record that is stored in git."""
    steps = [
        step if step.step else step.model_copy(update={"metrics": {}})
        for step in record.steps
        if step.averages or step is record.steps[-1]
    ]
    fields = {name: getattr(record, name) for name in RunSummary.model_fields}
    recipe = run_recipe(settings, record.model, record.draw, record.corpus, record.arm)
    return KeptRun(**fields | {"steps": steps}, recipe=recipe, documents=documents)
