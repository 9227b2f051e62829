"""What no current settings refer to: finished runs, trained rungs, fetched models, outputs, DVC's copies of data.

A thing that might still be referred to is kept. The run cache (`journal`) does not say which of its runs current code
would look up; a run is kept if a stored run group lists its key, or if its recorded settings are those of a track.
"""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmark.errors import InputError
from benchmark.schema.stored_columns import NO_ARM
from benchmark.settings.model_specs import HubModel, MicroModel
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks
from benchmark.system.git import git

TRASH = Path(".gapbench") / "trash"
OBJECT = re.compile(r"\b([0-9a-f]{32})(?:\.dir)?\b")


@dataclass(frozen=True)
class Prunable:
    """A file or folder that can go: what it is, where, and its size in bytes."""

    kind: str
    path: Path
    bytes: int


def prunable(root: Path) -> list[Prunable]:
    """All that no settings of the repository at `root` refer to, sorted by kind and path; nothing is changed."""
    tracks = [(settings, TrackPaths.of(path, settings)) for path, settings in all_tracks(root).items()]
    if not tracks:
        raise InputError(f"{root}: no params.yaml: run this in the repository's root")
    found = [
        *(("run", path) for path in _runs(tracks, root)),
        *(("trained rung", path) for path in _rungs(tracks, root)),
        *(("fetched model", path) for path in _fetched(tracks, root)),
        *(("output", path) for path in _outputs(tracks)),
        *(("DVC object", path) for path in _objects(tracks, root)),
        *(("left by a killed clean", path) for path in sorted((root / TRASH).glob("*"))),
    ]
    return [Prunable(kind, path, _size(path)) for kind, path in found]


def summary(found: list[Prunable]) -> list[str]:
    """A line per kind: how many, and their size."""
    kinds = dict.fromkeys(one.kind for one in found)
    lines = []
    for kind in kinds:
        sizes = [one.bytes for one in found if one.kind == kind]
        lines.append(f"{kind}: {len(sizes)}, {megabytes(sum(sizes))}")
    return lines


def megabytes(size: int) -> str:
    """Bytes as text."""
    return f"{size / 1e6:.1f} MB"


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())


Tracks = list[tuple[Settings, TrackPaths]]


