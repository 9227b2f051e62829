"""What a file from outside this package depends on. The code is parsed, never run.

Files that it imports count with their content, installed distributions with name and version, and Python's own library
not at all. A file counts too if a module names it and it lies beside the module. What is imported by a computed name
is not seen.
"""

import functools
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.errors import InputError
from benchmark.system.content_hash import digest, sha256_of
from benchmark.system.import_closure import PACKAGE, facts_of


@dataclass(frozen=True)
class OutsideCode:
    """What code from outside consists of.

    Attributes:
        files: by name, relative to the folder that they are imported from.
        own: dotted names of this package that it imports; of `from a import b` both `a` and `a.b`.
        distributions: such as `torch==2.13.0`.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    distributions: frozenset[str] = frozenset()

    def digest(self) -> str:
        """sha256 over the files' names and content and the distributions; this package's code is not in it."""
        files = {name: sha256_of(path) for name, path in self.files.items()}
        return digest([files, sorted(self.distributions)])


def outside_code(file: Path) -> OutsideCode:
    """A file and all that it imports.

    Raises:
        InputError: a file is missing or is not Python.
    """
    files: dict[str, Path] = {}
    own, distributions = set[str](), set[str]()
    left = [(file, file.parent)]
    while left:
        path, folder = left.pop()
        name = path.relative_to(folder).as_posix()
        if files.get(name) == path:
            continue
        files[name] = path
        dotted = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for imported in _facts(path, dotted, files):
            top = imported.partition(".")[0]
            if beside := list(_modules(imported, folder)):
                left += [(found, folder) for found in beside]
            elif top == PACKAGE.name:
                own.add(imported)
            elif top and top not in sys.stdlib_module_names:
                named = _distributions().get(top, [])
                distributions.update(f"{one}=={importlib.metadata.version(one)}" for one in named)
                if not named and (elsewhere := _folder_of(top)):
                    left += [(found, elsewhere) for found in _modules(imported, elsewhere)]
    return OutsideCode(files, frozenset(own), frozenset(distributions))


def distribution_of(module: str) -> str:
    """Name and version of the installed distribution that a module belongs to.

    Raises:
        InputError: it belongs to none.
    """
    named = _distributions().get(module.partition(".")[0])
    if not named:
        raise InputError(f"no installed package has a module '{module}': install it, or name a file")
    return f"{named[0]}=={importlib.metadata.version(named[0])}"


def _facts(path: Path, dotted: str, files: dict[str, Path]) -> Iterator[str]:
    """The names that a module imports; files that it names and that lie beside it are added to `files`."""
    try:
        source = path.read_bytes()
        facts = facts_of(source, dotted, path.name == "__init__.py")
    except OSError:
        raise InputError(f"no file {path}: name an existing one") from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise InputError(f"{path}, line {line}: not Python ({error.args[0]})") from None
    for name in facts.file_names:
        beside = path.with_name(name)
        if beside.suffix != ".py" and beside.is_file():
            files[name] = beside
    yield from sorted(one.strip(".") for one in facts.imports)


def _modules(name: str, folder: Path) -> Iterator[Path]:
    """The files in `folder` that importing a dotted name runs."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:length])
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())


def _folder_of(top: str) -> Path | None:
    """The folder on Python's path that holds a module of no distribution."""
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if found is None or not found.origin or not Path(found.origin).is_file():
        return None
    place = Path(found.origin)
    return place.parents[1] if place.name == "__init__.py" else place.parent


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
