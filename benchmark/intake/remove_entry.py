"""`gapbench remove`: undo a submission, all or nothing."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import InputError
from benchmark.intake.params_line import remove_entry
from benchmark.intake.transaction import commit, lock, staging
from benchmark.settings.names import nearest
from benchmark.store.tracks import open_track, params_name
from benchmark.untrusted.entry_names import FOLDERS
from benchmark.untrusted.manifest import manifest_place, read_manifest
from benchmark.untrusted.safe_files import inside


@dataclass(frozen=True)
class Removal:
    """What was removed, relative to the repository's root, and the command that comes next."""

    files: tuple[str, ...]
    next_command: str

    def __str__(self) -> str:
        return "\n".join([*(f"removed {file}" for file in self.files), f"next: {self.next_command}"])


def remove(kind: str, name: str, *, params: Path = Path("params.yaml")) -> Removal:
    """Take a submitted corpus or model away: its line in the settings, its manifest, its data.

    Only what `gapbench submit` added can be removed. Results keep its rows until the next `dvc repro`.

    Args:
        kind: `corpus` or `model`.

    Raises:
        InputError: there is no such submission in this track, or the settings still need it; nothing was removed.
        CheckFailed: a file could not be moved; nothing was removed.
    """
    settings, layout = open_track(params)
    root, section = layout.root, FOLDERS[kind]
    place = manifest_place(kind, name)
    if not _is_plain(name) or not (root / place).is_file():
        submitted = sorted(path.stem for path in (root / "submissions" / section).glob("*.yaml"))
        raise InputError(
            f"no submitted {kind} '{name:.80}'{nearest(name, submitted) if submitted else ''}: an entry that was "
            f"written by hand is removed from {params} by hand"
        )
    with staging(root, "removed") as staged, lock(root) as handle:
        manifest = read_manifest(root / place)
        if manifest.track != settings.track.name:
            raise InputError(
                f"{kind} '{name}' was submitted to track {manifest.track}: give --params {params_name(manifest.track)}"
            )
        content = params.read_bytes()
        new = remove_entry(content.decode(), section, name, str(params)).encode()
        data = root / "submissions" / "data" / name
        taken = [root / place, *([data] if manifest.data and data.is_dir() else [])]
        for path in taken:
            inside(root, str(path.relative_to(root)))
            staged.take(path)
        commit(staged, params.resolve(), hashlib.sha256(content).hexdigest(), new, handle)
    for folder in (root / "submissions" / "data", root / "submissions" / section, root / "submissions"):
        with suppress(OSError):
            folder.rmdir()
    command = "dvc repro" if manifest.track == "micro" else f"make repro TRACK={manifest.track}"
    files = [str(params.resolve().relative_to(root)) + f" ({section}.{name})"]
    return Removal((*files, *(str(path.relative_to(root)) for path in taken)), command)


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name
