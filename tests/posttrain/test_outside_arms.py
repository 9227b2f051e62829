"""Arms whose code is the user's own, and checkpoints: what they are given, what is refused, what the keys hold."""

import importlib.metadata
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.errors import InputError
from benchmark.models.model_folders import load_model
from benchmark.pipeline.dependencies import with_code_deps
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.outside.arm_files import arm_files, refuse_unseen
from benchmark.posttrain.run_loop import RunRequest, execute_run
from benchmark.posttrain.run_requests import check_arm, group_requests, request, run_key
from benchmark.settings.track_settings import Settings
from benchmark.system.outside_code import outside_code
from tests.conftest import ROOT
from tests.posttrain import test_arms
from tests.posttrain.test_run_loop import base_with, settings_with

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TEXTS = micro_corpus("code", 6, 0)
TRICK = """
from benchmark.posttrain.arms.interface import gradient_attempts
from beside import SIGN

def attempts(start, *, strength: float = 1.0, words: tuple[str, ...] = ()):
    assert start.tokenizer.decode(start.tokens)
    assert float(start.loss(start.model.params)) > 0
    return gradient_attempts(start, start.tokens, ascend=SIGN > 0)
"""


def settings_of(folder: Path, arms: dict[str, Any], **changes: Any) -> Settings:
    return settings_with(arms=arms, **changes).placed(folder)


