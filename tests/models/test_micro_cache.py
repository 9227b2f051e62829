"""Draws of rungs are trained once, together; they are found again only while code and settings are the same."""

import shutil
from pathlib import Path

import pytest

import benchmark
from benchmark.errors import InputError
from benchmark.models.micro_cache import CODE, Ladder, retrain, trained_rung, units_of
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.run_options import Execution
from benchmark.system.import_closure import keyed_modules

PACKAGE = Path(benchmark.__file__).parent


def test_the_digest_of_a_rung_covers_the_code_that_its_training_imports() -> None:
    """`tests/system/test_import_closure.py` shows that imports are followed wherever they stand."""
    covered = {file.relative_to(PACKAGE).as_posix() for file in keyed_modules(*CODE)}
    assert {"arithmetic/single_thread.py", "arithmetic/products.py", "models/weights.py"} <= covered
    assert {"models/micro_network.py", "models/packed.py", "models/stacked.py", "models/opt.py"} <= covered
    assert {"models/adam.py", "models/muon.py", "world/pretraining_text.py", "world/lexicon.py"} <= covered


TINY = MicroModel(kind="micro", hidden=16, layers=1, heads=2, ffn=32, tokens=3_000, draws=3)
TWO = Execution(workers=2)


@pytest.fixture
def ladder(micro_cache: Path, tmp_path: Path) -> Ladder:
    """Two rungs of which nothing is trained; the tokenizer is."""
    shutil.copytree(micro_cache, tmp_path / "cache")
    small = TINY.model_copy(update={"hidden": 8, "trained": 1})
    return Ladder({"small": small, "large": TINY}, tmp_path / "cache")


def copied(ladder: Ladder, name: str, draw: int, folder: Path) -> bytes:
    folder.mkdir()
    trained_rung(ladder, name, draw, folder, TWO)
    return (folder / "model.safetensors").read_bytes()


def test_all_missing_draws_are_trained_at_once_and_those_beyond_trained_never(
    ladder: Ladder, tmp_path: Path
) -> None:
    assert ladder.missing() == {"small": (0,), "large": (0, 1, 2)}
    copied(ladder, "small", 0, tmp_path / "small")
    assert ladder.missing() == {}
    assert len({copied(ladder, "large", draw, tmp_path / f"large-{draw}") for draw in range(3)}) == 3
    with pytest.raises(InputError, match=r"models\.small: draw 1 is not one of the 1 that are trained here"):
        trained_rung(ladder, "small", 1, tmp_path, TWO)


def test_more_draws_leave_those_that_exist_alone(ladder: Ladder, tmp_path: Path) -> None:
    copied(ladder, "large", 0, tmp_path / "first")
    kept = {draw: ladder.cached("large", draw).stat().st_mtime_ns for draw in range(3)}
    more = Ladder({"large": TINY.model_copy(update={"draws": 5, "role": "baseline"})}, ladder.cache)
    assert more.missing() == {"large": (3, 4)}
    copied(more, "large", 4, tmp_path / "fifth")
    assert {draw: more.cached("large", draw).stat().st_mtime_ns for draw in range(3)} == kept


def test_a_draw_that_is_trained_again_alone_has_the_bytes_that_are_kept(
    ladder: Ladder, tmp_path: Path
) -> None:
    copied(ladder, "large", 1, tmp_path / "kept")
    retrain(ladder, "large", 1, tmp_path / "again")
    for file in (tmp_path / "kept").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_two_workers_share_the_default_ladder_evenly() -> None:
    settings = load_settings(Path(__file__).parents[2] / "params.yaml")
    rungs = {name: spec for name, spec in settings.models.items() if isinstance(spec, MicroModel)}
    ladder = Ladder({name: rungs[name] for name in ("micro-1", "micro-2", "micro-3")}, Path("cache"))
    missing = dict.fromkeys(ladder.rungs, (0, 1, 2))
    assert units_of(ladder, missing, 1) == units_of(ladder, missing, 2)
    assert [name for name, _ in units_of(ladder, missing, 2)] == ["micro-3", "micro-2", "micro-1"]
    many = units_of(ladder, dict.fromkeys(ladder.rungs, tuple(range(10))), 8)
    costs = [ladder.cost(unit) for unit in many]
    assert max(costs) <= sum(costs) / 8
    assert sorted((name, draw) for name, draws in many for draw in draws) == [
        (name, draw) for name in sorted(ladder.rungs) for draw in range(10)
    ]


def test_no_more_draws_are_trained_than_there_are() -> None:
    with pytest.raises(ValueError, match="trained 4: there are 3 draws"):
        MicroModel.model_validate(TINY.model_dump() | {"trained": 4})
