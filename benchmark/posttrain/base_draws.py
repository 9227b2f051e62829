"""Several pretraining draws of a model: the documents are prepared once, and the draws are scored in parallel."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.evaluation.engine import Evaluation as Scores
from benchmark.evaluation.prepare import Prepared, PreparedTask
from benchmark.execution.workers import run_units
from benchmark.posttrain.base_model import Base, Check, Documents, Loaded, load
from benchmark.settings.run_options import EvaluationOptions, Execution
from benchmark.tasks.suite import Suite

Graded = list[dict[int, tuple[list[int], str, float]]]
"""What `PreparedTask.graded` remembers, task by task."""


def load_bases(
    name: str,
    folders: Sequence[tuple[int, Path]],
    suite: Suite,
    settings: EvaluationOptions,
    execution: Execution,
    check: Check = lambda _: None,
) -> list[Base]:
    """Load the draws of a model and score each on the suite.

    Args:
        folders: numbers of draws and their folders.
        check: refuses a draw before any is scored.

    Raises:
        InputError: a folder holds no model that is known here, or a model's outputs are not finite.
    """
    documents = Documents(suite, settings)
    loaded = [load(name, draw, folder, documents, execution, check) for draw, folder in folders]
    here = execution.model_copy(update={"engine": "local"})
    bases: dict[int, Base] = {}
    for place, (start, graded) in run_units(_scores, loaded, range(len(loaded)), here):
        for task, known in zip(_tasks(loaded[place].prepared), graded, strict=True):
            task.graded.update(known)
        bases[place] = loaded[place].base(start)
    return [bases[place] for place in range(len(loaded))]


def _scores(loaded: Sequence[Loaded], place: int) -> tuple[Scores, Graded]:
    start = loaded[place].scores()
    return start, [task.graded for task in _tasks(loaded[place].prepared)]


def _tasks(prepared: Prepared) -> list[PreparedTask]:
    return [task for split in prepared.splits.values() for task in split.tasks]
