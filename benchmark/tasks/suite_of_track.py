"""The suite that the settings of a track name."""

from benchmark.settings.run_options import EvaluationOptions
from benchmark.tasks.suite import Suite, load_suite


def suite_of(settings: EvaluationOptions, *, documents: int | None, limit: int | None = None) -> Suite:
    """The suite that `settings` name, with at most `documents` test documents per task."""
    return load_suite(
        settings.suite,
        tasks=settings.tasks,
        num_fewshot=settings.num_fewshot,
        protocol=settings.protocol,
        split_source=settings.split_source,
        documents=documents,
        select_documents=settings.select_documents,
        limit=limit,
        seed=settings.fewshot_seed,
    )
