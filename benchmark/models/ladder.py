"""The micro ladder on all cores: the first stage that needs a rung trains all that are missing.

Each rung is trained by one thread and kept under its content key, so that its bytes depend on its own settings
alone and a stage that comes later finds it.
"""

import functools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.arithmetic.alone import compute_alone
from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.closure import keyed_modules
from benchmark.execution import run_units
from benchmark.identity import code_digest, digest
from benchmark.models.micro import micro_tokenizer, pretraining_tokens, rung_config, train_rung
from benchmark.pipeline.files import whole_folder
from benchmark.settings import Execution, MicroModel

CODE = ("benchmark.models.micro", "benchmark.arithmetic.alone")
"""What trains a rung: its bytes follow from these modules and what they import."""


@functools.cache
def rung_code() -> str:
    """sha256 of the code that a rung's bytes follow from."""
    return code_digest(keyed_modules(*CODE))


@dataclass(frozen=True)
class Ladder:
    """The rungs that settings name, and the folder in which trained ones are kept."""

    rungs: Mapping[str, MicroModel]
    cache: Path

    def kept(self, name: str) -> Path:
        """Where a trained rung is kept."""
        spec = self.rungs[name].model_dump(mode="json", exclude={"role"})
        return self.cache / "rungs" / digest([spec, rung_code(), arithmetic_name()])

    def missing(self) -> list[str]:
        """Rungs that are not trained yet, the most costly first."""
        names = [name for name in self.rungs if not self.kept(name).is_dir()]
        return sorted(names, key=lambda name: (-training_cost(self.rungs[name]), name))


def training_cost(spec: MicroModel) -> int:
    """Parameters times tokens."""
    shapes = rung_config(spec).shapes().values()
    return spec.tokens * sum(int(torch.Size(shape).numel()) for shape in shapes)


def trained_rung(ladder: Ladder, name: str, folder: Path, execution: Execution) -> None:
    """Copy the rung `name` into `folder`; where it is not trained yet, train it and what else is missing."""
    if not ladder.kept(name).is_dir():
        compute_alone()
        missing = ladder.missing()
        # Made once here rather than once in every worker.
        tokenizer = micro_tokenizer(ladder.cache)
        for count in {ladder.rungs[rung].tokens for rung in missing}:
            pretraining_tokens(tokenizer, count, ladder.cache)
        for _ in run_units(_train, ladder, missing, execution):
            pass
    for file in sorted(ladder.kept(name).iterdir()):
        shutil.copyfile(file, folder / file.name)


def _train(ladder: Ladder, name: str) -> None:
    with whole_folder(ladder.kept(name)) as folder:
        train_rung(ladder.rungs[name], folder, name=name, cache=ladder.cache)
