"""The suite that the settings of a track name."""

from pathlib import Path

from benchmark.settings.run_options import EvaluationOptions
from benchmark.settings.task_suite import TaskSuite
from benchmark.tasks.suite import Suite, load_suite


def suite_of(
    settings: EvaluationOptions, *, documents: int | None, limit: int | None = None, root: Path | None = None
) -> Suite:
    """The suite that `settings` name, with at most `documents` test documents per task.

    `documents_by_task` of the settings holds where `documents` is that of the settings, so for runs; an unmodified
    model may be scored on more.

    Args:
        root: of the track; a folder of tasks and local files are named relative to it. The current folder by default.
    """
    by_task = settings.documents_by_task if documents == settings.documents else {}
    if isinstance(settings.suite, TaskSuite):
        from benchmark.tasks.lm_eval_tasks.load_tasks import load_task_suite

        return load_task_suite(
            settings.suite,
            root or Path(),
            tasks=settings.tasks,
            documents=documents,
            select_documents=settings.select_documents,
            documents_by_task=by_task,
            limit=limit,
        )
    return load_suite(
        settings.suite,
        tasks=settings.tasks,
        num_fewshot=settings.num_fewshot,
        protocol=settings.protocol,
        split_source=settings.split_source,
        documents=documents,
        select_documents=settings.select_documents,
        documents_by_task=by_task,
        limit=limit,
        seed=settings.fewshot_seed,
    )