@pytest.fixture(scope="module")
def base(tiny_rung: Path) -> Base:
    return base_with(tiny_rung, settings_with(evaluation={"documents": 2, "select_documents": 2}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trick.py").write_text(TRICK, encoding="utf-8")
    (tmp_path / "beside.py").write_text("SIGN = 1\n", encoding="utf-8")
    return tmp_path


def asked(base: Base, folder: Path, **options: Any) -> RunRequest:
    settings = settings_of(folder, {"mine": {"kind": "trick.py:attempts", **options}})
    return request(settings, base, "code", TEXTS[0], "mine", 0)


def blocks(title: str) -> list[str]:
    """The blocks of code of CONTRIBUTING's section."""
    section = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```\w+\n(.*?)^```$", section, flags=re.S | re.M)


def test_the_trick_of_contributing_runs_as_it_stands_there(
    tiny_rung: Path,
    tmp_path: Path,
    gapbench: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, lines = blocks("Try an arm of your own")
    (tmp_path / "tricks").mkdir()
    (tmp_path / "tricks" / "damped.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(ROOT)
    options = []
    for name, arm in yaml.safe_load(lines).items():
        kind = arm["kind"].replace("tricks/", f"{os.path.relpath(tmp_path, ROOT)}/tricks/")
        options += ["--set", f"arms.{name}={yaml.safe_dump(arm | {'kind': kind}, default_flow_style=True)}"]
    for arm in ("mine", "mine-random"):
        status, _, said = gapbench(
            "run", "--model", str(tiny_rung), "--corpus", "code", "--index", "0", "--arm", arm, "--seed", "0",
            "--suite", "micro12", "--limit", "2", "--out", str(tmp_path / arm), *options,
        )  # fmt: skip
        assert status == 0, said
    mine, placebo = (
        yaml.safe_load((tmp_path / arm / "run.json").read_text(encoding="utf-8"))["steps"]
        for arm in ("mine", "mine-random")
    )
    assert [step["distance"] for step in mine] == pytest.approx(
        [step["distance"] for step in placebo], rel=1e-3
    )


def test_the_arm_of_contributing_passes_the_test_that_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    code, line, test = blocks("Add an arm")
    module: dict[str, Any] = {}
    exec(code, module)
    (kind,) = (arm["kind"] for arm in yaml.safe_load(line).values())
    monkeypatch.setitem(ARMS, kind, module["attempts"])
    names = {**vars(test_arms), "replace": replace}
    exec(test, names)
    names["test_first_half_ignores_the_second_half"](test_arms.small_model())


def test_a_trick_gets_tokenizer_and_loss_and_leaves_the_model_as_it_is(base: Base, folder: Path) -> None:
    before = {name: tensor.clone() for name, tensor in base.model.params.items()}
    (folder / "beside.py").write_text("SIGN = 1\n", encoding="utf-8")
    (folder / "trick.py").write_text(
        TRICK.replace(
            "    return", "    start.model.params['model.decoder.embed_tokens.weight'].zero_()\n    return"
        ),
        encoding="utf-8",
    )
    result = execute_run(asked(base, folder), base.scorer)
    assert len(result.record.steps) == 5
    assert all(torch.equal(before[name], tensor) for name, tensor in base.model.params.items())


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("    yield 1 / 0", "trick.py, line 2: ZeroDivisionError: division by zero"),
        ("    yield start.model.params", "it yields dict: yield an Attempt"),
        (
            "    yield __import__('benchmark').posttrain.arms.Attempt(True, {})",
            "embed_tokens.weight is missing",
        ),
        ("    return None", "TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_what_goes_wrong_in_a_trick_ends_its_run_with_one_line(
    base: Base, folder: Path, body: str, says: str
) -> None:
    (folder / "trick.py").write_text(f"def attempts(start):\n{body}\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        execute_run(asked(base, folder), base.scorer)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_error_in_a_helper_names_the_helper_and_one_in_torch_the_trick(base: Base, folder: Path) -> None:
    (folder / "beside.py").write_text("import torch\n\ndef fail():\n    torch.zeros(2) @ torch.zeros(3)\n")
    (folder / "trick.py").write_text("def attempts(start):\n    import beside\n    yield beside.fail()\n")
    with pytest.raises(InputError, match=r"beside\.py, line 4: RuntimeError"):
        execute_run(asked(base, folder), base.scorer)


@pytest.mark.parametrize(
    ("arm", "says"),
    [
        (
            {"kind": "trick.py:attempts", "strenght": 0.3},
            "arms.mine.strenght: unknown key, did you mean 'strength'",
        ),
        (
            {"kind": "trick.py:attempts", "strength": "much"},
            "arms.mine.strength: 'much': Input should be a valid",
        ),
        ({"kind": "trick.py:attempts", "words": [1]}, "arms.mine.words"),
        ({"kind": "trick.py:attempt"}, "no function 'attempt' there; it has"),
        ({"kind": "trik.py:attempts"}, "trik.py: the path starts at the folder of the settings file"),
        ({"kind": "broken.py:attempts"}, "broken.py, line 1"),
        ({"kind": "nowhere.module:attempts"}, "no installed package has a module 'nowhere.module'"),
        ({"kind": "link.py:attempts"}, "code of a submission is never run"),
        ({"kind": "ascnt"}, "no kind 'ascnt', did you mean 'ascent'"),
    ],
)
def test_an_arm_that_cannot_be_run_is_refused(folder: Path, arm: dict[str, Any], says: str) -> None:
    (folder / "broken.py").write_text("def attempts(:\n", encoding="utf-8")
    (folder / "submissions").mkdir()
    (folder / "submissions" / "theirs.py").write_text(TRICK, encoding="utf-8")
    (folder / "link.py").symlink_to("submissions/theirs.py")
    with pytest.raises(InputError) as refused:
        check_arm(settings_of(folder, {"mine": arm}), "mine")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_lists_and_whole_numbers_fit_the_types_of_a_trick(base: Base, folder: Path) -> None:
    options = asked(base, folder, words=["a", "b"], strength=2).options
    assert options == {"words": ("a", "b"), "strength": 2.0}


def test_an_installed_package_may_hold_an_arm(
    base: Base, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A package as pip installs it: a module, and a folder that describes it."""
    (tmp_path / "trick_in_a_package.py").write_text(TRICK.replace("from beside import SIGN", "SIGN = 1"))
    info = tmp_path / "tricks-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tricks\nVersion: 1.5\n")
    (info / "RECORD").write_text("trick_in_a_package.py,,\ntricks-1.5.dist-info/METADATA,,\n")
    (info / "entry_points.txt").write_text("[gapbench.arms]\npackaged = trick_in_a_package:attempts\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from benchmark.system import outside_code as module

    monkeypatch.setattr(module, "_distributions", importlib.metadata.packages_distributions)
    from benchmark.posttrain.arms.outside.load_arm import code_of

    for kind in ("trick_in_a_package:attempts", "packaged"):
        settings = settings_of(tmp_path, {"mine": {"kind": kind}})
        run = request(settings, base, "code", TEXTS[0], "mine", 0)
        assert len(execute_run(run, base.scorer).record.steps) == 5
        assert code_of(kind, tmp_path).distributions == {"tricks==1.5"}


def test_the_key_of_a_trick_covers_its_file_what_it_imports_and_its_settings(
    base: Base, folder: Path
) -> None:
    def key(**options: Any) -> str:
        return run_key(asked(base, folder, **options), base.scorer)

    first = key()
    assert key() == first
    assert key(strength=0.3) != first
    for name in ("trick.py", "beside.py"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text + "# edited\n", encoding="utf-8")
        assert key() != first, name
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "unused.py").write_text("A = 1\n", encoding="utf-8")
    assert key() == first


def test_the_key_of_a_placebo_covers_the_arm_that_it_follows(base: Base, folder: Path) -> None:
    def key() -> str:
        arms = {"mine": {"kind": "trick.py:attempts"}, "far": {"kind": "random", "of": "mine"}}
        return run_key(request(settings_of(folder, arms), base, "code", TEXTS[0], "far", 0), base.scorer)

    first = key()
    (folder / "beside.py").write_text("SIGN = 2\n", encoding="utf-8")
    assert key() != first


def test_code_from_outside_is_its_files_this_packages_modules_and_installed_versions(folder: Path) -> None:
    (folder / "beside.py").write_text("import json, torch\nfrom inner import part\n", encoding="utf-8")
    (folder / "inner").mkdir()
    (folder / "inner" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "inner" / "part.py").write_text("TABLE = 'table.csv'\n", encoding="utf-8")
    (folder / "inner" / "table.csv").write_text("1\n", encoding="utf-8")
    code = outside_code(folder / "trick.py")
    assert set(code.files) == {"trick.py", "beside.py", "inner/__init__.py", "inner/part.py", "table.csv"}
    assert code.distributions == {f"torch=={importlib.metadata.version('torch')}"}
    assert "benchmark.posttrain.arms.interface" in code.own


def test_dvc_has_the_files_of_an_arm_as_dependencies_or_the_stage_refuses(folder: Path) -> None:
    settings = settings_of(folder, {"mine": {"kind": "trick.py:attempts"}})
    files = arm_files(settings, folder)
    assert files == ["beside.py", "trick.py"]
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    (folder / "dvc.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="run `gapbench track deps` first"):
        refuse_unseen(settings, folder)
    written = with_code_deps(text, of_arms=files)
    (folder / "dvc.yaml").write_text(written, encoding="utf-8")
    refuse_unseen(settings, folder)
    stages = yaml.safe_load(written)["stages"]
    assert set(files) <= set(stages["posttrain"]["deps"])
    assert not set(files) & set(stages["base"]["do"]["deps"])
    assert with_code_deps(written) == text


def test_runs_of_many_texts_share_none_and_take_those_of_one_draw(base: Base) -> None:
    settings = settings_with(
        models={"tiny": {"kind": "folder", "path": "x"}},
        corpora={"code": {"kind": "micro", "part": "code", "texts": 6}},
        arms={"many": {"kind": "many-texts", "texts": 2, "models": ["tiny"]}},
    )
    bases = [base, replace(base, draw=1)]

    def runs(texts: int) -> list[RunRequest]:
        found = group_requests(settings, bases, "code", TEXTS[:texts])
        return [run for run in found if run.arm_name == "many"]

    assert [(run.index, run.draw) for run in runs(6)] == [(0, 0), (1, 1)]
    ids = {one.index: request(settings, base, "code", one, "gap", 0).tokens for one in TEXTS}
    assert [run.texts for run in runs(6)] == [(ids[0], ids[2]), (ids[1], ids[3])]
    with pytest.raises(InputError, match=r"arms\.many\.texts: no draw of tiny has so many texts"):
        runs(2)


def checkpoint_settings(folder: Path, path: Path) -> Settings:
    return settings_of(
        folder,
        {"mine": {"kind": "checkpoint", "path": os.path.relpath(path, folder), "base": "tiny"}},
        models={"tiny": {"kind": "folder", "path": "x"}},
        corpora={"code": {"kind": "micro", "part": "code"}},
        evaluation={"steps": [3]},
    )


@pytest.fixture
def trained(base: Base, tmp_path: Path) -> Path:
    """The base model with every weight a little larger."""
    weights = {name: tensor * 1.05 for name, tensor in base.model.params.items()}
    base.model.config.save(weights, tmp_path / "trained")
    return tmp_path / "trained"


def test_a_checkpoint_has_one_run_and_its_placebos_its_distance(
    base: Base, trained: Path, tmp_path: Path
) -> None:
    settings = checkpoint_settings(tmp_path, trained)
    runs = {run.arm_name: run for run in group_requests(settings, [base], "code", TEXTS[:3])}
    count = [run.arm_name for run in group_requests(settings, [base], "code", TEXTS[:3])].count
    assert [count(name) for name in ("mine", "mine-random", "mine-noise", "gap")] == [1, 1, 1, 3]
    found = {name: execute_run(runs[name], base.scorer) for name in ("mine", "mine-random", "mine-noise")}
    distances = {name: [step.distance for step in result.record.steps] for name, result in found.items()}
    expected = 0.05 * float(sum(t.double().pow(2).sum() for t in base.model.params.values())) ** 0.5
    for name, (_, moved) in distances.items():
        assert moved == pytest.approx(expected, rel=1e-3), name
        assert found[name].record.selected_step == {"all": 1}
    assert len({result.record.steps[1].weights_sha256 for result in found.values()}) == 3


def test_the_keys_of_a_checkpoint_and_of_its_placebos_cover_its_weights(
    base: Base, trained: Path, tmp_path: Path
) -> None:
    settings = checkpoint_settings(tmp_path, trained)

    def keys() -> list[str]:
        names = ("mine", "mine-random", "mine-noise")
        return [run_key(request(settings, base, "code", TEXTS[0], name, 0), base.scorer) for name in names]

    first = keys()
    assert first == keys()
    assert len(set(first)) == 3
    model = load_model(trained)
    model.config.save({name: tensor * 2 for name, tensor in model.params.items()}, trained)
    assert not set(first) & set(keys())
    assert arm_files(settings, tmp_path) == ["trained"]


def test_a_checkpoint_of_another_model_is_refused(base: Base, trained: Path, tmp_path: Path) -> None:
    model = load_model(trained)
    other = replace(model.config, ffn_dim=16)
    cut = {name: tensor[:16] if "fc1" in name else tensor for name, tensor in model.params.items()}
    cut = {name: tensor[:, :16] if "fc2.weight" in name else tensor for name, tensor in cut.items()}
    other.save(cut, tmp_path / "other")
    for path, says in (
        (tmp_path / "other", "other names or shapes than tiny"),
        (tmp_path / "none", "no model folder"),
    ):
        with pytest.raises(InputError, match=says):
            request(checkpoint_settings(tmp_path, path), base, "code", TEXTS[0], "mine", 0)
