"""The micro ladder on all cores: the first stage that needs a draw of a rung trains all that are missing.

Each draw is kept under its own content key. Its bytes depend on its own settings and number alone, so draws of a rung
are trained together, by one thread, and a stage that comes later, or asks for more draws, finds those that exist.
"""

import contextlib
import functools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.arithmetic.single_thread import compute_alone
from benchmark.errors import InputError
from benchmark.execution.workers import run_units, worker_count
from benchmark.models.micro_training import micro_tokenizer, pretraining_tokens, rung_config, train_rung
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.run_options import Execution
from benchmark.system.content_hash import code_digest, digest
from benchmark.system.files import whole_folder
from benchmark.system.import_closure import keyed_modules

CODE = ("benchmark.models.micro_training", "benchmark.arithmetic.single_thread")
"""What trains a rung: its bytes follow from these modules and what they import."""


@functools.cache
def rung_code() -> str:
    """sha256 of the code that a rung's bytes follow from."""
    return code_digest(keyed_modules(*CODE))


OVERHEAD = 80_000
"""Parameters that cost as much time a token as what does not depend on their number."""
MOST_DRAWS = 5
"""Draws that are trained together: more save no time."""

Unit = tuple[str, tuple[int, ...]]
"""A rung and the draws of it that one process trains together."""


@dataclass(frozen=True)
class Ladder:
    """The rungs that settings name, and the folder in which trained draws are kept."""

    rungs: Mapping[str, MicroModel]
    cache: Path

    def kept(self, name: str, draw: int) -> Path:
        """Where a trained draw of a rung is kept."""
        spec = self.rungs[name].model_dump(mode="json", exclude={"role", "draws", "trained"})
        return self.cache / "rungs" / digest([spec, draw, rung_code(), arithmetic_name()])

    def missing(self) -> dict[str, tuple[int, ...]]:
        """Draws that are to be trained and are not yet, by rung."""
        left = {
            name: tuple(draw for draw in range(spec.trained_draws) if not self.kept(name, draw).is_dir())
            for name, spec in self.rungs.items()
        }
        return {name: draws for name, draws in left.items() if draws}

    def cost(self, unit: Unit) -> int:
        """Time that a unit takes, in parameters times tokens."""
        name, draws = unit
        return len(draws) * training_cost(self.rungs[name])


def training_cost(spec: MicroModel) -> int:
    """Parameters, with what each token costs beside them, times tokens."""
    shapes = rung_config(spec).shapes().values()
    return spec.tokens * (OVERHEAD + sum(int(torch.Size(shape).numel()) for shape in shapes))


def units_of(ladder: Ladder, missing: Mapping[str, tuple[int, ...]], workers: int) -> list[Unit]:
    """Draws of a rung together, the most costly first; units that take longer than a worker's share are cut in two."""
    units = [
        (name, draws[first : first + MOST_DRAWS])
        for name, draws in missing.items()
        for first in range(0, len(draws), MOST_DRAWS)
    ]
    share = sum(map(ladder.cost, units)) / workers
    done = False
    while not done:
        units.sort(key=lambda unit: (-ladder.cost(unit), unit))
        done = True
        for place, (name, draws) in enumerate(units):
            if ladder.cost((name, draws)) > share and len(draws) > 1:
                half = len(draws) // 2
                units[place : place + 1] = [(name, draws[:half]), (name, draws[half:])]
                done = False
                break
    return units


def trained_rung(ladder: Ladder, name: str, draw: int, folder: Path, execution: Execution) -> None:
    """Copy a draw of the rung `name` into `folder`; where it is not trained yet, train it and what else is missing.

    Raises:
        InputError: the settings do not have this draw trained.
    """
    count = ladder.rungs[name].trained_draws
    if draw >= count:
        raise InputError(
            f"models.{name}: draw {draw} is none of the {count} that are trained here: raise draws or trained"
        )
    if not ladder.kept(name, draw).is_dir():
        compute_alone()
        missing = ladder.missing()
        # Made once here rather than once in every worker.
        tokenizer = micro_tokenizer(ladder.cache)
        for tokens in {ladder.rungs[rung].tokens for rung in missing}:
            pretraining_tokens(tokenizer, tokens, ladder.cache)
        workers = worker_count(execution, sum(map(len, missing.values())))
        for _ in run_units(_train, ladder, units_of(ladder, missing, workers), execution):
            pass
    for file in sorted(ladder.kept(name, draw).iterdir()):
        shutil.copyfile(file, folder / file.name)


def retrain(ladder: Ladder, name: str, draw: int, folder: Path) -> None:
    """Train one draw of a rung alone into `folder`, whether or not it is kept: it must have the same bytes."""
    compute_alone()
    train_rung(ladder.rungs[name], {draw: folder}, name=name, cache=ladder.cache)


def _train(ladder: Ladder, unit: Unit) -> None:
    name, draws = unit
    with contextlib.ExitStack() as stack:
        folders = {draw: stack.enter_context(whole_folder(ladder.kept(name, draw))) for draw in draws}
        train_rung(ladder.rungs[name], folders, name=name, cache=ladder.cache)
