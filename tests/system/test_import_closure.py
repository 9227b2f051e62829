"""The walk over imports, on a package made for it."""

from pathlib import Path

import pytest

from benchmark.system.import_closure import modules, stage_files

FILES = {
    "__init__.py": "from benchmark import always",
    "always.py": "FIRST = 1",
    "plain.py": "import benchmark.one.deep",
    "inside.py": "def function():\n    if True:\n        from benchmark.one import deep",
    "typed.py": "import typing\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import benchmark.plain\n"
    "else:\n    import benchmark.leaf\nif typing.TYPE_CHECKING:\n    import benchmark.plain",
    "relative.py": "from . import leaf\nfrom .one import deep",
    "named.py": "from pathlib import Path\nTABLE = Path(__file__).with_name('table.csv')\nOTHER = 'leaf.py'",
    "table.csv": "a,b",
    "outer.py": "import os.path, numpy\nfrom json import loads",
    "leaf.py": "A = 1",
    "ring.py": "import benchmark.back",
    "back.py": "import benchmark.ring",
    "one/__init__.py": '"""Nothing but words."""',
    "one/deep.py": "from ..leaf import A",
    "pipeline/stages.py": "import benchmark.plain\nfrom benchmark.leaf import A\nimport benchmark.always as other\n"
    "KINDS = {'kind': _kind}\ndef first(): return KINDS\ndef _kind():\n    import benchmark.named\n"
    "def second(value: A): pass\ndef third():\n    def within():\n        from benchmark.ring import x",
    "tasks/suite.py": "A = 1",
    "tasks/shared.yaml": "doc_to_text: !function shared.text",
    "tasks/shared.py": "A = 1",
    "tasks/mine/_suite.yaml": "group: mine",
    "tasks/mine/task.yaml": "include: ../shared.yaml\ncustom_dataset: !function data.rows\n"
    "class: !function benchmark.leaf.Task",
    "tasks/mine/data.py": "import benchmark.always",
    "tasks/mine/unused.py": "A = 1",
    "tasks/other/_suite.yaml": "group: other",
    "tasks/other/task.yaml": "custom_dataset: !function data.rows",
    "tasks/other/data.py": "A = 1",
}
ALWAYS = {"__init__.py", "always.py"}
MINE = {"mine/_suite.yaml", "mine/task.yaml", "mine/data.py", "shared.yaml", "shared.py"}
OTHER = {"other/_suite.yaml", "other/task.yaml", "other/data.py"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "benchmark"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    return folder


def told(package: Path, files: frozenset[Path]) -> set[str]:
    names = {file.relative_to(package).as_posix() for file in files}
    assert names >= ALWAYS
    return names - ALWAYS


@pytest.mark.parametrize(
    ("start", "reached"),
    [
        ("plain", {"plain.py", "one/deep.py", "leaf.py"}),
        ("inside", {"inside.py", "one/deep.py", "leaf.py"}),
        ("typed", {"typed.py", "leaf.py"}),
        ("relative", {"relative.py", "one/deep.py", "leaf.py"}),
        ("named", {"named.py", "table.csv"}),
        ("outer", {"outer.py"}),
        ("ring", {"ring.py", "back.py"}),
    ],
)
def test_imports_are_followed_wherever_they_stand(package: Path, start: str, reached: set[str]) -> None:
    assert told(package, modules(f"benchmark.{start}", package=package)) == reached


def test_a_module_that_is_cut_is_left_out_with_what_only_it_imports(package: Path) -> None:
    files = modules("benchmark.plain", "benchmark.ring", cut=("benchmark.one.deep",), package=package)
    assert told(package, files) == {"plain.py", "ring.py", "back.py"}


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("first", {"named.py", "table.csv"}),
        ("second", {"leaf.py"}),
        ("third", {"ring.py", "back.py"}),
    ],
)
def test_a_stage_follows_from_what_its_function_uses(package: Path, stage: str, reached: set[str]) -> None:
    assert told(package, stage_files(stage, package)) == {"pipeline/stages.py", *reached}


@pytest.mark.parametrize(("suites", "reached"), [(None, MINE | OTHER), (["mine"], MINE), ([], set())])
def test_suites_bring_their_yaml_and_the_code_that_it_names(
    package: Path, suites: list[str] | None, reached: set[str]
) -> None:
    files = told(package, modules("benchmark.tasks.suite", suites=suites, package=package))
    leaf = {"leaf.py"} if reached >= MINE else set()
    assert files == {f"tasks/{name}" for name in reached} | leaf | {"tasks/suite.py"}


def test_names_of_nothing_are_refused(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"benchmark\.nothing"):
        modules("benchmark.nothing", package=package)
    with pytest.raises(ModuleNotFoundError, match="no suite ours"):
        modules("benchmark.tasks.suite", suites=["ours"], package=package)
    with pytest.raises(ValueError, match=r"benchmark\.leaf is left out"):
        modules("benchmark.leaf", cut=("benchmark.leaf",), package=package)
    with pytest.raises(KeyError, match="fourth"):
        stage_files("fourth", package)
