"""Which files of this package a module, a stage or a result depends on. The code is parsed, never run.

The key of a cached result and the `deps` of a stage cover exactly these files. Imports count everywhere, inside
functions too, except under `if TYPE_CHECKING`. A file counts if a module names it and it lies beside the module, or if
lm-eval loads it because the YAML of a suite names it. A file without any statement does not count.
"""

import ast
import functools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
STAGES = "benchmark.pipeline.stages"
"""The module with a function for each stage, under the stage's name."""
SUITES = "benchmark.tasks.suite"
"""The module that has lm-eval load the suites in the folders beside it."""
ARMS = "benchmark.posttrain.arms"
"""The package that imports every module beside it."""

NO_FIGURE = {
    "benchmark.system.import_closure": "decides what is computed again, not what the result is",
    "benchmark.errors": "the errors' names and messages",
    "benchmark.execution.parent_death": "ends a stage whose `dvc` has died",
    "benchmark.system.git": "what git says of this repository, for provenance and `gapbench diff`",
    "benchmark.system.progress": "lines on the screen",
    "benchmark.store.provenance": "time and machine, in a file that is not an output of any stage",
}
"""Modules that no stage depends on, each with the reason: they cannot change a byte of what a stage writes."""
NOT_KEYED = {
    "benchmark.system.content_hash": "computes the keys themselves",
    ARMS: "imports every arm; the key of a run covers the module of its own arm",
    "benchmark.settings.arm_specs": "the values that are used are in the key",
    "benchmark.settings.model_specs": "the values that are used are in the key",
    "benchmark.settings.run_options": "the values that are used are in the key",
    "benchmark.settings.task_suite": "the values that are used are in the key",
}
"""Further modules that no content key covers, each with the reason."""
STAGE_NAMES = ("corpus", "model", "base", "posttrain", "score")

_FUNCTION = re.compile(r"!function\s+([\w.]+)\.\w+")
_INCLUDE = re.compile(r"^include:\s*[\"']?([^\s\"']+)", re.MULTILINE)
_FILE_NAME = re.compile(r"[\w-]+(\.[\w-]+)+")


@dataclass(frozen=True)
class ModuleFacts:
    """What one module contains: dotted names that it imports, names of files, and whether it has any statement."""

    imports: frozenset[str]
    file_names: frozenset[str]
    has_code: bool


def modules(
    *names: str,
    cut: Iterable[str] = NO_FIGURE,
    suites: Collection[str] | None = None,
    package: Path = PACKAGE,
) -> frozenset[Path]:
    """The files of this package that the named modules depend on, including their own and those of their packages.

    Args:
        names: dotted, such as `benchmark.posttrain.run_loop`.
        cut: modules that are left out, together with what only they import.
        suites: folders of `benchmark/tasks` that count if suites are loaded; all by default.
        package: the package's folder.

    Raises:
        ModuleNotFoundError: one of `names` is not a module of the package, or one of `suites` is not a suite.
        ValueError: one of `names` is cut.
    """
    walk = _Walk(package, frozenset(cut), suites)
    for name in names:
        if name in walk.cut:
            raise ValueError(f"{name} is left out of all dependencies, so they cannot start from it")
        if not walk.add(name):
            raise ModuleNotFoundError(f"no module {name} in {package}")
    return walk.finished()


def keyed_modules(
    *names: str, suites: Collection[str] | None = None, package: Path = PACKAGE
) -> frozenset[Path]:
    """The files that the key of what the named modules compute covers; arguments as for `modules`."""
    return modules(*names, cut=(*NO_FIGURE, *NOT_KEYED), suites=suites, package=package)


def is_keyed(name: str, package: Path = PACKAGE) -> bool:
    """Whether a dotted name is a module of this package that keys cover."""
    cut = frozenset((*NO_FIGURE, *NOT_KEYED))
    return name not in cut and _Walk(package, cut, None).source(name) is not None


def pipeline_files(package: Path = PACKAGE) -> frozenset[Path]:
    """The files that any stage depends on."""
    return frozenset().union(*(stage_files(stage, package) for stage in STAGE_NAMES))


def stage_files(stage: str, package: Path = PACKAGE) -> frozenset[Path]:
    """The files of this package that a stage depends on.

    All stages are functions of one module, so the search starts at what the stage's function uses there.

    Raises:
        KeyError: there is no such stage.
    """
    walk = _Walk(package, frozenset(NO_FIGURE), None)
    source = walk.source(STAGES)
    if source is None:
        raise ModuleNotFoundError(f"no module {STAGES} in {package}")
    walk.files.add(source)
    for name in _used_by(ast.parse(source.read_bytes()), stage):
        walk.add(name)
    return walk.finished()


