"""`gapbench draws check`: train one kept draw again, chosen at random, and compare it with the record.

`make repro` trains it (`gapbench draws retrain`) while `dvc repro` runs, because its stages leave a core idle at times.
"""

import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.draws.base_scores import base_scores
from benchmark.draws.kept_folder import KeptDraw, KeptFolder
from benchmark.draws.micro_draws import micro_models, untrained_draws
from benchmark.draws.recipes import base_recipe
from benchmark.errors import CheckFailed, InputError
from benchmark.models.micro_cache import Ladder, retrain
from benchmark.posttrain.base_model import read_model
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.track_settings import Settings
from benchmark.store.draw_deviation import allowed_deviation
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import open_track
from benchmark.system.files import read_json, whole_folder, write_json
from benchmark.tasks.suite_of_track import suite_of

FIELD = "kept_draw_check"
"""Of `provenance.json`."""
CHOSEN = "draw.json"
"""File next to the weights of a draw that was trained again: which draw it is, and the seed that chose it."""
GIVES_WAY = 5
"""Niceness of the training, so that the stages of `dvc repro` go first."""


@dataclass(frozen=True)
class DrawCheck:
    """How a draw that was trained again compares with its record; `said` is the same in words."""

    agrees: bool
    how: str
    said: str


def retrain_one(params: Path, seed: int | None = None) -> None:
    """Train one kept draw again into the work folder, where `check` finds it; do nothing if no draw is kept.

    Reads neither the run cache nor the cache of trained rungs. Other processes have priority.

    Args:
        seed: chooses the draw; random by default.
    """
    settings, paths = open_track(params)
    begin(settings.execution)
    os.nice(GIVES_WAY)
    _retrain(settings, paths, seed)


def check(params: Path, seed: int | None = None) -> None:
    """Compare a kept draw that was trained again, print one line, and write seed and outcome to `provenance.json`.

    Uses the draw that `retrain_one` has left, once. If there is none, or if a seed is given, a draw is trained now.

    Raises:
        InputError: the track has no results yet, or `kept.json` cannot be read.
        CheckFailed: the draw differs from the record.
    """
    settings, paths = open_track(params)
    begin(settings.execution)
    track, provenance = settings.track.name, paths.results / "provenance.json"
    candidates = checkable(settings, paths)
    if candidates and not provenance.is_file():
        raise InputError(f"{provenance} is missing: `make repro TRACK={track}` first")
    folder = _folder(paths)
    found = None if seed is not None else _left(folder, settings, candidates)
    found = found or _retrain(settings, paths, seed)
    if found is None:
        print(f"{track}: no kept draw of these settings, nothing to train again")
        return
    model, draw, seed = found
    outcome = compare(settings, model, draw, candidates[model, draw], folder)
    shutil.rmtree(folder)
    facts = read_json(provenance)
    facts[FIELD] = {
        "seed": seed,
        "model": model,
        "draw": draw,
        "arithmetic": arithmetic_name(),
        "compared": outcome.how,
        "agrees": outcome.agrees,
        "outcome": outcome.said,
    }
    write_json(provenance, facts)
    line = f"{track}: kept draw {draw} of {model}: {outcome.said}"
    if not outcome.agrees:
        raise CheckFailed(f"{line}: what is kept was made by other code or settings: `gapbench draws make`")
    print(line)


def checkable(settings: Settings, paths: TrackPaths) -> dict[tuple[str, int], KeptDraw]:
    """Kept draws whose recipe is that of the settings."""
    known = KeptFolder(paths.kept).draws()
    return {
        (model, draw): known[model][draw]
        for model, draw in untrained_draws(settings)
        if draw in known.get(model, {}) and known[model][draw].recipe == base_recipe(settings, model, draw)
    }


def _folder(paths: TrackPaths) -> Path:
    """Folder of the draw that was trained again."""
    return paths.work / "retrained" / paths.track


def _retrain(settings: Settings, paths: TrackPaths, seed: int | None) -> tuple[str, int, int] | None:
    """Choose a kept draw and train it with one thread; return its model, its number and the seed that chose it."""
    folder, candidates = _folder(paths), checkable(settings, paths)
    shutil.rmtree(folder, ignore_errors=True)
    if not candidates:
        return None
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed
    model, draw = random.Random(seed).choice(sorted(candidates))
    print(f"{paths.track}: training kept draw {draw} of {model} again (chosen by --seed {seed})", flush=True)
    with whole_folder(folder) as place:
        retrain(Ladder(micro_models(settings), paths.work / "cache"), model, draw, place)
        recipe = base_recipe(settings, model, draw)
        write_json(place / CHOSEN, {"model": model, "draw": draw, "seed": seed, "recipe": recipe})
    return model, draw, seed


def _left(
    folder: Path, settings: Settings, candidates: Mapping[tuple[str, int], KeptDraw]
) -> tuple[str, int, int] | None:
    """The draw that is in `folder`, if it belongs to these settings."""
    if not (folder / CHOSEN).is_file():
        return None
    chosen = read_json(folder / CHOSEN)
    model, draw = chosen["model"], chosen["draw"]
    if (model, draw) not in candidates or chosen["recipe"] != base_recipe(settings, model, draw):
        return None
    return model, draw, chosen["seed"]


def compare(settings: Settings, model: str, draw: int, facts: KeptDraw, folder: Path) -> DrawCheck:
    """Compare a draw that was trained into `folder` with its record, weights or scores."""
    if facts.arithmetic == arithmetic_name():
        return compare_weights(read_model(folder)[2], facts)
    evaluation = settings.evaluation
    suite = suite_of(evaluation, documents=evaluation.base_documents)
    (scored,) = base_scores(settings, model, [(draw, folder)], suite)
    return compare_scores(model, scored.record.averages["test"], facts)


def compare_weights(digest: str, facts: KeptDraw) -> DrawCheck:
    """In the same arithmetic, weights and tokenizer must have the recorded digest."""
    same = digest == facts.model_digest
    said = "the weights are" if same else "the weights are NOT"
    return DrawCheck(
        same, "weights", f"{said} those of the record ({digest[:12]}, kept {facts.model_digest[:12]})"
    )


def compare_scores(model: str, averages: Mapping[str, Any], facts: KeptDraw) -> DrawCheck:
    """In another arithmetic, each family's score may move by as much as another pretraining draw might move it."""
    moved = {
        scope: abs(new - old)
        for scope, old in facts.averages.items()
        if old is not None and (new := averages.get(scope)) is not None
    }
    worst = max(moved, key=lambda scope: moved[scope] / allowed_deviation(model, scope))
    inside = all(distance <= allowed_deviation(model, scope) for scope, distance in moved.items())
    said = (
        f"made in {facts.arithmetic}, trained here in {arithmetic_name()}; scores are "
        f"{'inside' if inside else 'OUTSIDE'} their bounds, the farthest {worst} by {moved[worst]:.4f} of "
        f"{allowed_deviation(model, worst):.4f}"
    )
    return DrawCheck(inside, "scores", said)
