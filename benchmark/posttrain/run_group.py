"""The stage `posttrain`: all runs of one (model, corpus), in parallel, each journalled as it finishes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from benchmark.execution.workers import run_units
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.objective import text_loss
from benchmark.posttrain.run_cache import Journal
from benchmark.posttrain.run_loop import RunRequest, RunResult, Scorer, execute_run
from benchmark.posttrain.run_requests import CorpusText, cell_requests, run_key, soup_requests
from benchmark.schema.stored_columns import SAMPLES
from benchmark.settings.track_settings import Settings
from benchmark.system.files import whole_folder, write_json, write_json_lines, write_parquet
from benchmark.system.progress import Progress

SORT = [(name, "ascending") for name in ("draw", "arm", "text_id", "seed", "step", "task", "split", "doc_id")]


def write_cell(
    settings: Settings,
    bases: Sequence[Base],
    corpus: str,
    texts: Sequence[CorpusText],
    out: Path,
    journal: Journal,
) -> None:
    """Do what is not yet done of a cell's runs and write `samples.parquet`, `runs.jsonl`, `cell.json`.

    `bases` are the draws of one model, draw 0 first; facts that depend on the draw are lists in that order.
    """
    requests = list(cell_requests(settings, bases, corpus, texts))
    label = f"posttrain {bases[0].name} {corpus}"
    scorers = {base.draw: base.scorer for base in bases}
    results = complete_runs(settings, scorers, requests, journal, label)
    soups = list(soup_requests(settings, _by_arm(requests, results)))
    results += complete_runs(settings, scorers, soups, journal, f"{label} soups") if soups else []
    cell = {
        "corpus_loss": corpus_loss(requests),
        "keys": sorted(run_key(run, scorers[run.draw]) for run in [*requests, *soups]),
        "model_digest": [base.digest for base in bases],
        "plan": [base.scorer.prepared.plan_hash for base in bases],
        "documents": bases[0].scorer.prepared.suite_digest,
    }
    with whole_folder(out) as folder:
        write_results(folder, results)
        write_json(folder / "cell.json", cell)


def _by_arm(
    requests: Sequence[RunRequest], results: Sequence[RunResult]
) -> dict[str, list[tuple[RunRequest, RunResult]]]:
    finished: dict[str, list[tuple[RunRequest, RunResult]]] = {}
    for run, result in zip(requests, results, strict=True):
        finished.setdefault(run.arm_name, []).append((run, result))
    return finished


def complete_runs(
    settings: Settings,
    scorers: Mapping[int, Scorer],
    requests: Sequence[RunRequest],
    journal: Journal,
    label: str,
) -> list[RunResult]:
    """The results of `requests` in their order: from the journal where they are done, else computed.

    `scorers` has each draw's; the runs of all draws share one pool.
    """
    keys = [run_key(run, scorers[run.draw]) for run in requests]
    results = {position: found for position, key in enumerate(keys) if (found := journal.find(key))}
    left = [position for position in range(len(requests)) if position not in results]
    with Progress(label, len(requests)) as progress:
        progress.advance(len(results), "from the journal" if results else "")
        for position, result in run_units(_run, (requests, scorers), left, settings.execution):
            journal.store(keys[position], result)
            results[position] = result
            progress.advance(note=requests[position].name)
    return [results[position] for position in range(len(requests))]


def _run(context: tuple[Sequence[RunRequest], Mapping[int, Scorer]], position: int) -> RunResult:
    requests, scorers = context
    return execute_run(requests[position], scorers[requests[position].draw])


def write_results(folder: Path, results: Sequence[RunResult]) -> None:
    """Write sorted samples and run records; a cell without runs has empty tables of the same columns."""
    samples = pa.concat_tables([result.samples for result in results] or [SAMPLES.empty_table()])
    write_parquet(folder / "samples.parquet", samples.sort_by(SORT))
    records = sorted((result.record for result in results), key=_record_order)
    write_json_lines(folder / "runs.jsonl", records)


def _record_order(record: dict[str, Any]) -> tuple[int, str, int, str, int]:
    return record["draw"], record["arm"], record["index"], record["text_id"], record["seed"]


@torch.no_grad()
def corpus_loss(requests: Sequence[RunRequest]) -> float | None:
    """The mean token loss in nats over the distinct texts of `requests`, each under the base of its draw."""
    texts = {run.text_id: run for run in requests}
    losses = [
        (float(text_loss(run.model.params, run.model.config, run.tokens)), run) for run in texts.values()
    ]
    tokens = sum(len(run.tokens) - 1 for _, run in losses)
    return sum(loss * (len(run.tokens) - 1) for loss, run in losses) / tokens if tokens else None
