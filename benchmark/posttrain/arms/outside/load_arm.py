"""Find and import the code of an arm from outside: a file beside the settings, or an installed package."""

import functools
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmark.errors import InputError
from benchmark.posttrain.arms.outside.failed_line import told
from benchmark.settings.arm_places import GROUP, NEVER_SUBMITTED, SUBMISSIONS, ArmPlace, outside_place
from benchmark.system.outside_code import OutsideCode, distribution_of, outside_code


@dataclass(frozen=True)
class OutsideArm:
    """The generator of a kind, its code, and the folder that its file is in, if it has one."""

    kind: str
    function: Callable[..., Any]
    code: OutsideCode
    folder: Path | None = None


def code_of(kind: str, folder: Path | None) -> OutsideCode:
    """What a kind from outside depends on; nothing is imported.

    Raises:
        InputError: there is no such file or installed package.
    """
    place = outside_place(kind) or _entry_point(kind)
    if place.file is None:
        return OutsideCode(distributions=frozenset({distribution_of(str(place.module))}))
    return outside_code(file_of(place.file, folder))


def file_of(file: str, folder: Path | None) -> Path:
    """The file that a kind names, its links followed; InputError if it is missing or was submitted."""
    path = (folder or Path()).joinpath(file).resolve()
    if not path.is_file():
        raise InputError(f"no file {path}: the path starts at the folder of the settings file")
    if SUBMISSIONS in path.parts:
        raise InputError(f"{path}: {NEVER_SUBMITTED}")
    return path


def outside_arm(kind: str, folder: Path | None) -> OutsideArm:
    """The arm of a kind from outside, imported.

    Raises:
        InputError: there is no such file, package or function, or importing it fails.
    """
    code = code_of(kind, folder)
    return _imported(kind, folder, code.digest())


@functools.cache
def _imported(kind: str, folder: Path | None, content: str) -> OutsideArm:
    place, code = outside_place(kind) or _entry_point(kind), code_of(kind, folder)
    file = None if place.file is None else file_of(place.file, folder)
    try:
        if file is None:
            module = importlib.import_module(str(place.module))
        else:
            module = _from_file(file, f"gapbench_arm_{content}")
    except Exception as error:
        raise InputError(told(error, kind, code)) from None
    function = getattr(module, place.function, None)
    if not callable(function):
        names = sorted(
            name for name, value in vars(module).items() if callable(value) and not name.startswith("_")
        )
        raise InputError(f"{kind}: no function '{place.function}' there; it has {', '.join(names) or 'none'}")
    return OutsideArm(kind, function, code, file.parent if file else None)


def _from_file(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with importing_from(file.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def importing_from(folder: Path | None) -> Iterator[None]:
    """Imports inside the block find the files of `folder`; two arms may have helpers of one name."""
    if folder is None:
        yield
        return
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            place = getattr(sys.modules[name], "__file__", None)
            if place and folder in Path(place).parents and not name.startswith("gapbench_arm_"):
                del sys.modules[name]


def _entry_point(kind: str) -> ArmPlace:
    found = importlib.metadata.entry_points(group=GROUP, name=kind)
    for entry in found:
        return ArmPlace(entry.attr, module=entry.module)
    raise InputError(f"no kind '{kind}'")
