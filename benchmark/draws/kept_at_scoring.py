"""Kept draws at scoring: which are used, which are refused and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.draws.kept_folder import KeptDraw, KeptFolder, KeptRun
from benchmark.draws.packed_scores import DOCUMENT, OF_DOCUMENT, read_rows, unpack_base, unpack_runs
from benchmark.draws.recipes import base_recipe, run_recipe
from benchmark.posttrain.record import RunRecord
from benchmark.schema.stored_columns import NO_ARM, NO_TEXT, TEXTS
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.store.track_paths import TrackPaths
from benchmark.system.files import read_json

Facts = Mapping[str, Any]


@dataclass
class DrawRow:
    """A row of `draws.csv`; `origin` is trained, kept or refused."""

    model: str
    draw: int
    origin: str
    weights_sha256: str
    reasons: list[str] = field(default_factory=list)
    n_texts: int = 0

    def cells(self) -> dict[str, Any]:
        """Its cells except track and suite version."""
        return {
            "model": self.model,
            "draw": self.draw,
            "origin": self.origin,
            "reason": "; ".join(self.reasons),
            "weights_sha256": self.weights_sha256,
            "n_texts": self.n_texts,
        }


@dataclass
class KeptScores:
    """The kept draws of a track that are used, run records with the loss of their corpus; `rows` cover all draws."""

    rows: list[DrawRow] = field(default_factory=list)
    samples: list[pa.Table] = field(default_factory=list)
    records: list[tuple[KeptRun, float | None]] = field(default_factory=list)
    texts: pa.Table = field(default_factory=TEXTS.empty_table)

    def __str__(self) -> str:
        """One line on what is used and what is not; empty where the track keeps no draws."""
        used = [row for row in self.rows if row.origin == "kept"]
        left_out = [
            f"{row.model} draw {row.draw}: {'; '.join(row.reasons)}" for row in self.rows if row.reasons
        ]
        if not used and not left_out:
            return ""
        refused = sum(row.origin == "refused" for row in self.rows)
        first = "".join(f"; {one}" for one in left_out[:1])
        more = f", and {len(left_out) - 1} more in draws.csv" if len(left_out) > 1 else ""
        return f"kept draws: {len(used)} used, {refused} left out{first}{more}"


def fitting_kept_draws(
    settings: Settings, paths: TrackPaths, bases: Mapping[str, Facts], trained: Sequence[RunRecord]
) -> KeptScores:
    """All draws of the settings' models; kept ones are used if they fit the trained ones.

    Args:
        bases: `base.json` by model.
        trained: run records of the trained draws.

    Raises:
        InputError: `kept.json` or `runs.jsonl` is not readable.
    """
    folder = KeptFolder(paths.kept)
    known = folder.draws()
    texts = folder.texts()
    found = KeptScores()
    soups = {name for name, arm in settings.arms.items() if arm.kind == "soup"}
    for model, spec in settings.used_models.items():
        digests = bases[model]["model_digest"]
        for draw, digest in enumerate(digests):
            texts_run = {
                (record.corpus, record.text_id)
                for record in trained
                if (record.model, record.draw) == (model, draw) and record.arm not in soups
            }
            row = DrawRow(model, draw, "trained", digest.partition("-")[0], n_texts=len(texts_run))
            found.rows.append(row)
        used = []
        for draw in range(len(digests), spec.n_draws):
            facts = known.get(model, {}).get(draw)
            reason = _refusal(settings, model, draw, facts, bases[model])
            row = DrawRow(model, draw, "refused" if reason else "kept", facts.weights_sha256 if facts else "")
            row.reasons += [reason] if reason else []
            found.rows.append(row)
            used += [] if reason else [row]
        if used:
            _take(settings, paths, folder, model, used, texts, found)
    ids = {(record.corpus, record.text_id) for record, _ in found.records}
    pairs = zip(texts.column("corpus").to_pylist(), texts.column("text_id").to_pylist(), strict=True)
    found.texts = texts.filter(pa.array([pair in ids for pair in pairs], pa.bool_()))
    return found


def _refusal(settings: Settings, model: str, draw: int, facts: KeptDraw | None, base: Facts) -> str:
    """Why a kept draw does not fit the trained draws of its model; empty if it does."""
    if facts is None:
        return "nothing is kept of it: `gapbench draws make` makes it"
    pairs = [
        ("suite version", facts.suite_version, str(base["suite_version"])),
        ("arithmetic", facts.arithmetic, base.get("arithmetic")),
        ("settings (recipe)", facts.recipe, base_recipe(settings, model, draw)),
        ("documents", facts.documents, base.get("documents")),
        ("tokenizer", facts.model_digest.partition("-")[2], base["model_digest"][0].partition("-")[2]),
    ]
    for what, kept, here in pairs:
        if kept != here:
            return f"other {what}: kept {_short(kept)}, here {_short(here)}"
    return ""


def _short(value: str | None) -> str:
    """The first digits of a digest; names in full."""
    value = value or "unknown"
    return value[:12] if len(value) == 64 else value


def _take(
    settings: Settings,
    paths: TrackPaths,
    folder: KeptFolder,
    model: str,
    used: Sequence[DrawRow],
    texts: pa.Table,
    found: KeptScores,
) -> None:
    """Add base scores and runs of a model's kept draws to `found`."""
    documents = _documents(paths, model)
    by_draw = {row.draw: row for row in used}
    base = read_rows(folder.base(model))
    base = base[base["draw"].isin(list(by_draw))]
    names = {"track": paths.track, "model": model}
    bare = {"arm": NO_ARM, "corpus": NO_ARM, "text_id": NO_TEXT}
    found.samples.append(unpack_base(base, documents, names | bare))
    if settings.models[model].role == "baseline":
        return
    of_corpus: dict[str, list[KeptRun]] = {}
    for record in folder.records(model):
        arm = arms_of(settings, model, record.corpus).get(record.arm)
        asked = record.corpus in settings.corpora and arm is not None and record.seed in arm.seeds
        if asked and record.draw in by_draw:
            of_corpus.setdefault(record.corpus, []).append(record)
    for corpus, records in of_corpus.items():
        group = read_json(paths.run_group(model, corpus) / "cell.json")
        stored = pq.read_table(paths.corpus(corpus) / "texts.parquet").column("text_id").to_pylist()
        kept_ids = texts.filter(pc.field("corpus") == corpus).column("text_id").to_pylist()
        taken = []
        for record in records:
            reason = _run_refusal(settings, record, group, stored, kept_ids)
            row = by_draw[record.draw]
            if not reason:
                taken.append(record)
            elif (why := f"{record.arm}/{corpus}: {reason}") not in row.reasons:
                row.reasons.append(why)
        if taken:
            keys = {(one.draw, one.arm, one.seed) for one in taken}
            rows = read_rows(folder.runs(model, corpus))
            keep = [key in keys for key in zip(rows["draw"], rows["arm"], rows["seed"], strict=True)]
            rows = rows[pd.Series(keep, index=rows.index)]
            found.samples.append(unpack_runs(rows, base, documents, names | {"corpus": corpus}))
        found.records += [(record, group.get("corpus_loss")) for record in taken]
        for draw, row in by_draw.items():
            row.n_texts += len({record.text_id for record in taken if record.draw == draw})


def _run_refusal(
    settings: Settings, record: KeptRun, group: Facts, stored: Sequence[str], kept: Sequence[str]
) -> str:
    """Why a run of a kept draw does not fit those of the trained draws; empty if it does."""
    if record.recipe != run_recipe(settings, record.model, record.draw, record.corpus, record.arm):
        return "other settings (recipe)"
    if record.documents != group.get("documents"):
        return "other documents"
    if list(stored[: len(kept)]) != list(kept[: len(stored)]):
        return "other texts"
    if record.text_id in stored:
        return "its text is run on a trained draw too"
    return ""


def _documents(paths: TrackPaths, model: str) -> pd.DataFrame:
    """The documents that a model is scored on, each once, with the columns that depend on the document only."""
    table = pq.read_table(
        paths.run_group(model, NO_ARM) / "samples.parquet",
        columns=["draw", *DOCUMENT, *OF_DOCUMENT],
        filters=[("draw", "==", 0)],
    )
    documents: pd.DataFrame = table.drop_columns(["draw"]).to_pandas()
    return documents
