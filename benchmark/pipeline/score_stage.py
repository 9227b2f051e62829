"""The stage `score`: from every run group's samples to the tables of `results/<track>/`."""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmark.corpora.overlap import Overlap, overlap, suite_documents
from benchmark.draws.kept_at_scoring import KeptScores, fitting_kept_draws
from benchmark.errors import InputError
from benchmark.posttrain.record import RunRecord
from benchmark.results.result_files import write_csv
from benchmark.results.score_track import run_score
from benchmark.schema.result_columns import DRAWS
from benchmark.schema.sample_defaults import with_defaults
from benchmark.schema.stored_columns import NO_ARM, SAMPLES
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.settings.track_settings import Settings
from benchmark.store.attestation import EntryKey, State, verification_states
from benchmark.store.entry_lookup import Entry, samples_digest
from benchmark.store.track_paths import TrackPaths
from benchmark.system.files import read_json, write_json, write_parquet
from benchmark.system.sorted_tables import sorted_table
from benchmark.tasks.family_words import family_labels
from benchmark.tasks.suite_of_track import suite_of

Checkpoint = tuple[str, int, str, str, str, int, int | None]
"""Model, draw, arm, corpus, text, seed and step."""


@dataclass(frozen=True)
class TrackScores:
    """What a track has stored for scoring.

    Attributes:
        samples: files of the trained draws' samples, base models and runs; `kept` are the kept draws.
        bases: `base.json` by model.
        corpora: `corpus.json`, texts and overlap with task documents by corpus.
        records: run records of trained and kept draws as JSON objects with the loss of their corpus.
        selected: the checkpoint that each run is judged by.
        families: the label of each family of tasks, in the suite's order.
    """

    settings: Settings
    track: str
    samples: list[Path]
    bases: dict[str, dict[str, Any]]
    corpora: dict[str, tuple[dict[str, Any], pa.Table, Overlap]]
    records: list[dict[str, Any]]
    kept: KeptScores
    selected: set[Checkpoint]
    verification: dict[EntryKey, State]
    families: dict[str, str]


def write_track_results(settings: Settings, paths: TrackPaths) -> None:
    """Score all run groups that the settings name, and rewrite the results folder."""
    drop_stale_groups(settings, paths)
    stored = stored_scores(settings, paths)
    if line := str(stored.kept):
        print(line, file=sys.stderr, flush=True)
    write_tables(stored, paths.results)


def stored_scores(settings: Settings, paths: TrackPaths) -> TrackScores:
    """The stored data of a track that scoring needs; writes nothing.

    Raises:
        InputError: a stored file is not readable.
        OSError: a file is missing.
    """
    suite = suite_of(settings.evaluation, documents=settings.evaluation.documents, root=paths.root)
    documents = suite_documents(suite)
    bases = {model: read_json(paths.run_group(model, NO_ARM) / "base.json") for model in settings.used_models}
    corpora = {}
    for name in settings.corpora:
        texts = pq.read_table(paths.corpus(name) / "texts.parquet")
        shared = overlap(texts.column("text").to_pylist(), documents)
        corpora[name] = (read_json(paths.corpus(name) / "corpus.json"), texts, shared)
    records = group_records(settings, paths)
    kept = fitting_kept_draws(settings, paths, bases, [record for record, _ in records])
    every = [*records, *kept.records]
    return TrackScores(
        settings=settings,
        track=paths.track,
        samples=[group / "samples.parquet" for group in named_groups(settings, paths)],
        bases=bases,
        corpora=corpora,
        records=[record.stored() | {"corpus_loss": loss} for record, loss in every],
        kept=kept,
        selected={
            (record.model, record.draw, record.arm, record.corpus, record.text_id, record.seed, step)
            for record, _ in every
            for step in record.selected_step.values()
        },
        verification=verification_states(paths.attestations, lambda key: stored_digest(settings, paths, key)),
        families=family_labels(suite.name, (task.family for task in suite.tasks)),
    )


def write_tables(stored: TrackScores, out: Path) -> None:
    """Score what is stored and write the tables of a results folder to `out`."""
    versions = {str(facts["suite_version"]) for facts in stored.bases.values()}
    version = versions.pop() if len(versions) == 1 else None
    scoring = ScoringSettings.of_track(stored.settings, version, stored.families)
    with tempfile.TemporaryDirectory() as folder:
        samples = list(stored.samples)
        for number, table in enumerate(stored.kept.samples):
            samples.append(Path(folder) / f"{number}.parquet")
            write_parquet(samples[-1], table)
        run_score(
            samples,
            model_table(stored.settings, stored.bases),
            out,
            tasks=task_table(stored.bases),
            runs=stored.records,
            settings=scoring,
            verification=stored.verification,
            overlap={name: shared.share for name, (_, _, shared) in stored.corpora.items()},
        )
        shown = selected_documents(samples, stored.selected)
    names = {"track": stored.track, "suite_version": scoring.suite_version}
    write_csv(out / "draws.csv", [names | row.cells() for row in stored.kept.rows], DRAWS)
    texts = pa.concat_tables([*(texts for _, texts, _ in stored.corpora.values()), stored.kept.texts])
    write_parquet(out / "texts.parquet", texts)
    facts = [facts | overlap_facts(shared) for facts, _, shared in stored.corpora.values()]
    write_json(out / "corpora.json", facts)
    write_parquet(out / "documents.parquet", shown)


