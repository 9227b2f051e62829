"""Scores of unmodified models, draw by draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmark.posttrain.base_draws import load_bases
from benchmark.posttrain.record import Averages, StoredRecord
from benchmark.posttrain.run_memory import fits
from benchmark.posttrain.sample_rows import base_samples
from benchmark.settings.track_settings import Settings
from benchmark.tasks.suite import Suite


class BaseRecord(StoredRecord):
    """Facts of one draw of an unmodified model.

    Attributes:
        model_digest: sha256 over weights and over tokenizer, joined by a hyphen.
        documents: digest of the suite's documents.
        plan: digest of the batch plan.
        metrics: by split and task; `averages` by split and scope; `groups` by split and group of lm-eval's.
        scored_as: how a model that runs over `transformers` was scored.
    """

    model: str
    draw: int
    parameters: int
    model_digest: str
    suite_version: str
    documents: str
    arithmetic: str
    plan: str
    metrics: dict[str, dict[str, Averages]]
    averages: dict[str, Averages]
    groups: dict[str, Averages] | None = None
    scored_as: str | None = None


@dataclass(frozen=True)
class BaseScores:
    """Facts and samples of one draw of an unmodified model."""

    record: BaseRecord
    samples: pa.Table


def base_scores(
    settings: Settings, name: str, folders: Sequence[tuple[int, Path]], suite: Suite
) -> list[BaseScores]:
    """Facts and samples of each draw of an unmodified model; `folders` has the number and folder of each draw."""
    found = []
    for base in load_bases(name, folders, suite, settings.evaluation, settings.execution, fits(settings, {})):
        start = base.scorer.start
        more: dict[str, Any] = {"groups": start.groups} if start.groups else {}
        more.update(base.model.config.record())
        record = BaseRecord(
            model=name,
            draw=base.draw,
            parameters=base.model.parameters_count(),
            model_digest=base.digest,
            suite_version=suite.version,
            documents=base.scorer.prepared.suite_digest,
            arithmetic=base.arithmetic,
            plan=base.scorer.prepared.plan_hash,
            metrics=start.metrics,
            averages=start.averages,
            **more,
        )
        samples = base_samples(start.samples, track=settings.track.name, model=name, draw=base.draw)
        found.append(BaseScores(record, samples))
    return found
