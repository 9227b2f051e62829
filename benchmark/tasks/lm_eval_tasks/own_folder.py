"""A folder of lm-eval YAML of the user's own: a digest of its files and of what its code imports.

The `!function` of such a folder is code that runs with the user's rights, so it counts only where the settings name
the folder, and must be found from the folder alone.
"""

import ast
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

from benchmark.errors import InputError
from benchmark.tasks.lm_eval_tasks.name_index import OWN_TASKS

_FUNCTION = re.compile(r"!function\s+[\"']?([\w.]+)\.\w+")
_INCLUDE = re.compile(r"^[\"']?include[\"']?:\s*[\"']?([^\s\"'\[]+)", re.MULTILINE)


def folder_digest(folder: Path) -> str:
    """sha256 over all files of a folder by name and content, and the versions of the packages that its code imports.

    Raises:
        InputError: there is no such folder, or it leads to a file outside it that is no installed package.
    """
    if not folder.is_dir():
        raise InputError(f"evaluation.suite.folder: no folder {folder}: name one with lm-eval's YAML")
    total = hashlib.sha256()
    packages: set[str] = set()
    for file in _files(folder):
        total.update(f"{file.relative_to(folder).as_posix()}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
        packages |= set(_packages(file, folder))
    distributions = packages_distributions()
    for package in sorted(packages):
        named = sorted({f"{one}=={version(one)}" for one in distributions.get(package, ())})
        total.update(f"{package} {' '.join(named)}\n".encode())
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(
        file
        for file in found
        if not any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(folder).parts)
    )


def _packages(file: Path, folder: Path) -> Iterator[str]:
    """Names of installed packages that a file imports or that its `!function` names."""
    if file.suffix == ".py":
        try:
            tree = ast.parse(file.read_bytes())
        except SyntaxError as error:
            raise InputError(f"{file} line {error.lineno} is not Python: {error.msg}") from None
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            else:
                continue
            for name in names:
                yield from _installed(name.partition(".")[0], file, folder)
    elif file.suffix == ".yaml" or file.name.endswith("_yaml"):
        text = file.read_text(encoding="utf-8")
        for included in _INCLUDE.findall(text):
            target = (file.parent / included).resolve()
            if not target.is_relative_to(folder.resolve()) and not target.is_relative_to(OWN_TASKS.resolve()):
                raise InputError(
                    f"{file} includes {included}, which is outside the folder: copy it into the folder"
                )
        for module in _FUNCTION.findall(text):
            if not (file.parent / f"{module.replace('.', '/')}.py").is_file():
                yield from _installed(module.partition(".")[0], file, folder)


def _installed(name: str, file: Path, folder: Path) -> Iterator[str]:
    if name in sys.stdlib_module_names:
        return
    if name in packages_distributions():
        yield name
        return
    if (folder / f"{name}.py").is_file() or (folder / name).is_dir():
        return
    found = importlib.util.find_spec(name)
    where = "" if found is None else f" ({found.origin})"
    raise InputError(
        f"{file} needs {name!r}{where}, which is neither in the folder nor an installed package: put it there"
    )