def named_groups(settings: Settings, paths: TrackPaths) -> list[Path]:
    """Folders of the run groups that the settings name, the base model's first."""
    corpora = (NO_ARM, *settings.corpora)
    return [paths.run_group(model, corpus) for model in settings.models for corpus in corpora]


def overlap_facts(found: Overlap) -> dict[str, Any]:
    """The overlap of a corpus with the tasks, as its page shows it."""
    touched = sum(hit for hit, _ in found.documents.values())
    return {"overlap": found.share, "overlap_texts": found.texts, "overlap_documents": touched}


def stored_digest(settings: Settings, paths: TrackPaths, key: tuple[str, str, str]) -> str | None:
    """Digest of an entry's stored samples; None if it no longer has any."""
    try:
        return samples_digest(Entry(settings, paths, *key).samples())
    except InputError:
        return None


def drop_stale_groups(settings: Settings, paths: TrackPaths) -> None:
    """Remove run groups that the settings no longer name: they would change the hash this stage depends on."""
    named = named_groups(settings, paths)
    for model_folder in paths.runs.iterdir():
        for group in model_folder.iterdir():
            if group not in named and group.is_dir():
                shutil.rmtree(group)
        if not any(model_folder.iterdir()):
            model_folder.rmdir()


def group_records(settings: Settings, paths: TrackPaths) -> list[tuple[RunRecord, float | None]]:
    """The run records of all run groups, each with the loss of its corpus."""
    records: list[tuple[RunRecord, float | None]] = []
    for model in settings.models:
        for corpus in settings.corpora:
            group = paths.run_group(model, corpus)
            loss = read_json(group / "cell.json").get("corpus_loss")
            records.extend((record, loss) for record in RunRecord.read_all(group / "runs.jsonl"))
    return records


def model_table(settings: Settings, bases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`models.json`: parameters, ladder and role by model; a track is one ladder."""
    return {
        name: {"parameters": bases[name]["parameters"], "ladder": settings.track.name, "role": spec.role}
        for name, spec in settings.used_models.items()
    }


def task_table(bases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`tasks.json`: family, metric and chance by task, as in the suite."""
    tasks: dict[str, dict[str, Any]] = {}
    for facts in bases.values():
        tasks.update(facts["tasks"])
    return tasks


DOCUMENT_SORT = ("task", "doc_id", "model", "draw", "arm", "corpus", "text_id", "seed", "step")
CHECKPOINT = ["model", "draw", "arm", "corpus", "text_id", "seed", "step"]
NOT_SHOWN = ("probability", "choice_logprobs")
"""Columns that take most of the bytes; they stay only with the runs, where `verify` reads them."""


def selected_documents(samples: list[Path], selected: set[Checkpoint]) -> pa.Table:
    """The test documents of base models and of every run's selected step: small enough to be in git."""
    shown = [name for name in SAMPLES.names if name not in NOT_SHOWN]
    tables = []
    for path in samples:
        table = with_defaults(
            ds.dataset(path, schema=SAMPLES).to_table(columns=shown, filter=pc.field("split") == "test")
        )
        found = table.group_by(CHECKPOINT).aggregate([])
        names = zip(*(found.column(name).to_pylist() for name in CHECKPOINT), strict=True)
        keep = found.filter(pa.array([key[2] == NO_ARM or key in selected for key in names], pa.bool_()))
        # Only the keys are joined: a join of rows with gigabytes of text takes many times as long.
        keys = table.select(CHECKPOINT).append_column("row", pa.array(np.arange(table.num_rows)))
        rows = keys.join(keep, keys=CHECKPOINT, join_type="left semi").column("row").to_numpy()
        wanted = np.zeros(table.num_rows, np.bool_)
        wanted[rows] = True
        tables.append(table.select(shown).filter(pa.array(wanted)))
    joined = sorted_table(pa.concat_tables(tables), DOCUMENT_SORT)
    columns = [
        pa.nulls(joined.num_rows, field.type) if field.name in NOT_SHOWN else joined.column(field.name)
        for field in SAMPLES
    ]
    return pa.table(columns, schema=SAMPLES)
