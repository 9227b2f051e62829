"""The stage `posttrain`: all runs of one (model, corpus), in parallel, each stored as it finishes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from benchmark.corpora.texts import CorpusText
from benchmark.execution.workers import run_units
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.corpus_loss import corpus_loss
from benchmark.posttrain.record import RunRecord
from benchmark.posttrain.run_cache import RunCache
from benchmark.posttrain.run_loop import RunRequest, RunResult, execute_run
from benchmark.posttrain.run_requests import group_requests, run_key, soup_requests
from benchmark.posttrain.scorer import Scorer
from benchmark.schema.stored_columns import SAMPLES
from benchmark.settings.track_settings import Settings
from benchmark.system.files import whole_folder, write_json, write_parquet
from benchmark.system.progress import Progress
from benchmark.system.sorted_tables import sorted_table

SORT = ("draw", "arm", "text_id", "seed", "step", "task", "split", "doc_id")


def write_run_group(
    settings: Settings,
    bases: Sequence[Base],
    corpus: str,
    texts: Sequence[CorpusText],
    out: Path,
    cache: RunCache,
) -> None:
    """Do the missing runs of a run group and write `samples.parquet`, `runs.jsonl`, `cell.json`.

    `bases` are the draws of one model, draw 0 first; facts that depend on the draw are lists in that order.
    """
    requests = list(group_requests(settings, bases, corpus, texts))
    used = {run.index for run in requests}
    for text in texts:
        if text.index in used:
            bases[0].tokenizer.check_texts([text.text], f"corpus {corpus}, text {text.index}")
    label = f"posttrain {bases[0].name} {corpus}"
    scorers = {base.draw: base.scorer for base in bases}
    results = complete_runs(settings, scorers, requests, cache, label)
    records = [result.record for result in results]
    soups = list(soup_requests(settings, list(zip(requests, records, strict=True))))
    results += complete_runs(settings, scorers, soups, cache, f"{label} soups") if soups else []
    texts_run = {run.text_id: run for run in requests}.values()
    facts = {
        "corpus_loss": corpus_loss((run.model, run.tokens) for run in texts_run),
        "keys": sorted(run_key(run, scorers[run.draw]) for run in [*requests, *soups]),
        "model_digest": [base.digest for base in bases],
        "plan": [base.scorer.prepared.plan_hash for base in bases],
        "documents": bases[0].scorer.prepared.suite_digest,
    }
    with whole_folder(out) as folder:
        write_results(folder, results)
        write_json(folder / "cell.json", facts)


def complete_runs(
    settings: Settings,
    scorers: Mapping[int, Scorer],
    requests: Sequence[RunRequest],
    cache: RunCache,
    label: str,
) -> list[RunResult]:
    """The results of `requests` in their order: from the cache if they are done, otherwise computed.

    `scorers` are by draw; the runs of all draws share one pool.
    """
    keys = [run_key(run, scorers[run.draw]) for run in requests]
    results = {
        position: RunResult(*found)
        for position, key in enumerate(keys)
        if (found := cache.find(key, RunRecord))
    }
    left = [position for position in range(len(requests)) if position not in results]
    with Progress(label, len(requests)) as progress:
        progress.advance(len(results), "found done" if results else "")
        for position, result in run_units(_run, (requests, scorers), left, settings.execution):
            cache.store(keys[position], result.record, result.samples)
            results[position] = result
            progress.advance(note=requests[position].name)
    return [results[position] for position in range(len(requests))]


def _run(context: tuple[Sequence[RunRequest], Mapping[int, Scorer]], position: int) -> RunResult:
    requests, scorers = context
    return execute_run(requests[position], scorers[requests[position].draw])


def write_results(folder: Path, results: Sequence[RunResult]) -> None:
    """Write sorted samples and run records; a group without runs has empty tables of the same columns."""
    samples = pa.concat_tables([result.samples for result in results] or [SAMPLES.empty_table()])
    write_parquet(folder / "samples.parquet", sorted_table(samples, SORT))
    records = sorted((result.record for result in results), key=_record_order)
    RunRecord.write_all(folder / "runs.jsonl", records)


def _record_order(record: RunRecord) -> tuple[int, str, int, str, int]:
    return record.draw, record.arm, record.index, record.text_id, record.seed
