"""Scores of unmodified models, draw by draw."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.posttrain.base import load_bases
from benchmark.posttrain.run import RunResult
from benchmark.posttrain.samples import base_samples
from benchmark.settings import Settings
from benchmark.tasks.suite import Suite


def base_scores(
    settings: Settings, name: str, folders: Sequence[tuple[int, Path]], suite: Suite
) -> list[RunResult]:
    """Facts and samples of each draw of an unmodified model; `folders` are numbers of draws and their folders."""
    found = []
    for base in load_bases(name, folders, suite, settings.evaluation, settings.execution):
        start = base.scorer.start
        facts = {
            "model": name,
            "draw": base.draw,
            "parameters": base.model.parameters_count(),
            "model_digest": base.digest,
            "suite_version": suite.version,
            "documents": base.scorer.prepared.suite_digest,
            "arithmetic": base.arithmetic,
            "plan": base.scorer.prepared.plan_hash,
            "metrics": start.metrics,
            "averages": start.averages,
        }
        samples = base_samples(start.samples, track=settings.track.name, model=name, draw=base.draw)
        found.append(RunResult(facts, samples))
    return found
