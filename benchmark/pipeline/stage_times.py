"""How long each stage took when it last ran here."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.store.tracks import open_track
from benchmark.system.files import read_json


def stage_times(params: Path) -> dict[str, float]:
    """Wall seconds by stage, sorted by name.

    Raises:
        InputError: no stage of the track has run here.
    """
    _, paths = open_track(params)
    files = sorted((paths.work / "timing" / paths.track).glob("*.json"))
    if not files:
        raise InputError(f"{params}: no stage of track {paths.track} has run here: `dvc repro` first")
    times = map(read_json, files)
    return {time["stage"]: time["wall_seconds"] for time in times}


def print_times(params: Path) -> None:
    """Print seconds by kind of stage, then by stage."""
    times = stage_times(params)
    kinds: dict[str, list[float]] = {}
    for stage, seconds in times.items():
        kinds.setdefault(stage.partition("@")[0], []).append(seconds)
    for kind, all_seconds in kinds.items():
        print(f"{kind:10} {len(all_seconds):3} stages {sum(all_seconds):8.1f} s")
    print(
        f"{'in all':10} {len(times):3} stages {sum(times.values()):8.1f} s, start of the processes not counted"
    )
    for stage, seconds in times.items():
        print(f"  {stage:40} {seconds:8.1f} s")
