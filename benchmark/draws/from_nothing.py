"""`make repro FROM=nothing`: a track whose draws are all trained, and the comparison of kept draws with it."""

import os
from pathlib import Path
from typing import Any

import yaml

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.draws.kept_folder import KeptFolder, KeptRun
from benchmark.errors import CheckFailed, InputError
from benchmark.posttrain.record import RunRecord
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.arm_places import outside_place
from benchmark.settings.corpus_specs import MicroCorpus
from benchmark.settings.load import validate
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import open_track
from benchmark.system.files import read_json, write_text
from benchmark.system.strict_yaml import PlainDumper, read_yaml

SUFFIX = "-from-nothing"


def make_track(params: Path) -> str:
    """Write `tracks/<track>-from-nothing/` and return the new track's name.

    Its settings are the track's, except that every draw is trained and micro corpora have a text for each draw. It has
    its own results, so it replaces nothing of the track.
    """
    settings, paths = open_track(params)
    name = settings.track.name + SUFFIX
    place = Path("tracks") / name / "params.yaml"
    raw = all_trained(read_yaml(params), settings)
    raw["track"] = {"name": name, "root": "../..", "params": place.as_posix()}
    raw["arms"] = moved(raw["arms"], params.resolve().parent, paths.root / place.parent)
    validate(raw, str(params))
    folder = paths.root / place.parent
    written_by = f"gapbench draws track --params {os.path.relpath(params, paths.root)}"
    note = f"# Written by `{written_by}`, which replaces it.\n"
    write_text(folder / place.name, note + yaml.dump(raw, Dumper=PlainDumper, sort_keys=False))
    link = folder / "dvc.yaml"
    if not link.is_symlink():
        link.symlink_to(Path("../../dvc.yaml"))
    for needed in ("attestations", "kept"):
        (paths.root / needed / name).mkdir(parents=True, exist_ok=True)
    return name


def moved(arms: dict[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """Plain settings of arms with the files and folders that they name from `old` on, named from `new` on."""

    def path(one: str) -> str:
        return one if "@" in one else os.path.relpath(old / one, new)

    found = {}
    for name, arm in arms.items():
        found[name] = dict(arm)
        place = outside_place(str(arm["kind"]))
        if place is not None and place.file is not None:
            found[name]["kind"] = f"{path(place.file)}:{place.function}"
        if isinstance(given := arm.get("path"), list):
            found[name]["path"] = [path(one) for one in given]
        elif given is not None:
            found[name]["path"] = path(given)
    return found


def all_trained(raw: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The plain settings with every draw trained, and a text for each in micro corpora."""
    models = {
        name: {key: value for key, value in spec.items() if key != "trained"}
        for name, spec in raw["models"].items()
    }
    treated = [spec.n_draws for spec in settings.models.values() if spec.role != "baseline"]
    corpora = {}
    for name, plain in raw["corpora"].items():
        spec = settings.corpora[name]
        wanted = max([spec.texts or 1, *treated])
        corpora[name] = {**plain, "texts": wanted} if isinstance(spec, MicroCorpus) else plain
    return {**raw, "models": models, "corpora": corpora}


def compare(params: Path) -> None:
    """Compare every kept draw of a track with the draws that `<track>-from-nothing` trained; print one line.

    Compares the weights of base models and of every scored step of every run.

    Raises:
        InputError: the other track has not run.
        CheckFailed: weights differ although the arithmetic is the same.
    """
    settings, paths = open_track(params)
    begin(settings.execution)
    other = TrackPaths(paths.root, settings.track.name + SUFFIX)
    here, kept = arithmetic_name(), KeptFolder(paths.kept)
    draws = runs = 0
    faults: list[str] = []
    for model, of_model in kept.draws().items():
        if model not in settings.models:
            continue
        path = other.run_group(model, "none") / "base.json"
        if not path.is_file():
            raise InputError(
                f"{path} is missing: `make repro FROM=nothing TRACK={settings.track.name}` first"
            )
        trained = read_json(path)["model_digest"]
        for draw, facts in of_model.items():
            if facts.arithmetic != here or draw >= len(trained):
                continue
            draws += 1
            faults += [f"{model} draw {draw}"] if trained[draw] != facts.model_digest else []
        for record in kept.records(model):
            found = _weights(other, model, record)
            if of_model[record.draw].arithmetic == here and found is not None:
                runs += 1
                same = found == {step.step: step.weights_sha256 for step in record.steps}
                faults += [] if same else [f"{model}/{record.arm}/{record.corpus} draw {record.draw}"]
    said = f"{settings.track.name}: {draws} kept draws and {runs} of their runs compared with trained ones"
    if faults:
        raise CheckFailed(f"{said}: {len(faults)} have other weights, the first {faults[0]}")
    print(f"{said}: all weights are the same" if draws else f"{said}: none was made in {here}")


def _weights(paths: TrackPaths, model: str, kept: KeptRun) -> dict[int, str | None] | None:
    """Digests by step of the same run on the trained draw; None if there is no such run."""
    path = paths.run_group(model, kept.corpus) / "runs.jsonl"
    steps = {step.step for step in kept.steps}
    for record in RunRecord.read_all(path) if path.is_file() else []:
        if all(getattr(record, name) == getattr(kept, name) for name in ("draw", "arm", "text_id", "seed")):
            return {step.step: step.weights_sha256 for step in record.steps if step.step in steps}
    return None
