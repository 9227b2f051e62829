"""The layout: what may import what, how full a folder may be, and that a name means one thing."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("benchmark", "leaderboard")
MOST_MODULES = 15
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MODULES = [path for path in SOURCES if path.name != "__init__.py"]


def test_no_room_imports_from_a_higher_floor_and_no_modules_in_a_circle() -> None:
    """The contracts stand in pyproject.toml."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=lambda path: path.name)
def test_a_folder_holds_at_most_fifteen_modules(folder: Path) -> None:
    assert len([path for path in MODULES if path.parent == folder]) <= MOST_MODULES


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.stem for path in MODULES)
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    "page", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_the_modules_that_a_page_names_are_there(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"`([\w/]+\.py)\b", prose)
    there = {path.name for path in (*SOURCES, *(ROOT / "tests").rglob("*.py"))}
    assert [name for name in named if not ((ROOT / name).exists() if "/" in name else name in there)] == []
