"""A trained rung is found again only while the code that it follows from is the same."""

import ast
from pathlib import Path

import benchmark
from benchmark.closure import keyed_modules
from benchmark.models.ladder import CODE

PACKAGE = Path(benchmark.__file__).parent


def imported(module: str) -> set[str]:
    """Modules of this package's `models` and `world` that `module` (a path) imports."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    paths = (Path(*name.split(".")[1:]).with_suffix(".py") for name in names if name.startswith("benchmark."))
    return {path.as_posix() for path in paths if path.parts[0] in {"models", "world"}}


def test_the_digest_of_a_rung_covers_all_code_that_its_training_imports() -> None:
    covered = {file.relative_to(PACKAGE).as_posix() for file in keyed_modules(*CODE)}
    reached, left = set[str](), ["models/micro.py"]
    while left:
        module = left.pop()
        reached.add(module)
        left += imported(module) - reached
    assert {"models/weights.py", "world/text.py"} <= reached
    assert reached <= covered
    assert {"arithmetic/alone.py", "arithmetic/products.py", "world/lexicon.py"} <= covered
