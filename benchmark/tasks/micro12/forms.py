"""Data sets and forms of the micro tasks: splits from the world, prompts in the original tasks' forms."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from benchmark.tasks.dialogue import SPEAKERS, DialogueTask
from benchmark.tasks.row_cache import kept_rows
from benchmark.tasks.rows import Rows, numbered
from benchmark.world.task_documents import SIZES, documents

Row = Mapping[str, Any]

DECISIONS = ("yes", "maybe", "no")


def dataset(*, source: str, protocol: str = "held-out", **_metadata: Any) -> dict[str, Rows]:
    """The rows of ``select`` and ``test``, numbered through both; under ``paper`` there is ``test`` alone."""
    test = numbered(_kept(source, "test"), start=SIZES["select"])
    select = Rows() if protocol == "paper" else numbered(_kept(source, "select"))
    return {"select": select, "test": test}


def _kept(source: str, split: Literal["select", "test"]) -> Sequence[Row]:
    return kept_rows(f"{source}-{split}", lambda: documents(source, split))


def before_blank(row: Row) -> str:
    """The sentence up to its blank."""
    before: str = row["sentence"].partition("_")[0]
    return before.rstrip()


def filled(row: Row) -> list[str]:
    """Each option with the rest of the sentence."""
    rest = row["sentence"].partition("_")[2]
    return [f" {row['option1']}{rest}", f" {row['option2']}{rest}"]


def option(row: Row) -> int:
    """Position of the option that fills the blank."""
    return int(row["answer"]) - 1


def decision(row: Row) -> int:
    """Position of the answer among ``DECISIONS``."""
    return DECISIONS.index(row["answer"])


class AsWritten(DialogueTask):
    """A dialogue whose turns are prompted as they are: the world's text is normal already, names included."""

    def doc_to_text(self, doc: Row, doc_to_text: object = None) -> str:
        *said, _answer = doc["turns"]
        lines = [f"{SPEAKERS[place % 2]} {turn}" for place, turn in enumerate(said)]
        return "\n".join([*lines, SPEAKERS[len(said) % 2]])

    def doc_to_target(self, doc: Row, doc_to_target: object = None) -> str:
        answer: str = doc["turns"][-1]
        return answer
