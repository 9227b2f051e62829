"""The stage `score`: from every cell's samples to the tables of `results/<track>/`."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmark.corpora.overlap import Overlap, overlap, suite_documents
from benchmark.draws.recorded import Kept, kept_draws, say
from benchmark.errors import InputError
from benchmark.results.result_files import write_csv
from benchmark.results.score_track import run_score
from benchmark.schema.result_columns import DRAWS, NO_ARM, SAMPLES
from benchmark.schema.sample_defaults import with_defaults
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.settings.track_settings import Settings
from benchmark.store.attestation import verification_states
from benchmark.store.entry_lookup import Entry, samples_digest
from benchmark.store.track_paths import Layout
from benchmark.system.files import read_json_lines, write_json, write_parquet
from benchmark.tasks.suite_of_track import suite_of


def write_track_results(settings: Settings, layout: Layout) -> None:
    """Score all cells that the settings name and write the results folder anew."""
    drop_stale_cells(settings, layout)
    cells = [
        layout.cell(model, corpus) for model in settings.models for corpus in (NO_ARM, *settings.corpora)
    ]
    bases = {model: read_base(layout, model) for model in settings.models}
    records = cell_records(settings, layout)
    out = layout.results
    corpora = {name: read_corpus(layout, name) for name in settings.corpora}
    suite = suite_of(settings.evaluation, documents=settings.evaluation.documents)
    documents = suite_documents(suite)
    found = {
        name: overlap(texts.column("text").to_pylist(), documents) for name, (_, texts) in corpora.items()
    }
    kept = kept_draws(settings, layout, bases, records)
    say(kept)
    scoring = scoring_settings(settings, bases)
    with tempfile.TemporaryDirectory() as folder:
        samples = [*(cell / "samples.parquet" for cell in cells), *kept_files(kept, Path(folder))]
        every_record = [*records, *kept.records]
        run_score(
            samples,
            model_table(settings, bases),
            out,
            tasks=task_table(bases),
            runs=every_record,
            settings=scoring,
            verification=verification_states(
                layout.attestations, lambda key: stored_digest(settings, layout, key)
            ),
            overlap={name: shared.share for name, shared in found.items()},
        )
        shown = selected_documents(samples, every_record)
    facts = {"track": layout.track, "suite_version": scoring.suite_version}
    write_csv(out / "draws.csv", [facts | row.told() for row in kept.rows], DRAWS)
    texts = pa.concat_tables([*(texts for _, texts in corpora.values()), kept.texts])
    write_parquet(out / "texts.parquet", texts)
    write_json(out / "corpora.json", [corpora[name][0] | overlap_facts(found[name]) for name in corpora])
    write_parquet(out / "documents.parquet", shown)


def kept_files(kept: Kept, folder: Path) -> list[Path]:
    """The samples of kept draws, written where scoring can read them."""
    paths = [folder / f"{number}.parquet" for number in range(len(kept.samples))]
    for path, table in zip(paths, kept.samples, strict=True):
        write_parquet(path, table)
    return paths


def overlap_facts(found: Overlap) -> dict[str, Any]:
    """What the page of a corpus says of its overlap."""
    touched = sum(hit for hit, _ in found.documents.values())
    return {"overlap": found.share, "overlap_texts": found.texts, "overlap_documents": touched}


def stored_digest(settings: Settings, layout: Layout, key: tuple[str, str, str]) -> str | None:
    """Digest of an entry's stored samples; null where it has none any more."""
    try:
        return samples_digest(Entry(settings, layout, *key).samples())
    except InputError:
        return None


def drop_stale_cells(settings: Settings, layout: Layout) -> None:
    """Remove cells that the settings no longer name: they would change the hash this stage depends on."""
    named = {
        layout.cell(model, corpus) for model in settings.models for corpus in (NO_ARM, *settings.corpora)
    }
    for model_folder in layout.runs.iterdir():
        for cell in model_folder.iterdir():
            if cell not in named and cell.is_dir():
                shutil.rmtree(cell)
        if not any(model_folder.iterdir()):
            model_folder.rmdir()


