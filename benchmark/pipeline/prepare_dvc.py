"""Before `dvc repro`: make the track visible, and clear a lock whose owner is dead."""

import fcntl
import os
from pathlib import Path

from benchmark.errors import CheckFailed
from benchmark.pipeline.dependencies import names_files_of_arms, write_code_deps
from benchmark.posttrain.outside.arm_files import arm_files
from benchmark.posttrain.run_requests import check_arm
from benchmark.settings.arithmetic_choice import begin
from benchmark.store.tracks import open_track
from benchmark.system.files import write_text


def prepare_track(params: Path) -> None:
    """Make the track visible to DVC, and remove a stale `.dvc/tmp/rwlock`.

    `.dvcignore` hides tracks other than micro, so that a plain `dvc repro` and `dvc status` see only micro;
    `tracks/.dvcignore`, which is not in git, shows the requested ones. DVC removes most dead entries of its
    rwlock by itself, but not an entry whose process id is in use again, and not a truncated file. Arms are checked, and
    the files that they name become dependencies in dvc.yaml.

    Raises:
        InputError: an arm's kind or one of its settings is not known, or code from outside cannot be imported.
    """
    settings, paths = open_track(params)
    begin(settings.execution)
    for name in settings.arms:
        check_arm(settings, name)
    stages = paths.root / "dvc.yaml"
    if (arm_files(settings, paths.root) or names_files_of_arms(stages)) and write_code_deps(stages):
        print("dvc.yaml: exactly the files that arms name are dependencies now")
    if params.resolve().parent != paths.root:
        show_track(paths.root / "tracks", params.resolve().parent.name)
    paths.attestations.mkdir(parents=True, exist_ok=True)  # DVC wants every dependency to be there
    clear_stale_lock(paths.root / ".dvc" / "tmp")


def show_track(tracks: Path, name: str) -> None:
    """Add a track to those that DVC sees."""
    switch = tracks / ".dvcignore"
    lines = switch.read_text(encoding="utf-8").splitlines() if switch.is_file() else []
    line = f"!/{name}/dvc.yaml"
    if line not in lines:
        write_text(switch, "\n".join(sorted([*lines, line])) + "\n")


def clear_stale_lock(folder: Path) -> None:
    """Remove DVC's rwlock if no `dvc` holds its repository lock.

    Raises:
        CheckFailed: another `dvc` is running here.
    """
    rwlock = folder / "rwlock"
    if not rwlock.exists():
        return
    refuse_running_dvc(folder)
    rwlock.unlink(missing_ok=True)


def refuse_running_dvc(folder: Path) -> None:
    """Raise CheckFailed if a `dvc` is running in the repository whose `.dvc/tmp` is `folder`."""
    if _held(folder / "lock") or _dvc_at_work(folder.parent.parent):
        raise CheckFailed(f"{folder / 'rwlock'}: another dvc is running here: wait for it")


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _dvc_at_work(root: Path) -> bool:
    """Whether a `dvc` process runs in this repository (Linux; elsewhere false)."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            inside = (process / "cwd").resolve().is_relative_to(root)
        except OSError:
            continue
        is_dvc = any(Path(os.fsdecode(word)).name == "dvc" for word in words[:2])
        if inside and is_dvc and process.name != str(os.getpid()):
            return True
    return False
