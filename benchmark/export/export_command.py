"""`gapbench export`: read what is stored, check it against the suite, and write one folder, whole or not at all."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmark.export.asked_documents import AskedTask, asked_task, check_asked
from benchmark.export.every_eval_ever import EeeWriter
from benchmark.export.lm_eval_folder import LmEvalWriter
from benchmark.export.stored_checkpoints import StoredCheckpoint, StoredCheckpoints, Wanted, wanted
from benchmark.system.empty_folder import check_out, writing
from benchmark.system.files import whole_folder
from benchmark.system.progress import Progress
from benchmark.system.strict_json import parse_object
from benchmark.tasks.suite import Suite
from benchmark.tasks.suite_of_track import suite_of


class CheckpointWriter(Protocol):
    """Writes checkpoints in one format."""

    def write(self, checkpoint: StoredCheckpoint) -> Path:
        """Write one checkpoint; what it wrote."""


FORMATS: dict[str, Callable[[Path, Wanted, Suite, list[AskedTask], str], CheckpointWriter]] = {
    "lm-eval": lambda out, asked, suite, tasks, written: LmEvalWriter(out, suite, tasks, written),
    "eee": lambda out, asked, suite, tasks, written: EeeWriter(
        out,
        asked.paths.track,
        suite,
        tasks,
        written,
        int(datetime.datetime.fromisoformat(written).timestamp()),
    ),
}


def export(form: str, name: str, out: Path, root: Path) -> str:
    """Write an entry or a track to `out`, an empty or new folder; what was written, in one line.

    Raises:
        InputError: there is no such entry or track, its results are not there or do not fit the suite, or `out` holds
            something.
    """
    check_out(out)
    asked = wanted(name, root)
    found = StoredCheckpoints(asked)  # refuses what has no results before the suite is read
    evaluation = asked.settings.evaluation
    suite = suite_of(evaluation, documents=evaluation.documents, root=asked.paths.root)
    tasks = [asked_task(task) for task in suite.tasks]
    with writing(out), whole_folder(out) as folder, Progress("export", len(found)) as progress:
        writer = FORMATS[form](folder, asked, suite, tasks, results_time(asked))
        for checkpoint in found:
            where = f"{checkpoint.group}/{checkpoint.run}"
            for task in tasks:
                check_asked(task, checkpoint.scores.get(task.task.name, {}), where, asked.remake)
            writer.write(checkpoint)
            progress.advance(note=where)
    return f"{out}: {len(found)} checkpoints of {asked.name}, {len(tasks)} tasks{asked.elsewhere}"


def results_time(asked: Wanted) -> str:
    """When the results were made, in ISO form; now where `provenance.json` does not say.

    Raises:
        InputError: the file is not a JSON object.
    """
    path = asked.paths.results / "provenance.json"
    written = parse_object(path.read_bytes(), str(path)).get("written") if path.is_file() else None
    try:
        return datetime.datetime.fromisoformat(str(written)).astimezone(datetime.UTC).isoformat()
    except ValueError:
        return datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()