def read_base(layout: Layout, model: str) -> dict[str, Any]:
    """What the stage `base` noted of a model."""
    path = layout.cell(model, NO_ARM) / "base.json"
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def cell_records(settings: Settings, layout: Layout) -> list[dict[str, Any]]:
    """The run records of all cells, each with its cell's corpus loss."""
    records: list[dict[str, Any]] = []
    for model in settings.models:
        for corpus in settings.corpora:
            cell = layout.cell(model, corpus)
            facts = json.loads((cell / "cell.json").read_text(encoding="utf-8"))
            extra = {"corpus_loss": facts.get("corpus_loss")}
            records.extend({**record, **extra} for record in read_json_lines(cell / "runs.jsonl"))
    return records


def model_table(settings: Settings, bases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`models.json`: parameters, ladder and role by model; a track is one ladder."""
    return {
        name: {"parameters": bases[name]["parameters"], "ladder": settings.track.name, "role": spec.role}
        for name, spec in settings.models.items()
    }


def task_table(bases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`tasks.json`: family, metric and chance by task, as the suite had them."""
    tasks: dict[str, dict[str, Any]] = {}
    for facts in bases.values():
        tasks.update(facts["tasks"])
    return tasks


def scoring_settings(settings: Settings, bases: dict[str, dict[str, Any]]) -> ScoringSettings:
    """The scoring section with what scoring has to know of the track."""
    versions = {str(facts["suite_version"]) for facts in bases.values()}
    return ScoringSettings(
        **settings.scoring.model_dump(),
        protocol=settings.evaluation.protocol,
        suite_version=versions.pop() if len(versions) == 1 else None,
        treatments=tuple(name for name, arm in settings.arms.items() if not arm.is_control),
        controls={
            name: settings.controls_of(name) for name, arm in settings.arms.items() if not arm.is_control
        },
        claims=settings.claims,
    )


def read_corpus(layout: Layout, name: str) -> tuple[dict[str, Any], pa.Table]:
    """Facts and texts of a corpus."""
    folder = layout.corpus(name)
    facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    return facts, pq.read_table(folder / "texts.parquet")


DOCUMENT_SORT = [
    (name, "ascending")
    for name in ("task", "doc_id", "model", "draw", "arm", "corpus", "text_id", "seed", "step")
]
CHECKPOINT = ["model", "draw", "arm", "corpus", "text_id", "seed", "step"]
NOT_SHOWN = ("probability", "choice_logprobs")
"""Columns that are most of the bytes; they stay with the runs, which `verify` reads."""


def selected_documents(samples: list[Path], records: list[dict[str, Any]]) -> pa.Table:
    """The test documents of base models and of every run's selected step: small enough to be in git."""
    selected = {
        (record["model"], record.get("draw", 0), *(record[name] for name in CHECKPOINT[2:-1]), step)
        for record in records
        for step in record["selected_step"].values()
    }
    shown = [name for name in SAMPLES.names if name not in NOT_SHOWN]
    tables = []
    for path in samples:
        table = with_defaults(
            ds.dataset(path, schema=SAMPLES).to_table(columns=shown, filter=pc.field("split") == "test")
        )
        found = table.group_by(CHECKPOINT).aggregate([])
        keys = zip(*(found.column(name).to_pylist() for name in CHECKPOINT), strict=True)
        keep = found.filter(pa.array([key[2] == NO_ARM or key in selected for key in keys], pa.bool_()))
        tables.append(table.select(shown).join(keep, keys=CHECKPOINT, join_type="left semi"))
    joined = pa.concat_tables(tables).sort_by(DOCUMENT_SORT)
    columns = [
        pa.nulls(joined.num_rows, field.type) if field.name in NOT_SHOWN else joined.column(field.name)
        for field in SAMPLES
    ]
    return pa.table(columns, schema=SAMPLES)
