"""`gapbench run`: one run outside DVC, from any model, text, arm, seed and suite, into an empty folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from benchmark.errors import InputError, naming_source
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.corpus_specs import CorpusSpec
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import ModelSpec
from benchmark.settings.names import nearest
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks, params_of_suite, repository_root
from benchmark.system.empty_folder import check_out, filled, writing
from benchmark.system.files import write_json, write_parquet
from benchmark.system.patterns import COMMIT, HUB_ID

if TYPE_CHECKING:
    from benchmark.corpora.texts import CorpusText

HUB_MODEL = re.compile(f"({HUB_ID})@({COMMIT})")


def single_run(
    *,
    model: str,
    corpus: str,
    index: int,
    arm: str,
    seed: int,
    suite: str,
    out: Path,
    limit: int | None,
    protocol: str | None,
    overrides: Sequence[str],
    force: bool,
    draw: int = 0,
    track: str | None = None,
) -> None:
    """Do one run and write `run.json` and `samples.parquet`; never reads the run cache.

    Settings are those of `track`, or of the first track that uses the suite. The folder `checkpoints` is there
    where `checkpoints.keep` asks for weights.

    Raises:
        InputError: anything that is named does not exist or does not fit, or `out` holds something.
    """
    check_out(out, force=force, instead="name an empty folder, or replace its files with --force")
    root = repository_root(Path.cwd())
    params = params_of_suite(suite, root) if track is None else _params_of_track(track, root)
    # A list of tasks stays what the settings say; a few-shot variant of a suite differs from its track's.
    named = [] if load_settings(params).evaluation.suite_name == suite else [f"evaluation.suite={suite}"]
    chosen = [*named, *([] if protocol is None else [f"evaluation.protocol={protocol}"]), *overrides]
    settings = load_settings(params, chosen)
    begin(settings.execution)

    from benchmark.posttrain.arms import copies_of
    from benchmark.posttrain.base_model import load_base
    from benchmark.posttrain.checkpoints import keep_run
    from benchmark.posttrain.run_loop import execute_run
    from benchmark.posttrain.run_memory import fits
    from benchmark.posttrain.run_requests import check_arm, request
    from benchmark.posttrain.sample_rows import base_samples
    from benchmark.tasks.suite_of_track import suite_of

    if check_arm(settings, arm).kind == "soup":
        raise InputError(
            f"--arm {arm}: a soup averages other runs and has no run of its own: `gapbench verify` repeats it"
        )
    corpus_name, text = find_text(corpus, index, settings, root)
    name, folder = find_model(model, root, draw, params if track else None)
    texts = further_texts(corpus, text, arm, settings, root)
    documents = suite_of(settings.evaluation, documents=settings.evaluation.documents, limit=limit, root=root)
    check = fits(settings, {arm: copies_of(settings.arms[arm].kind, settings.folder)})
    with naming_source(model, *([folder] if HUB_MODEL.fullmatch(model) else []), prefix=False):
        base = load_base(
            name, folder, documents, settings.evaluation, settings.execution, draw=draw, check=check
        )
    asked = request(settings, base, corpus_name, text, arm, seed, texts)
    base.tokenizer.check_texts([text.text], f"corpus {corpus_name}, text {text.index}")
    result = execute_run(asked, base.scorer, progress=lambda line: print(line, flush=True))
    start = base_samples(base.scorer.start.samples, track=settings.track.name, model=name, draw=draw)
    with filled(out) as folder:
        write_parquet(folder / "samples.parquet", pa.concat_tables([start, result.samples]))
        write_json(folder / "run.json", result.record.stored())
    shutil.rmtree(out / "checkpoints", ignore_errors=True)  # `--force`: those of the run that was here
    with writing(out):
        keep_run(settings.checkpoints.keep, asked, result.record, out / "checkpoints")


def _params_of_track(track: str, root: Path) -> Path:
    tracks = {settings.track.name: path for path, settings in all_tracks(root).items()}
    if track not in tracks:
        raise InputError(f"--track {track}: no such track{nearest(track, tracks)}")
    return tracks[track]


def find_model(model: str, root: Path, draw: int = 0, first: Path | None = None) -> tuple[str, Path]:
    """Name and folder of a ladder's model at one of its draws, a local folder, or a Hub model pinned to a commit.

    Of tracks that have a model of this name, the one with the settings file `first` counts, otherwise the first one.
    """
    tracks = all_tracks(root)
    tracks = {first: tracks[first]} | tracks if first is not None else tracks
    for path, settings in tracks.items():
        if model in settings.models:
            check_draw(model, draw, settings.models[model])
            folder = TrackPaths.of(path, settings).draw(model, draw)
            if not (folder / "config.json").is_file():
                target = f"{os.path.relpath(path.parent / 'dvc.yaml', root)}:model@{model}"
                raise InputError(
                    f"--model {model}: not trained or fetched yet: run `dvc repro {target}` first"
                )
            return model, folder
    if draw:
        raise InputError(f"--draw {draw}: only a model of the ladder has further draws: leave it out")
    pinned = HUB_MODEL.fullmatch(model)
    if pinned:
        from benchmark.posttrain.outside.checkpoint_weights import hub_folder

        return pinned[1].split("/")[1], hub_folder(root, pinned[1], pinned[2])
    if "@" in model and "/" in model and not Path(model).exists():
        raise InputError(f"--model {model}: a Hub model is pinned as owner/name@<40 hex digits of a commit>")
    if not model.strip() or not Path(model).is_dir():
        names = [name for settings in tracks.values() for name in settings.models]
        raise InputError(f"--model {model}: no ladder model or folder of that name{nearest(model, names)}")
    if not (Path(model) / "config.json").is_file():
        raise InputError(f"--model {model}: no config.json in it: name a folder that save_pretrained wrote")
    return Path(model).resolve().name, Path(model)


def check_draw(model: str, draw: int, spec: ModelSpec) -> None:
    """Refuse a draw that the pipeline does not make."""
    if not 0 <= draw < spec.trained_draws:
        kept = (
            f" (draws up to {spec.n_draws - 1} are kept as scores only)"
            if spec.n_draws > spec.trained_draws
            else ""
        )
        only = "draw 0 only" if spec.trained_draws == 1 else f"draws 0 to {spec.trained_draws - 1}"
        raise InputError(f"--draw {draw}: model {model} has {only}{kept}")


def find_text(corpus: str, index: int, settings: Settings, root: Path) -> tuple[str, CorpusText]:
    """Name of the corpus and its text number `index`, from the settings or from a file."""
    from benchmark.corpora.text_files import read_texts

    if corpus in settings.corpora:
        name, texts = corpus, texts_up_to(index, settings.corpora[corpus], root)
    elif corpus.strip() and Path(corpus).exists():
        name, texts = Path(corpus).stem, read_texts(Path(corpus))
    else:
        raise InputError(
            f"--corpus {corpus}: no corpus or file of that name{nearest(corpus, settings.corpora)}"
        )
    if not 0 <= index < len(texts):
        raise InputError(f"--index {index}: corpus {name} has texts 0 to {len(texts) - 1}: name one of them")
    return name, texts[index]


def further_texts(
    corpus: str, text: CorpusText, arm: str, settings: Settings, root: Path
) -> Sequence[CorpusText]:
    """The texts of a run of an arm with the setting `texts`: the named one, and those that follow it in the corpus."""
    of = settings.arms[arm].of
    size = settings.arms[of or arm].texts or 1
    return [text, *(find_text(corpus, text.index + step, settings, root)[1] for step in range(1, size))]


def texts_up_to(index: int, spec: CorpusSpec, root: Path) -> Sequence[CorpusText]:
    """The texts of a corpus, more than the settings take where `index` lies behind them and there are more."""
    from benchmark.corpora.open_corpus import open_corpus

    if spec.texts is None or index < spec.texts:
        return open_corpus(spec, root)
    try:
        return open_corpus(spec.model_copy(update={"texts": index + 1}), root)
    except InputError:
        return open_corpus(spec, root)
