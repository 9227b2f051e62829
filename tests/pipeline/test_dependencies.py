"""Keys and the `deps` of dvc.yaml hold the code that figures follow from: as lists, and by effect."""

import ast
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from benchmark.models import micro_cache
from benchmark.pipeline.dependencies import with_code_deps
from benchmark.pipeline.prepare_dvc import prepare_track
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.run_code import run_files
from benchmark.system.content_hash import code_digest
from benchmark.system.import_closure import (
    NO_FIGURE,
    NOT_KEYED,
    PACKAGE,
    STAGE_NAMES,
    STAGES,
    has_code,
    keyed_modules,
    modules,
    stage_files,
)
from tests.pipeline.small import ROOT

RUNS = {
    "ascent on micro12": ({"ascent"}, "micro12"),
    "ascent on gap12": ({"ascent"}, "gap12-5shot"),
    "descent on micro12": ({"descent"}, "micro12"),
    "random on micro12": ({"random"}, "micro12"),
    "soup of ascent on micro12": ({"soup", "ascent"}, "micro12"),
}
"""Some runs: the kinds of arm that stand in their keys, and their suite."""
EVERY_STAGE = frozenset(STAGE_NAMES)
SUITE_STAGES = frozenset({"base", "posttrain", "score"})
EVERY_RUN = frozenset(RUNS)
ON_MICRO12 = frozenset(name for name in RUNS if name.endswith("micro12"))


def declared(root: Path) -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml by name, without `foreach`."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: body.get("do", body) for name, body in stages.items()}


def expanded(root: Path, stage: str) -> set[Path]:
    """The files of code that dvc.yaml names for a stage, folders as the files that they hold."""
    deps = [dep for dep in declared(root)[stage]["deps"] if "${" not in dep]
    assert [dep for dep in deps if not (root / dep).exists()] == []
    found = set[Path]()
    for dep in deps:
        path = root / dep
        held = path.rglob("*") if path.is_dir() else [path]
        found |= {file for file in held if file.is_file() and "__pycache__" not in file.parts}
    return found


def names(files: set[Path] | frozenset[Path]) -> list[str]:
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_dvc_yaml_names_the_code_that_a_stage_imports_no_more_and_no_less(stage: str) -> None:
    followed, listed = stage_files(stage), expanded(ROOT, stage)
    missing = names(followed - listed)
    unused = names({file for file in listed - followed if has_code(file)})
    assert (missing, unused) == ([], []), f"dvc.yaml, {stage}: `gapbench track deps` adds and drops these"


def test_dvc_yaml_is_as_the_command_writes_it() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert with_code_deps(text) == text, "dvc.yaml: run `gapbench track deps`"


def test_the_files_of_an_arm_that_is_gone_are_no_dependencies_any_more(tmp_path: Path) -> None:
    shutil.copy2(ROOT / "params.yaml", tmp_path)
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(with_code_deps(text, of_arms=["tricks/gone.py"]), encoding="utf-8")
    assert "tricks/gone.py" in (tmp_path / "dvc.yaml").read_text(encoding="utf-8")
    prepare_track(tmp_path / "params.yaml")
    assert (tmp_path / "dvc.yaml").read_text(encoding="utf-8") == text


def test_every_stage_runs_the_function_that_its_code_is_read_from() -> None:
    stages = declared(ROOT)
    assert tuple(stages) == STAGE_NAMES
    for name, body in stages.items():
        assert body["cmd"].startswith(f"exec gapbench stage {name} ")
    for dvcfile in ROOT.glob("tracks/*/dvc.yaml"):
        assert dvcfile.resolve() == ROOT / "dvc.yaml"


