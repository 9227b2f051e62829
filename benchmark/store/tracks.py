"""The tracks of a repository: their settings files, and the folders that belong to each."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.errors import InputError
from benchmark.settings.load import load_settings
from benchmark.settings.names import nearest
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths

FEW_SHOT = re.compile(r"-\d+shot$")
"""Ending of the name of a suite's few-shot variant."""


def open_track(params: Path, overrides: Sequence[str] = ()) -> tuple[Settings, TrackPaths]:
    """Settings, with `overrides` as `--set` takes them, and folders of the track whose settings file is `params`.

    Raises:
        InputError: the file is not a valid settings file.
    """
    settings = load_settings(params, overrides)
    return settings, TrackPaths.of(params, settings)


def repository_root(start: Path) -> Path:
    """The nearest folder above `start` with `dvc.yaml` and `params.yaml`, otherwise the one that contains this code."""
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return folder
    return Path(__file__).resolve().parents[2]


def params_name(track: str) -> str:
    """Settings file of a track, relative to the repository's root."""
    return "params.yaml" if track == "micro" else f"tracks/{track}/params.yaml"


def all_tracks(root: Path) -> dict[Path, Settings]:
    """Settings of all tracks by their file, micro first."""
    files = [root / "params.yaml", *sorted(root.glob("tracks/*/params.yaml"))]
    return {path: load_settings(path) for path in files if path.is_file()}


def params_of_suite(suite: str, root: Path) -> Path:
    """The settings file of the first track that uses a suite; a few-shot variant counts as its suite."""
    base = FEW_SHOT.sub("", suite)
    suites: dict[str, Path] = {}
    for path, settings in all_tracks(root).items():
        suites.setdefault(FEW_SHOT.sub("", settings.evaluation.suite_name), path)
    if base not in suites:
        raise InputError(f"--suite: no suite '{suite}'{nearest(base, suites)}")
    return suites[base]


def known(name: str, names: Mapping[str, object], what: str, params: Path) -> str:
    """`name`, if it is one of `names` in `params`; raises InputError otherwise."""
    if name not in names:
        raise InputError(f"{params}: no {what} '{name}'{nearest(name, names)}")
    return name