class _Walk:
    """A search over imports: the files that are reached, and the modules that are still to be parsed."""

    def __init__(self, package: Path, cut: frozenset[str], suites: Collection[str] | None) -> None:
        self.package, self.cut, self.suites = package, cut, suites
        self.files: set[Path] = set()
        self._seen: set[str] = set()
        self._left: list[str] = []

    def source(self, name: str) -> Path | None:
        """The file of a module of the package; None for any other name."""
        first, *rest = name.split(".")
        if first != self.package.name:
            return None
        path = self.package.joinpath(*rest)
        files = (file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file())
        return next(files, None)

    def add(self, name: str) -> bool:
        """Add a module and the packages around it; False if there is none of that name."""
        if self.source(name) is None:
            return False
        parts = name.split(".")
        around = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
        self._left += [module for module in around if module not in self._seen and module not in self.cut]
        self._seen.update(around)
        return True

    def finished(self) -> frozenset[Path]:
        """All files that are reached."""
        while self._left:
            name = self._left.pop()
            source = self.source(name)
            if source is None:
                continue
            facts = facts_of(source.read_bytes(), name, source.name == "__init__.py")
            if facts.has_code:
                self.files.add(source)
            beside = (source.with_name(file) for file in facts.file_names)
            self.files.update(file for file in beside if file.suffix != ".py" and file.is_file())
            for imported in facts.imports:
                self.add(imported)
            if name == SUITES:
                self._add_suites(source.parent)
            if name == ARMS:
                for file in source.parent.glob("[a-z]*.py"):
                    self.add(f"{ARMS}.{file.stem}")
        return frozenset(self.files)

    def _add_suites(self, folder: Path) -> None:
        there = {path.parent.name for path in folder.glob("*/_suite.yaml")}
        for suite in there if self.suites is None else self.suites:
            if suite not in there:
                raise ModuleNotFoundError(f"no suite {suite} in {folder}")
            for file in (folder / suite).rglob("*.yaml"):
                self._add_task(file)

    def _add_task(self, file: Path) -> None:
        """Add a YAML file of lm-eval, what it includes, and the modules whose functions it names."""
        if file in self.files or not file.is_file():
            return
        self.files.add(file)
        text = file.read_text(encoding="utf-8")
        for other in _INCLUDE.findall(text):
            self._add_task((file.parent / other).resolve())
        around = ".".join([self.package.name, *file.parent.relative_to(self.package).parts])
        for name in _FUNCTION.findall(text):
            if not self.add(f"{around}.{name}"):
                self.add(name)


def has_code(file: Path) -> bool:
    """Whether anything may depend on a file: nothing depends on a module without any statement."""
    return file.suffix != ".py" or facts_of(file.read_bytes(), file.stem, file.name == "__init__.py").has_code


@functools.cache
def facts_of(source: bytes, name: str, is_package: bool) -> ModuleFacts:
    """What a module's source imports and names; SyntaxError if it is not Python."""
    tree = ast.parse(source)
    around = name if is_package else name.rpartition(".")[0]
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    files = frozenset(text for text in texts if isinstance(text, str) and _FILE_NAME.fullmatch(text))
    has_docstring = ast.get_docstring(tree, clean=False) is not None
    return ModuleFacts(frozenset(_imported(tree, around)), files, len(tree.body) > has_docstring)


def _imported(node: ast.AST, around: str) -> Iterator[str]:
    """Dotted names that are imported below `node`; `from a import b` gives `a` and `a.b`, which may not be a module.

    Args:
        around: the package from which a relative import starts.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if node.level:
            parts = around.split(".")
            module = ".".join([*parts[: len(parts) - node.level + 1], *([module] if module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and _is_for_types(node.test):
        for other in node.orelse:
            yield from _imported(other, around)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imported(child, around)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name | ast.Attribute) and ast.unparse(test).endswith("TYPE_CHECKING")


def _used_by(tree: ast.Module, function: str) -> set[str]:
    """What a function of a module imports, directly or through what it uses at the top of the module."""
    around = STAGES.rpartition(".")[0]
    defined: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for bound in _bound(statement):
            defined.setdefault(bound, []).append(statement)
    if function not in defined:
        raise KeyError(function)
    imports: set[str] = set()
    seen, left = {function}, [function]
    while left:
        for statement in defined.get(left.pop(), ()):
            imports.update(_imported(statement, around))
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - seen
            seen |= used
            left += used
    return imports


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
