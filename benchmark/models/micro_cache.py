"""A cache of the trained micro ladder. The first stage that needs a draw trains all missing ones, on all cores.

Each draw is cached under its own content key. Its bytes depend only on its own settings and number. So the draws of a
model can be trained together by one thread, and later stages, or those that need more draws, use the existing ones.
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
"""A model's bytes depend on these modules and what they import."""


@functools.cache
def training_code() -> str:
    """sha256 of the code that a model's bytes depend on."""
    return code_digest(keyed_modules(*CODE))


OVERHEAD = 80_000
"""Fixed cost of a token, as the number of parameters that take the same time."""
MOST_DRAWS = 5
"""Number of draws that are trained together; more would not save time."""

Unit = tuple[str, tuple[int, ...]]
"""A model and those of its draws that one process trains together."""


@dataclass(frozen=True)
class Ladder:
    """The ladder's models by name, and the cache folder for trained draws."""

    rungs: Mapping[str, MicroModel]
    cache: Path

    def cached(self, name: str, draw: int) -> Path:
        """The cache's folder of a trained draw."""
        spec = self.rungs[name].model_dump(mode="json", exclude={"role", "draws", "trained"})
        return self.cache / "rungs" / digest([spec, draw, training_code(), arithmetic_name()])

    def missing(self) -> dict[str, tuple[int, ...]]:
        """Draws that still have to be trained, by model."""
        left = {
            name: tuple(draw for draw in range(spec.trained_draws) if not self.cached(name, draw).is_dir())
            for name, spec in self.rungs.items()
        }
        return {name: draws for name, draws in left.items() if draws}

    def cost(self, unit: Unit) -> int:
        """Time that a unit takes, in parameters times tokens."""
        name, draws = unit
        return len(draws) * training_cost(self.rungs[name])


def training_cost(spec: MicroModel) -> int:
    """Time of one draw: parameters plus `OVERHEAD`, times tokens."""
    shapes = rung_config(spec).shapes().values()
    return spec.tokens * (OVERHEAD + sum(int(torch.Size(shape).numel()) for shape in shapes))


def units_of(ladder: Ladder, missing: Mapping[str, tuple[int, ...]], workers: int) -> list[Unit]:
    """Draws of a model together, the slowest first; units that take longer than a worker's share are halved."""
    units = [
        (name, draws[first : first + MOST_DRAWS])
        for name, draws in missing.items()
        for first in range(0, len(draws), MOST_DRAWS)
    ]
    share = sum(map(ladder.cost, units)) / workers

    def order(unit: Unit) -> tuple[int, Unit]:
        return -ladder.cost(unit), unit

    units.sort(key=order)
    while long := next((unit for unit in units if ladder.cost(unit) > share and len(unit[1]) > 1), None):
        units.remove(long)
        name, draws = long
        half = len(draws) // 2
        units = sorted([*units, (name, draws[:half]), (name, draws[half:])], key=order)
    return units


def trained_rung(ladder: Ladder, name: str, draw: int, folder: Path, execution: Execution) -> None:
    """Copy a draw of a model into `folder`; if it is not trained yet, first train all draws that are missing.

    Raises:
        InputError: the settings do not have this draw trained.
    """
    count = ladder.rungs[name].trained_draws
    if draw >= count:
        raise InputError(
            f"models.{name}: draw {draw} is not one of the {count} that are trained here: raise draws or trained"
        )
    if not ladder.cached(name, draw).is_dir():
        compute_alone()
        missing = ladder.missing()
        # Made here once, not in every worker.
        tokenizer = micro_tokenizer(ladder.cache)
        for tokens in {ladder.rungs[rung].tokens for rung in missing}:
            pretraining_tokens(tokenizer, tokens, ladder.cache)
        workers = worker_count(execution, sum(map(len, missing.values())))
        for _ in run_units(_train, ladder, units_of(ladder, missing, workers), execution):
            pass
    for file in sorted(ladder.cached(name, draw).iterdir()):
        shutil.copyfile(file, folder / file.name)


def retrain(ladder: Ladder, name: str, draw: int, folder: Path) -> None:
    """Train one draw alone into `folder`, without the cache; its bytes must be those of the cached draw."""
    compute_alone()
    train_rung(ladder.rungs[name], {draw: folder}, name=name, cache=ladder.cache)


def _train(ladder: Ladder, unit: Unit) -> None:
    name, draws = unit
    with contextlib.ExitStack() as stack:
        folders = {draw: stack.enter_context(whole_folder(ladder.cached(name, draw))) for draw in draws}
        train_rung(ladder.rungs[name], folders, name=name, cache=ladder.cache)
