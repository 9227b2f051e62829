"""The files and folders that the arms of a track name, which DVC has to see as dependencies."""

import os
from pathlib import Path

from benchmark.errors import InputError
from benchmark.posttrain.arms.outside.load_arm import code_of
from benchmark.settings.arm_places import outside_place
from benchmark.settings.track_settings import Settings


def arm_files(settings: Settings, root: Path) -> list[str]:
    """Code of arms from outside and folders of checkpoints, relative to the repository's root, sorted.

    Raises:
        InputError: a file of an arm is missing or is not Python.
    """
    start = settings.folder or root
    found = set[Path]()
    for name, arm in settings.arms.items():
        place = outside_place(arm.kind)
        if place is not None and place.file is not None:
            try:
                found.update(code_of(arm.kind, start).files.values())
            except InputError as error:
                raise InputError(f"arms.{name}.kind: {error}") from None
        found.update(start.joinpath(one).resolve() for one in arm.path or () if "@" not in one)
    return sorted(Path(os.path.relpath(path, root)).as_posix() for path in found)


def refuse_unseen(settings: Settings, root: Path) -> None:
    """Raise InputError where dvc.yaml does not name a file of an arm: DVC would not see that it changes."""
    dvcfile = root / "dvc.yaml"
    if not dvcfile.is_file():
        return
    text = dvcfile.read_text(encoding="utf-8")
    for file in arm_files(settings, root):
        if f'"{file}",' not in text:
            raise InputError(
                f"dvc.yaml does not name {file}, a file of an arm: run `gapbench track deps` first"
            )