def test_what_is_left_out_of_deps_is_imported_and_takes_nothing_else_with_it() -> None:
    left_out = modules(STAGES, cut=()) - modules(STAGES)
    assert left_out == {PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py") for name in NO_FIGURE}


def test_what_is_left_out_of_keys_is_imported() -> None:
    arms = [arm.__module__ for arm in ARMS.values()]
    roots = ("benchmark.posttrain.run_loop", "benchmark.world.task_documents", *micro_cache.CODE, *arms)
    left_out = modules(*roots) - keyed_modules(*roots)
    for name in NOT_KEYED:
        path = PACKAGE.parent.joinpath(*name.split("."))
        assert {path.with_suffix(".py"), path / "__init__.py"} & left_out


@pytest.mark.parametrize("kind", ARMS)
def test_the_generator_of_an_arm_stands_in_a_module_of_its_own(kind: str) -> None:
    others = [other.__module__ for name, other in ARMS.items() if name != kind]
    assert ARMS[kind].__module__.startswith("benchmark.posttrain.arms.")
    assert ARMS[kind].__module__ not in others


def test_code_behind_a_key_takes_only_values_from_the_settings() -> None:
    """What a key leaves out of settings.py must stand in it as a value: no function, no derived value is used."""
    keyed = run_files({arm.__module__ for arm in ARMS.values()}, "micro12") | keyed_modules(*micro_cache.CODE)
    for file in keyed:
        tree = ast.parse(file.read_bytes()) if file.suffix == ".py" else ast.Module([], [])
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in NOT_KEYED and "settings" in node.module:
                for alias in node.names:
                    taken = getattr(importlib.import_module(node.module), alias.name)
                    assert issubclass(taken, BaseModel), f"{file}: {alias.name}"
                    derived = {
                        name
                        for name, value in vars(taken).items()
                        if not name.startswith("_") and (callable(value) or isinstance(value, property))
                    }
                    # What an arm is made of by its recipe stands in the key as that recipe.
                    assert not (derived - {"recipe"}) & used, f"{file}: {alias.name}"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and dvc.yaml, to be edited."""
    root = tmp_path_factory.mktemp("edited") / "root"
    for folder in ("benchmark", "leaderboard"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
        )
    shutil.copy(ROOT / "dvc.yaml", root / "dvc.yaml")
    return root


def stage_digests(root: Path) -> dict[str, str]:
    return {stage: code_digest(expanded(root, stage), root) for stage in STAGE_NAMES}


def run_digests(root: Path) -> dict[str, str]:
    package = root / "benchmark"
    return {
        run: code_digest(run_files({ARMS[kind].__module__ for kind in kinds}, suite, package), package)
        for run, (kinds, suite) in RUNS.items()
    }


def other_digests(root: Path) -> dict[str, str]:
    package = root / "benchmark"
    return {
        "rungs": code_digest(keyed_modules(*micro_cache.CODE, package=package), package),
        "kept rows": code_digest(keyed_modules("benchmark.world.task_documents", package=package), package),
    }


@pytest.fixture(scope="module")
def before(copied: Path) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    return stage_digests(copied), run_digests(copied), other_digests(copied)


@pytest.fixture
def edited(
    request: pytest.FixtureRequest, copied: Path, before: tuple[dict[str, str], ...]
) -> Iterator[Path]:
    """A file of the copy with one more line, or a new one."""
    path = copied / request.param
    text = path.read_bytes() if path.exists() else None
    path.write_bytes((text or b"") + (b"EDITED = 1\n" if path.suffix == ".py" else b"# edited\n"))
    yield copied
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text)


NONE: frozenset[str] = frozenset()
EDITS = {
    "a gold label of the world": ("world/nature.py", EVERY_STAGE, ON_MICRO12, {"rungs", "kept rows"}),
    "how the world's questions are drawn": (
        "world/task_documents.py",
        EVERY_STAGE - {"model"},
        ON_MICRO12,
        {"kept rows"},
    ),
    "the world's plain text": ("world/pretraining_text.py", {"corpus", "model"}, NONE, {"rungs"}),
    "a task's YAML": ("tasks/micro12/micro_cause.yaml", SUITE_STAGES, ON_MICRO12, NONE),
    "a YAML that tasks include": ("tasks/gap12/_dialogue.yaml", SUITE_STAGES, {"ascent on gap12"}, NONE),
    "code that a task's YAML names": ("tasks/gap12/prompts.py", SUITE_STAGES, {"ascent on gap12"}, NONE),
    "code that that code imports": ("tasks/gap12/splits.py", SUITE_STAGES, {"ascent on gap12"}, NONE),
    "the metric of dialogues": ("tasks/dialogue.py", SUITE_STAGES, EVERY_RUN, NONE),
    "a rule of scoring": ("scoring/comparisons.py", {"score"}, NONE, NONE),
    "what is held against what": ("corpora/overlap.py", {"score"}, NONE, NONE),
    "a column of the results": ("schema/result_columns.py", {"score"}, NONE, NONE),
    "a column of the samples": ("schema/stored_columns.py", {"corpus", *SUITE_STAGES}, EVERY_RUN, NONE),
    "an arm": ("posttrain/arms/descent.py", {"posttrain"}, {"descent on micro12"}, NONE),
    "an arm that others build on": (
        "posttrain/arms/ascent.py",
        {"posttrain"},
        EVERY_RUN - {"descent on micro12"},
        NONE,
    ),
    "an arm that has no runs here": ("posttrain/arms/shuffled.py", {"posttrain"}, NONE, NONE),
    "a new arm": ("posttrain/arms/sideways.py", {"posttrain"}, NONE, NONE),
    "the list of arms": ("posttrain/arms/__init__.py", {"posttrain"}, NONE, NONE),
    "what all arms share": ("posttrain/arms/interface.py", {"posttrain"}, EVERY_RUN, NONE),
    "the run loop": ("posttrain/run_loop.py", {"posttrain"}, EVERY_RUN, NONE),
    "which runs there are": ("posttrain/run_requests.py", {"posttrain"}, NONE, NONE),
    "the engine": ("evaluation/decoding.py", {"base", "posttrain"}, EVERY_RUN, NONE),
    "the forward pass": (
        "models/networks/opt_forward.py",
        {"model", "base", "posttrain"},
        EVERY_RUN,
        {"rungs"},
    ),
    "the model": ("models/opt.py", {"model", "base", "posttrain"}, EVERY_RUN, {"rungs"}),
    "lm-eval's door to the engine": ("evaluation/lm_eval_model.py", NONE, NONE, NONE),
    "arithmetic": ("arithmetic/mode.py", EVERY_STAGE, EVERY_RUN, {"rungs", "kept rows"}),
    "one thread": ("arithmetic/single_thread.py", {"model", "base", "posttrain"}, EVERY_RUN, {"rungs"}),
    "the optimiser of rungs": ("models/muon.py", {"model"}, NONE, {"rungs"}),
    "the settings' schema": ("settings/track_settings.py", EVERY_STAGE, NONE, NONE),
    "options of a run": ("settings/run_options.py", EVERY_STAGE, NONE, NONE),
    "workers": ("execution/workers.py", {"model", "base", "posttrain"}, NONE, NONE),
    "what a run group holds": ("posttrain/run_group.py", {"posttrain"}, NONE, NONE),
    "texts of a corpus": ("corpora/code_texts.jsonl", {"corpus"}, NONE, NONE),
    "how files of texts are read": ("corpora/text_files.py", {"corpus"}, NONE, NONE),
    "how tables of texts are read": ("public_data/delimited_texts.py", {"corpus"}, NONE, NONE),
    "a simulation": ("simulations/crossed_coverage.py", NONE, NONE, NONE),
    "published tables": ("published/comparison_tables.py", NONE, NONE, NONE),
    "a check of submissions": ("intake/check.py", NONE, NONE, NONE),
    "a progress line": ("system/progress.py", NONE, NONE, NONE),
    "the command line": ("cli.py", NONE, NONE, NONE),
    "a page": ("../leaderboard/app.py", NONE, NONE, NONE),
}
"""By kind of file: the file, and what is computed again where it changes (stages, runs, anything else kept)."""


@pytest.mark.parametrize(
    ("edited", "stages", "runs", "others"),
    [(f"benchmark/{file}", *expected) for file, *expected in EDITS.values()],
    indirect=["edited"],
    ids=EDITS,
)
def test_an_edit_has_computed_again_what_follows_from_it_and_nothing_else(
    edited: Path, before: tuple[dict[str, str], ...], stages: set[str], runs: set[str], others: set[str]
) -> None:
    after = stage_digests(edited), run_digests(edited), other_digests(edited)
    changed = [
        {name for name in old if old[name] != new[name]} for old, new in zip(before, after, strict=True)
    ]
    assert changed == [set(stages), set(runs), set(others)]


def test_a_new_arm_leaves_the_runs_of_the_arms_before_it(copied: Path) -> None:
    package = copied / "benchmark"
    runs = run_digests(copied)
    new = package / "posttrain/arms/sideways.py"
    new.write_text("from benchmark.posttrain.arms.interface import gradient_attempts\n", encoding="utf-8")
    try:
        assert new in stage_files("posttrain", package)
        assert new not in stage_files("base", package)
        assert run_digests(copied) == runs
    finally:
        new.unlink()
