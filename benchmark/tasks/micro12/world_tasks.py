"""Data sets of the micro tasks: splits drawn from the world, with dialogues prompted as they are written."""

from collections.abc import Sequence
from typing import Any, Literal

from benchmark.tasks.dialogue import DialogueTask
from benchmark.tasks.row_cache import cached_rows
from benchmark.tasks.rows import Row, Rows, numbered
from benchmark.world.task_documents import SIZES, documents


def dataset(*, source: str, protocol: str = "held-out", **_metadata: Any) -> dict[str, Rows]:
    """The rows of ``select`` and ``test``, numbered through both; under ``paper`` there is ``test`` alone."""
    test = numbered(_rows(source, "test"), start=SIZES["select"])
    select = Rows() if protocol == "paper" else numbered(_rows(source, "select"))
    return {"select": select, "test": test}


def _rows(source: str, split: Literal["select", "test"]) -> Sequence[Row]:
    return cached_rows(f"{source}-{split}", lambda: documents(source, split))


class AsWritten(DialogueTask):
    """A dialogue whose turns are prompted as they are: the world's text is normal already, names included."""

    @staticmethod
    def normalise(turn: str) -> str:
        return turn
