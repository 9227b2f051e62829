"""The code among the `deps` of dvc.yaml, derived from the imports: `gapbench track deps` writes it."""

import re
from collections.abc import Iterable
from pathlib import Path

from benchmark.errors import InputError
from benchmark.posttrain.outside.arm_files import arm_files
from benchmark.store.tracks import all_tracks
from benchmark.system.files import write_text
from benchmark.system.import_closure import PACKAGE, STAGE_NAMES, has_code, stage_files

WIDTH = 108
_STAGE = re.compile(r"^  (\w+):$")
_CODE = re.compile(r"^( *)benchmark/")
_OF_ARM = "  # of an arm"


def code_deps(stage: str, package: Path = PACKAGE) -> list[str]:
    """The `deps` for a stage's code: its files, or a folder if the stage depends on all of the folder's code."""
    files = stage_files(stage, package)
    whole = {folder for folder in package.rglob("*") if folder.is_dir() and _is_whole(folder, files)}
    kept = {file for file in files if not whole & set(file.parents)}
    kept |= {folder for folder in whole if folder.parent not in whole}
    return sorted(path.relative_to(package.parent).as_posix() for path in kept)


def _is_whole(folder: Path, files: frozenset[Path]) -> bool:
    held = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return bool(files & set(held)) and all(path in files for path in held if has_code(path))


def with_code_deps(text: str, package: Path = PACKAGE, of_arms: Iterable[str] = ()) -> str:
    """The text of dvc.yaml with each stage's lines of code replaced; other `deps` stay.

    `of_arms` are files that arms name, relative to the repository's root; the runs of every track depend on them.

    Raises:
        InputError: a stage has no line of code yet.
    """
    stage, written, lines = "", set[str](), []
    for line in text.splitlines():
        named = _STAGE.match(line)
        stage = named.group(1) if named else stage
        code = _CODE.match(line)
        if line.endswith(_OF_ARM):
            continue
        if code is None:
            lines.append(line)
        elif stage not in written:
            written.add(stage)
            lines += wrapped(code_deps(stage, package), code.group(1))
            if stage == "posttrain":
                lines += [f'{code.group(1)}"{one}",{_OF_ARM}' for one in of_arms]
    if written != set(STAGE_NAMES):
        raise InputError(f"dvc.yaml has no line of code under {sorted(set(STAGE_NAMES) - written)}")
    return "\n".join(lines) + "\n"


def write_code_deps(file: Path) -> bool:
    """Replace the lines of code in dvc.yaml, and those of files that the tracks' arms name; whether it changed.

    Raises:
        InputError: there is no such file here, a stage is missing from it, or a file of an arm is missing.
    """
    if not file.is_file():
        raise InputError(f"no {file} here: run this in the repository's root")
    root = file.resolve().parent
    of_arms = {one for settings in all_tracks(root).values() for one in arm_files(settings, root)}
    before = file.read_text(encoding="utf-8")
    after = with_code_deps(before, of_arms=sorted(of_arms))
    write_text(file, after)
    return after != before


def names_files_of_arms(file: Path) -> bool:
    """Whether dvc.yaml still names files of arms, as those of an arm that the settings no longer have."""
    return file.is_file() and f"{_OF_ARM}\n" in file.read_text(encoding="utf-8")


def wrapped(items: Iterable[str], indent: str) -> list[str]:
    """Items, each followed by a comma, in lines of at most `WIDTH` characters."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 <= WIDTH:
            lines[-1] += f" {item},"
        else:
            lines.append(f"{indent}{item},")
    return lines