def _runs(tracks: Tracks, root: Path) -> Iterator[Path]:
    """Finished runs in the run cache."""
    used = set()
    for settings, paths in tracks:
        for model in settings.models:
            for corpus in settings.corpora:
                cell = paths.run_group(model, corpus) / "cell.json"
                if cell.is_file():
                    used |= set(json.loads(cell.read_text(encoding="utf-8")).get("keys") or ())
    for entry in sorted(tracks[0][1].run_cache.glob("??/*")):
        if entry.name in used or entry.name.startswith("."):
            continue
        try:
            record = json.loads((entry / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            yield entry
            continue
        if not any(_is_of(record, settings) for settings, _ in tracks):
            yield entry


def _is_of(record: Mapping[str, Any], settings: Settings) -> bool:
    """Whether a track has the run's model, corpus and arm, with the settings that it was made with."""
    if record.get("model") not in settings.models:
        return False
    recorded = record.get("settings")
    if "arm" not in record or record["arm"] == NO_ARM or not isinstance(recorded, Mapping):
        return True  # scores of an unmodified model
    arm, corpus = record["arm"], record.get("corpus")
    if arm not in settings.arms or corpus not in settings.corpora:
        return False
    evaluation = settings.evaluation.model_dump(mode="json")
    now = {
        "arm": settings.arms[arm].recipe,
        "posttrain": {
            **settings.posttrain.model_dump(mode="json"), "learning_rate": settings.learning_rate(arm),
        },
    }  # fmt: skip
    then = recorded.get("evaluation") or {}
    # How many documents a draw that is kept was scored on may differ from the track's own.
    same = all(
        then[key] == value for key, value in evaluation.items() if key in then and "documents" not in key
    )
    return same and all(recorded.get(key) == json.loads(json.dumps(value)) for key, value in now.items())


def _rungs(tracks: Tracks, root: Path) -> Iterator[Path]:
    """Trained draws of micro models, by settings and code."""
    folders = sorted((root / ".gapbench" / "cache" / "rungs").glob("[0-9a-f]*"))
    rungs = [
        (name, spec, settings)
        for settings, _ in tracks
        for name, spec in settings.models.items()
        if isinstance(spec, MicroModel)
    ]
    if not folders or any(settings.execution.arithmetic != "portable" for _, _, settings in rungs):
        return  # the names of rungs of native arithmetic are known to the process that trains them only
    from benchmark.models.micro_cache import Ladder

    used = {
        Ladder({name: spec}, root / ".gapbench" / "cache").cached(name, draw)
        for name, spec, _ in rungs
        for draw in range(spec.n_draws)
    }
    yield from (folder for folder in folders if folder not in used)


def _fetched(tracks: Tracks, root: Path) -> Iterator[Path]:
    """Models of the Hub that `gapbench run` fetched."""
    used = {
        f"{spec.id.replace('/', '--')}-{spec.revision}"
        for settings, _ in tracks
        for spec in settings.models.values()
        if isinstance(spec, HubModel)
    }
    folders = sorted((root / ".gapbench" / "hub").glob("[!.]*"))
    yield from (folder for folder in folders if folder.name not in used)


def _outputs(tracks: Tracks) -> Iterator[Path]:
    """Outputs of stages whose corpus or model is gone."""
    for settings, paths in tracks:
        named = ((paths.data / "corpora", settings.corpora), (paths.data / "models", settings.models))
        for folder, names in (*named, (paths.runs, settings.models)):
            yield from (path for path in sorted(folder.glob("[!.]*")) if path.name not in names)
        for model in settings.models:
            groups = sorted((paths.runs / model).glob("[!.]*"))
            yield from (path for path in groups if path.name not in (NO_ARM, *settings.corpora))


def _objects(tracks: Tracks, root: Path) -> Iterator[Path]:
    """Objects in DVC's own cache here that neither the tracks' stages, nor a `.dvc` file, nor another branch name."""
    cache = root / ".dvc" / "cache" / "files" / "md5"
    if not cache.is_dir():
        return
    used: set[str] = set()
    for settings, paths in tracks:
        lock = root / (
            "dvc.lock" if settings.track.params == "params.yaml" else f"tracks/{paths.track}/dvc.lock"
        )
        used |= _named_by_lock(lock, settings) if lock.is_file() else set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(".dvc"):
                used |= set(OBJECT.findall(Path(folder, name).read_text(encoding="utf-8")))
    used |= _named_elsewhere(root)
    for name in sorted(used):
        folder = cache / name[:2] / f"{name[2:]}.dir"
        if folder.is_file():
            used |= set(OBJECT.findall(folder.read_text(encoding="utf-8")))
    for path in sorted(cache.glob("??/*")):
        if path.parent.name + path.name.removesuffix(".dir") not in used:
            yield path


def _named_by_lock(lock: Path, settings: Settings) -> set[str]:
    """Objects of the stages that the settings have."""
    stages = (yaml.load(lock.read_text(encoding="utf-8"), _loader()) or {}).get("stages") or {}
    pairs = {f"{model}-{corpus}" for model in settings.models for corpus in settings.corpora}
    names = {"corpus": set(settings.corpora), "model": set(settings.models), "base": set(settings.models)}
    found: set[str] = set()
    for stage, content in stages.items():
        kind, _, name = str(stage).partition("@")
        if not name or name in (pairs if kind == "posttrain" else names.get(kind, {name})):
            found |= set(OBJECT.findall(json.dumps(content)))
    return found


@functools.cache
def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _named_elsewhere(root: Path) -> set[str]:
    """Objects that lock and `.dvc` files of other branches, and of tags, name."""
    try:
        here = git(root, "rev-parse", "HEAD").decode().strip()
        listed = git(
            root, "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes", "refs/tags"
        )
        blobs = {
            line.split()[2]
            for commit in sorted(set(listed.decode().split()) - {here})
            for line in git(root, "ls-tree", "-r", commit).decode().splitlines()
            if line.endswith((".dvc", "dvc.lock"))
        }
        return {
            name
            for blob in sorted(blobs)
            for name in OBJECT.findall(git(root, "cat-file", "-p", blob).decode())
        }
    except InputError:
        return set()  # no git repository, or no commit yet
