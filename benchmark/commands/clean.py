"""`gapbench clean`: remove what no current settings refer to."""

import shutil
from pathlib import Path

from benchmark.commands.prunable import TRASH, Prunable, megabytes, prunable, summary
from benchmark.intake.transaction import lock
from benchmark.pipeline.prepare_dvc import refuse_running_dvc
from benchmark.system.progress import Progress


def clean(root: Path, *, dry_run: bool) -> list[str]:
    """Remove all that `prunable` finds, or only say what and how large it is; the lines to print.

    Killed at any moment it leaves only whole things: each is moved aside by one rename before it is deleted, and the
    next call deletes what was moved aside.

    Raises:
        CheckFailed: a `dvc` or a submission is running here.
    """
    if dry_run:
        return _told(prunable(root), "can go; run `gapbench clean`")
    refuse_running_dvc(root / ".dvc" / "tmp")
    with lock(root):
        found = prunable(root)
        with Progress("clean", len(found)) as progress:
            for one in found:
                _delete(one.path, root / TRASH)
                progress.advance(note=one.kind)
        if (root / TRASH).is_dir():
            (root / TRASH).rmdir()
    return _told(found, "removed")


def _delete(path: Path, trash: Path) -> None:
    if path.parent == trash:
        moved = path
    elif path.is_dir() and not path.is_symlink():
        trash.mkdir(parents=True, exist_ok=True)
        moved = trash / f"{path.parent.name}-{path.name}"
        shutil.rmtree(moved, ignore_errors=True)
        path.rename(moved)
    else:
        path.unlink(missing_ok=True)
        return
    if moved.is_dir() and not moved.is_symlink():
        shutil.rmtree(moved)
    else:
        moved.unlink()


def _told(found: list[Prunable], what: str) -> list[str]:
    if not found:
        return ["nothing to clean"]
    return [*summary(found), f"{megabytes(sum(one.bytes for one in found))} {what}"]
