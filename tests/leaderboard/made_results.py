"""A results folder made up for tests of the leaderboard: every table, any size, the same bytes for the same sizes.

    python tests/leaderboard/made_results.py OUT --texts 100 --documents 900

The figures mean nothing; they only hang together (an interval holds its estimate, a verdict follows its interval).
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.schema.result_columns import (
    COMPARISONS,
    CURVES,
    DRAWS,
    ENTRIES,
    PAIRS,
    RUN_CURVES,
    RUNS,
    SAMPLES,
    SCORES,
)

CHOICE_TASKS = [
    "physical",
    "completion",
    "science_easy",
    "science_hard",
    "cause",
    "pronoun",
    "counting",
    "passage",
]
DIALOGUE_TASKS = ["persona", "empathy", "internet", "encyclopedia"]
TASKS = CHOICE_TASKS + DIALOGUE_TASKS
SCOPES = ["all", "classification", "dialogue"]
RUNGS = {"micro-70k": 70_144, "micro-200k": 201_472, "micro-600k": 612_864, "micro-1500k": 1_534_976}
SUITE = "micro12@1"


@dataclass(frozen=True)
class Sizes:
    """How much to make. `rows` of documents = runs x tasks x documents, and one set a draw of a base model."""

    track: str = "micro"
    texts: int = 5
    steps: int = 15
    documents: int = 12
    models: tuple[str, ...] = ("micro-70k", "micro-200k", "micro-600k")
    corpora: tuple[str, ...] = ("code", "seen", "unseen")
    treatments: tuple[str, ...] = ("gap",)
    controls: tuple[str, ...] = ("descent", "random", "shuffled")
    seed: int = 0
    draws: int = 3
    """Pretraining draws; the last is a kept one where there are several, and one more is refused."""
    controls_hold: bool | None = True
    """Whether C0 holds; None for a study without controls."""
    names: dict[str, str] = field(default_factory=dict)
    """Other spellings of names, to test hostile ones."""


def write(folder: Path, sizes: Sizes = Sizes()) -> Path:
    """Write `folder/<track>/`; returns that folder."""
    out = folder / sizes.track
    out.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(sizes.seed)
    runs = _runs(sizes, draw)
    entries = _entries(sizes, runs, draw)
    comparisons = _comparisons(sizes, entries, draw)
    tables = {
        "runs.csv": _as(runs, RUNS),
        "entries.csv": _as(entries, ENTRIES),
        "comparisons.csv": _as(comparisons, COMPARISONS),
        "curves.csv": _as(_curves(sizes, entries, draw), CURVES),
        "run_curves.csv": _as(_run_curves(sizes, runs, draw), RUN_CURVES),
        "scores.csv": _as(_scores(sizes, entries, draw), SCORES),
        "pairs.csv": _as(_pairs(sizes, entries, draw), PAIRS),
        "sensitivity.csv": _sensitivity(sizes, draw),
        "profile.csv": _profile(sizes, entries),
        "familiarity.csv": _familiarity(sizes, draw),
        "draws.csv": _draws(sizes),
    }
    for name, frame in tables.items():
        frame.to_csv(out / name, index=False, float_format="%.10g", lineterminator="\n")
    _texts(sizes, runs).to_parquet(out / "texts.parquet", index=False)
    _documents(out / "documents.parquet", sizes, runs, draw)
    _write_json(out / "corpora.json", _corpora(sizes, draw).to_dict(orient="records"))
    _write_json(out / "claims.json", _claims(sizes, comparisons))
    _write_json(out / "provenance.json", _provenance(sizes))
    _write_json(out / "attestations.json", _attestations(sizes))
    return out


def _as(frame: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    return frame.reindex(columns=schema.names)


def _name(sizes: Sizes, name: str) -> str:
    return sizes.names.get(name, name)


def _head(sizes: Sizes) -> dict[str, str]:
    return {"track": sizes.track, "suite_version": SUITE}


def _base_score(model: str, scope: str) -> float:
    level = 0.42 + 0.07 * np.log2(RUNGS[model] / 70_000)
    return float(
        level + {"all": 0, "classification": 0.08, "dialogue": -0.16}.get(scope, 0.01 * (len(scope) % 7 - 3))
    )


def _base_probability(model: str, scope: str) -> float:
    level = 0.2 + 0.05 * np.log2(RUNGS[model] / 70_000)
    return float(level + {"classification": 0.1, "dialogue": -0.1}.get(scope, 0.005 * (len(scope) % 7 - 3)))


def _given(sizes: Sizes) -> str:
    """The column `conditional` of entries."""
    if sizes.draws >= 3:
        return ""
    return "draws" if sizes.draws == 1 and sizes.texts >= 3 else "texts and draws"


def _runs(sizes: Sizes, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model in sizes.models:
        for arm in (*sizes.treatments, *sizes.controls):
            for corpus in sizes.corpora:
                for index in range(sizes.texts):
                    gain = draw.normal(0.006 if arm in sizes.treatments else -0.004, 0.006)
                    diverged = arm == "random" and index == 3
                    step = int(draw.integers(1, max(2, sizes.steps + 1)))
                    rows.append(
                        _head(sizes)
                        | {
                            "model": model,
                            "arm": arm,
                            "corpus": corpus,
                            "draw": index % sizes.draws,
                            "index": index,
                            "text_id": f"{corpus}-{index:04d}",
                            "seed": 0,
                            "stopped_at": sizes.steps,
                            "stop_reason": "diverged" if diverged else "max_steps",
                            "skipped_steps": 0,
                            "selected_step": step,
                            "paper_step_classification": int(draw.integers(0, sizes.steps + 1)),
                            "paper_step_dialogue": int(draw.integers(0, sizes.steps + 1)),
                            "test_all": _base_score(model, "all") + gain,
                            "test_classification": _base_score(model, "classification") + gain * 1.2,
                            "test_dialogue": _base_score(model, "dialogue") + gain * 0.6,
                            "best_test_all": _base_score(model, "all") + gain + abs(draw.normal(0, 0.003)),
                            "text_loss_start": 3.1 + draw.normal(0, 0.3),
                            "text_loss_selected": 3.9 + draw.normal(0, 0.4),
                            "dialogue_loss": 2.4 + draw.normal(0, 0.05),
                            "distance": step * 0.021,
                            "corpus_loss": 2.0 + sizes.corpora.index(corpus),
                        }
                    )
    frame = pd.DataFrame(rows)
    for column in ("model", "arm", "corpus"):
        frame[column] = frame[column].map(lambda name: _name(sizes, name))
    frame["_model"] = [row["model"] for row in rows]
    return frame


def _entries(sizes: Sizes, runs: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    documents = len(TASKS) * sizes.documents
    for (model, own, arm, corpus), group in runs.groupby(["model", "_model", "arm", "corpus"], sort=True):
        score = float(group["test_all"].mean())
        gain = score - _base_score(own, "all")
        row = _head(sizes) | {
            "row_kind": "entry" if arm in [_name(sizes, a) for a in sizes.treatments] else "control",
            "model": model,
            "arm": arm,
            "corpus": corpus,
            "parameters": RUNGS[own],
            "n_texts": len(group),
            "n_draws": sizes.draws,
            "conditional": _given(sizes),
            "n_docs": documents,
            "gain_all": gain,
            "gain_all_low": gain - 0.0052,
            "gain_all_high": gain + 0.0049,
            "corrected_all": score - 0.2,
            "corrected_classification": score - 0.15,
            "iqm_all": score + 0.0003,
            "iqm_all_low": score - 0.0117,
            "iqm_all_high": score + 0.0123,
            "prob_improve_base": 0.71,
            "prob_improve_control": 0.66,
            "prob_improve_control_arm": _name(sizes, "random"),
            "prob_improve_new": 0.74,
            "prob_improve_new_low": 0.41,
            "prob_improve_new_high": 0.93,
            "best_text": group["text_id"].iloc[0],
            "best_text_step": 2,
            "best_text_gain_all": gain + 0.004,
            "best_text_gain_all_low": gain - 0.003,
            "best_text_gain_all_high": gain + 0.011,
            "optimism_note": "",
            "optimism": 0.0031,
            "optimism_low": 0.0012,
            "optimism_high": 0.0049,
            "floor_gain": 0.0008,
            "share_diverged": float((group["stop_reason"] == "diverged").mean()),
            "corpus_loss": float(group["corpus_loss"].iloc[0]),
            "overlap": 0.013,
            "verification": ["self-reported", "reproduced", "flagged"][len(rows) % 3],
        }
        for scope in SCOPES:
            mean = float(group[f"test_{scope}"].mean())
            row |= {
                f"score_{scope}": mean,
                f"score_{scope}_low": mean - 0.0113,
                f"score_{scope}_high": mean + 0.0108,
            }
        for scope in SCOPES[1:]:
            mean = _base_probability(own, scope) + gain / 3
            row |= {
                f"probability_{scope}": mean,
                f"probability_{scope}_low": mean - 0.0021,
                f"probability_{scope}_high": mean + 0.0022,
            }
        if row["row_kind"] == "entry":
            times = 1.2 + draw.random()
            row |= {
                "size_multiplier": times,
                "size_multiplier_low": times * 0.8,
                "size_multiplier_high": times * 1.3,
                "effective_size": RUNGS[own] * times,
                "effective_size_low": RUNGS[own] * times * 0.8,
                "effective_size_high": RUNGS[own] * times * 1.3,
                "effective_size_note": "",
            }
        rows.append(row)
    for model, parameters in RUNGS.items():
        row = _head(sizes) | {
            "row_kind": "rung",
            "model": _name(sizes, model),
            "arm": "none",
            "corpus": "none",
            "parameters": parameters,
            "n_texts": 0,
            "n_draws": sizes.draws,
            "conditional": "" if sizes.draws >= 3 else "draws",
            "n_docs": documents,
        }
        for scope in SCOPES:
            mean = _base_score(model, scope)
            row |= {
                f"score_{scope}": mean,
                f"score_{scope}_low": mean - 0.0121,
                f"score_{scope}_high": mean + 0.0117,
            }
        rows.append(row)
    frame = pd.DataFrame(rows)
    ranked = frame[frame["row_kind"] == "entry"].sort_values("score_all", ascending=False).index
    for place, at in enumerate(ranked, start=1):
        frame.loc[at, ["rank", "rank_low", "rank_high"]] = [
            place,
            max(1, place - 2),
            min(len(ranked), place + 2),
        ]
    for column in ("rank", "rank_low", "rank_high"):
        frame[column] = frame[column].astype("Int64")
    return frame


def _comparisons(sizes: Sizes, entries: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    own_of = {_name(sizes, name): name for name in RUNGS}
    for entry in entries[entries["row_kind"] != "rung"].itertuples():
        against = [(entry.model, "base", "none", 1.0)]
        if entry.row_kind == "control":
            rows += _against(sizes, entry, against, own_of, draw)
            continue
        against += [(entry.model, "control", _name(sizes, arm), 1.0) for arm in sizes.controls]
        against += [
            (_name(sizes, name), "rung", "none", size / entry.parameters)
            for name, size in RUNGS.items()
            if 1.9 <= size / entry.parameters <= 9
        ]
        rows += _against(sizes, entry, against, own_of, draw)
    return pd.DataFrame(rows)


def _against(
    sizes: Sizes, entry: Any, against: list, own_of: dict[str, str], draw: np.random.Generator
) -> list[dict]:
    rows = []
    for baseline, kind, arm, ratio in against:
        for measure, scope in [("score", scope) for scope in SCOPES + TASKS] + [
            ("probability", scope) for scope in SCOPES[1:] + TASKS
        ]:
            delta = {"base": 0.006, "control": 0.009}.get(kind, 0.0)
            gap = np.nan
            if kind == "rung":
                gap = _base_score(own_of[baseline], "all") - _base_score(own_of[entry.model], "all")
                delta = -0.25 * gap
            half = 0.006 if scope in SCOPES else 0.02
            if measure == "probability":
                delta, half = delta / 3, half / 9
            delta += draw.normal(0, half / 3)
            low, high = delta - half, delta + half
            margin = abs(delta) * 1.5 if kind == "rung" else np.nan
            verdict = "superior" if low > 0 else "inferior" if high < 0 else "inconclusive"
            if kind == "rung" and scope in SCOPES and low > -margin:
                verdict = "comparable"
            if kind == "control" and verdict == "inconclusive":
                verdict = "negligible"
            closed = kind == "rung" and scope in SCOPES and measure == "score"
            p = float(np.clip(np.exp(-((delta / half) ** 2) * 2), 1e-6, 1))
            rows.append(
                _head(sizes)
                | {
                    "model": entry.model,
                    "arm": entry.arm,
                    "corpus": entry.corpus,
                    "baseline": baseline,
                    "baseline_kind": kind,
                    "baseline_arm": arm,
                    "measure": measure,
                    "scope": scope,
                    "delta": delta,
                    "ci_low": low,
                    "ci_high": high,
                    "p_value": p,
                    "p_adjusted": min(1, p * 3) if scope in SCOPES else np.nan,
                    "q_value": min(1, p * 2) if scope in TASKS else np.nan,
                    "margin": margin,
                    "p_noninferior": p / 4 if kind == "rung" else np.nan,
                    "p_noninferior_adjusted": p / 2 if kind == "rung" and scope in SCOPES else np.nan,
                    "p_negligible": np.nan if kind == "rung" else p / 3,
                    "p_negligible_adjusted": p / 2 if kind != "rung" and scope in SCOPES else np.nan,
                    "share_closed": 1 + delta / gap if closed else np.nan,
                    "share_closed_low": 1 + low / gap if closed else np.nan,
                    "share_closed_high": 1 + high / gap if closed else np.nan,
                    "share_closed_note": "",
                    "verdict": verdict,
                    "conditional": entry.conditional,
                    "mde": half * 1.43,
                    "mde_adjusted": half * 1.9 if scope in SCOPES else np.nan,
                    "n_docs": sizes.documents * len(TASKS),
                    "n_texts": sizes.texts,
                    "n_draws": sizes.draws,
                    "size_ratio": ratio,
                }
            )
    return rows


def _curve(steps: int) -> np.ndarray:
    at = np.arange(steps + 1) / max(1, steps)
    return 0.012 * at * np.exp(1 - 2.2 * at) - 0.006 * at**3


def _curves(sizes: Sizes, entries: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    own_of = {_name(sizes, name): name for name in RUNGS}
    for entry in entries[entries["row_kind"] != "rung"].itertuples():
        for scope in SCOPES:
            path = _base_score(own_of[entry.model], scope) + _curve(sizes.steps)
            for step, mean in enumerate(path):
                rows.append(
                    _head(sizes)
                    | {
                        "model": entry.model,
                        "arm": entry.arm,
                        "corpus": entry.corpus,
                        "step": step,
                        "scope": scope,
                        "mean": mean,
                        "low": mean - 0.009,
                        "high": mean + 0.009,
                        "n_texts": sizes.texts,
                    }
                )
    return pd.DataFrame(rows)


def _run_curves(sizes: Sizes, runs: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    steps, per_run = sizes.steps + 1, (sizes.steps + 1) * 2 * len(SCOPES)
    keys = runs[["track", "suite_version", "model", "draw", "arm", "corpus", "text_id", "seed"]]
    frame = keys.loc[keys.index.repeat(per_run)].reset_index(drop=True)
    frame["step"] = np.tile(np.repeat(np.arange(steps), 2 * len(SCOPES)), len(runs))
    frame["split"] = np.tile(np.repeat(["select", "test"], len(SCOPES)), steps * len(runs))
    frame["scope"] = np.tile(SCOPES, 2 * steps * len(runs))
    level = np.array([[_base_score(model, scope) for scope in SCOPES] for model in runs["_model"]])
    drift = draw.normal(0, 0.002, (len(runs), steps, 2, 1)).cumsum(axis=1)
    drift[:, 0] = 0
    values = level[:, None, None, :] + _curve(sizes.steps)[None, :, None, None] + drift
    frame["score"] = values.reshape(-1)
    return frame


def _scores(sizes: Sizes, entries: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    for entry in entries.itertuples():
        own = next(name for name in RUNGS if _name(sizes, name) == entry.model)
        for measure, scope in [("score", scope) for scope in SCOPES + TASKS] + [
            ("probability", scope) for scope in SCOPES[1:] + TASKS
        ]:
            mean, half = float(entry.score_all) + 0.01 * (len(scope) % 7 - 3), 0.02
            if measure == "probability":
                mean, half = _base_probability(own, scope), 0.004
            rows.append(
                _head(sizes)
                | {
                    "row_kind": entry.row_kind,
                    "model": entry.model,
                    "arm": entry.arm,
                    "corpus": entry.corpus,
                    "measure": measure,
                    "scope": scope,
                    "score": mean,
                    "low": mean - half,
                    "high": mean + half,
                    "conditional": entry.conditional,
                    "n_docs": sizes.documents,
                    "n_texts": 0 if entry.row_kind == "rung" else sizes.texts,
                    "n_draws": sizes.draws,
                    "chance": 0.5 if scope in CHOICE_TASKS and measure == "score" else None,
                }
            )
    return pd.DataFrame(rows)


def _pairs(sizes: Sizes, entries: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    ranked = entries[entries["row_kind"] == "entry"]
    for i, a in enumerate(ranked.itertuples()):
        for b in list(ranked.itertuples())[i + 1 :]:
            delta = a.score_all - b.score_all
            rows.append(
                _head(sizes)
                | {
                    "model": a.model,
                    "arm": a.arm,
                    "corpus": a.corpus,
                    "other_model": b.model,
                    "other_arm": b.arm,
                    "other_corpus": b.corpus,
                    "scope": "all",
                    "delta": delta,
                    "ci_low": delta - 0.006,
                    "ci_high": delta + 0.006,
                    "p_value": 0.04,
                    "p_adjusted": 0.2,
                    "n_docs": sizes.documents * len(TASKS),
                    "conditional": _given(sizes),
                    "n_paired": 0,
                    "n_texts": sizes.texts,
                    "n_draws": sizes.draws,
                }
            )
    return pd.DataFrame(rows)


def _sensitivity(sizes: Sizes, draw: np.random.Generator) -> pd.DataFrame:
    rows = [
        _head(sizes)
        | {
            "model": _name(sizes, model),
            "kind": "ascent",
            "arm": arm,
            "learning_rate": rate,
            "corpus": _name(sizes, sizes.corpora[0]),
            "scope": scope,
            "step": step,
            "gain": gain,
            "low": gain - 0.004,
            "high": gain + 0.004,
            "n_texts": sizes.texts,
        }
        for model in sizes.models
        for arm, rate in ((_name(sizes, "gap"), 5e-5), ("gap-lr1e-4", 1e-4))
        for scope in SCOPES
        for step, gain in enumerate(_curve(sizes.steps) * (rate / 5e-5) ** 0.5)
    ]
    return pd.DataFrame(rows)


def _profile(sizes: Sizes, entries: pd.DataFrame) -> pd.DataFrame:
    rows = []
    thresholds = np.linspace(entries["score_all"].min(), entries["score_all"].max(), 101)
    for entry in entries[entries["row_kind"] != "rung"].itertuples():
        for threshold in thresholds:
            share = float(1 / (1 + np.exp((threshold - entry.score_all) * 300)))
            rows.append(
                _head(sizes)
                | {
                    "model": entry.model,
                    "arm": entry.arm,
                    "corpus": entry.corpus,
                    "scope": "all",
                    "threshold": threshold,
                    "share": share,
                    "low": max(0, share - 0.1),
                    "high": min(1, share + 0.1),
                    "n_texts": sizes.texts,
                }
            )
    return pd.DataFrame(rows)


def _familiarity(sizes: Sizes, draw: np.random.Generator) -> pd.DataFrame:
    levels = {"corpora": len(sizes.corpora), "texts": sizes.texts, "texts within corpora": sizes.texts}
    return pd.DataFrame(
        [
            _head(sizes)
            | {
                "model": _name(sizes, model),
                "arm": _name(sizes, "gap"),
                "level": level,
                "n": n,
                "spearman": 0.41,
                "low": None if level == "corpora" else 0.12,
                "high": None if level == "corpora" else 0.63,
                "p_value": None if level == "corpora" else 0.008,
            }
            for model in sizes.models
            for level, n in levels.items()
        ]
    )


def _corpora(sizes: Sizes, draw: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "corpus": _name(sizes, corpus),
                "texts": sizes.texts,
                "tokens": 21_300 + 512 * place,
                "fingerprint": f"{place + 11:064x}",
                "overlap": 0.013 * place,
            }
            for place, corpus in enumerate(sizes.corpora)
        ]
    )


def _texts(sizes: Sizes, runs: pd.DataFrame) -> pd.DataFrame:
    frame = runs[["corpus", "index", "text_id"]].drop_duplicates().reset_index(drop=True)
    frame["text"] = [
        f"def handle_{index}(rows):\n    return [row for row in rows if row]  # <b>{corpus}</b>\n"
        for corpus, index in zip(frame["corpus"], frame["index"], strict=True)
    ]
    return frame


HOSTILE = [
    "<script>document.title='owned'</script>",
    "**bold** :material/home: $x^2$",
    "=cmd|' /C calc'!A0",
    "\u0645\u0631\u062d\u0628\u0627 \u202e gnp.exe",
    "\U0001f642" * 40,
]


def _documents(path: Path, sizes: Sizes, runs: pd.DataFrame, draw: np.random.Generator) -> None:
    """In the pipeline's order: by task and document, then by checkpoint."""
    plan = [(r.model, r.draw, r.arm, r.corpus, r.text_id, r.seed, r.selected_step) for r in runs.itertuples()]
    plan += [
        (_name(sizes, model), number, "none", "none", "-", 0, 0)
        for model in RUNGS
        for number in range(sizes.draws)
    ]
    names = ["model", "draw", "arm", "corpus", "text_id", "seed", "step"]
    keys = pd.DataFrame(plan, columns=names).sort_values(names, ignore_index=True)
    at_once = max(1, 131_072 // len(keys))
    with pq.ParquetWriter(path, SAMPLES, compression="zstd") as writer:
        for task in sorted(TASKS):
            for first in range(0, sizes.documents, at_once):
                documents = np.arange(first, min(sizes.documents, first + at_once), dtype=np.int64)
                writer.write_table(_document_rows(sizes, keys, task, documents, draw))


def _document_rows(
    sizes: Sizes, keys: pd.DataFrame, task: str, documents: np.ndarray, draw: np.random.Generator
) -> pa.Table:
    rows, family = len(keys) * len(documents), "dialogue" if task in DIALOGUE_TASKS else "classification"
    doc_id = np.repeat(documents, len(keys))
    chance = draw.random(rows)
    value = np.round(chance, 3) if family == "dialogue" else (chance < 0.6).astype(float)
    right = np.array([f"the answer {d % 97}" for d in documents], dtype=object)[doc_id - documents[0]]
    wrong = np.array([f"another {i}" for i in range(13)], dtype=object)[draw.integers(0, 13, rows)]
    said = np.where(value == 1, right, wrong)
    for place, hostile in enumerate(HOSTILE):
        said[doc_id == place] = hostile
    columns = {name: pa.array(np.tile(keys[name].to_numpy(), len(documents))) for name in keys.columns}
    columns |= {
        "track": pa.array(np.repeat(sizes.track, rows)),
        "task": pa.array(np.repeat(task, rows)),
        "family": pa.array(np.repeat(family, rows)),
        "split": pa.array(np.repeat("test", rows)),
        "doc_id": pa.array(doc_id),
        "cluster": pa.array(doc_id).cast(pa.string()),
        "probability": pa.array(np.round(draw.random(rows), 3)),
        "metric": pa.array(np.repeat("f1" if family == "dialogue" else "acc", rows)),
        "value": pa.array(value),
        "prediction": pa.array(said, pa.string()),
        "target": pa.array(right, pa.string()),
        "choice_logprobs": pa.nulls(rows, pa.list_(pa.float32())),
    }
    return pa.table({name: columns[name].cast(SAMPLES.field(name).type) for name in SAMPLES.names})


def _claims(sizes: Sizes, comparisons: pd.DataFrame) -> dict:
    def parts(kind: str, scopes: list[str]) -> list[dict]:
        rows = comparisons[(comparisons["baseline_kind"] == kind) & comparisons["scope"].isin(scopes)]
        rows = rows[rows["arm"].isin([_name(sizes, arm) for arm in sizes.treatments])]
        rows = rows[rows["corpus"] == _name(sizes, sizes.corpora[0])].sort_values("size_ratio", kind="stable")
        return [
            {
                "model": r.model,
                "arm": r.arm,
                "corpus": r.corpus,
                "baseline": r.baseline,
                "baseline_arm": r.baseline_arm,
                "scope": r.scope,
                "delta": r.delta,
                "ci_low": r.ci_low,
                "ci_high": r.ci_high,
                "p_value": r.p_value,
                "p_adjusted": r.p_adjusted,
                "outcome": {
                    "superior": "reproduced",
                    "comparable": "reproduced",
                    "inferior": "not reproduced",
                }.get(r.verdict, "inconclusive"),
                "note": "",
            }
            for r in rows.itertuples()
        ]

    def estimates(rows: list[dict], outcome: str, scopes: list[str]) -> list[dict]:
        """The mean of the parts at each scope, as the estimate that decides."""
        found = []
        for scope in scopes:
            mean = float(np.mean([row["delta"] for row in rows if row["scope"] == scope] or [0.001]))
            found.append(
                {
                    "model": "mean of all declared",
                    "arm": _name(sizes, "gap"),
                    "corpus": "mean of all declared",
                    "baseline": "mean of all declared",
                    "baseline_arm": "none",
                    "scope": scope,
                    "delta": mean,
                    "ci_low": mean - 0.0041,
                    "ci_high": mean + 0.0043,
                    "p_value": 0.013,
                    "p_adjusted": 0.026,
                    "share_closed": 0.31,
                    "share_closed_low": 0.12,
                    "share_closed_high": 0.58,
                    "conditional": _given(sizes),
                    "outcome": outcome,
                    "note": "",
                }
            )
        return found

    families = ["classification", "dialogue"]
    given = [
        (
            "C1",
            "A few steps of GAP improve the model",
            "reproduced",
            parts("base", families),
            families,
            "Every treated model scored higher than before, on both kinds of task.",
        ),
        (
            "C2",
            "A GAP model becomes comparable to one 2-3 times larger",
            "inconclusive",
            parts("rung", ["all"])[:3],
            ["all"],
            "Some pairs are within the margin, others cannot be told apart with these documents.",
        ),
        (
            "C3",
            "Text from outside the training data works best",
            "not testable",
            parts("base", ["all"]),
            ["all"],
            "Not testable on this track: every corpus was trained on.",
        ),
        (
            "C4",
            "The gain is more than that of a placebo",
            "not reproduced",
            parts("control", ["all"]),
            families,
            "Against random and shuffled placebos of the same size nothing remains.",
        ),
    ]
    decided = [
        {
            "id": i,
            "title": title,
            "outcome": outcome,
            "sentence": sentence,
            "estimates": estimates(rows, outcome if outcome != "not testable" else "inconclusive", scopes),
            "parts": rows,
        }
        for i, title, outcome, rows, scopes, sentence in given
    ]
    if sizes.controls_hold is not None:
        if not sizes.controls_hold:
            for claim in decided:
                claim["sentence"] = f"Cannot tell, because C0 fails. By itself: {claim['sentence']}"
                claim["outcome"] = "cannot tell"
        decided.insert(0, _control_claim(sizes))
    return {"track": sizes.track, "suite_version": SUITE, "claims": decided}


def _control_claim(sizes: Sizes) -> dict:
    """C0 with five controls, of which the negative one fails where `controls_hold` is False."""
    own, larger, holds = sizes.models[0], sizes.models[1], bool(sizes.controls_hold)
    treated = f"{_name(sizes, own)}/{{}}/{_name(sizes, sizes.corpora[0])}"
    rows = [
        (
            "positive",
            treated.format("lessons"),
            "superior",
            "all: superior; dialogue: superior",
            0.0391,
            0.012,
        ),
        ("negative", treated.format("gap-lr1e-3"), "inferior", "all: inferior", -0.0213, 0.009),
        ("placebo", treated.format("random"), "not superior", "all: negligible", 0.0002, 0.003),
        (
            "same rung",
            f"{_name(sizes, larger)}: every second draw",
            "not told apart",
            "all: not told apart",
            0.001,
            0.01,
        ),
        (
            "next rung",
            f"{_name(sizes, larger)}: every second draw, as a treated {_name(sizes, own)}",
            "comparable",
            "all: comparable",
            -0.002,
            0.008,
        ),
    ]
    estimates = [
        {
            "control": name,
            "entry": entry,
            "expected": expected,
            "found": found if holds or name != "negative" else "all: inconclusive",
            "delta": delta,
            "ci_low": delta - half,
            "ci_high": delta + half,
            "as_expected": holds or name != "negative",
        }
        for name, entry, expected, found, delta, half in rows
    ]
    return {
        "id": "C0",
        "title": "This study can see an effect where there is one, and none where there is none",
        "outcome": "reproduced" if holds else "not reproduced",
        "sentence": "The study can see: all 5 declared controls came out as they must."
        if holds
        else "The study cannot be trusted to see: negative did not come out as declared.",
        "estimates": estimates,
        "parts": [],
    }


def _draws(sizes: Sizes) -> pd.DataFrame:
    """The last of several draws is a kept one, and one more is refused."""
    rows = []
    for model in RUNGS:
        for number in range(sizes.draws + (sizes.draws > 1)):
            origin = "trained" if number < max(1, sizes.draws - 1) else "kept"
            origin = "refused" if number == sizes.draws else origin
            reason = (
                "other settings (recipe): kept 5d1f0c9a2b3e, here 0a1b2c3d4e5f" if origin == "refused" else ""
            )
            rows.append(
                _head(sizes)
                | {
                    "model": _name(sizes, model),
                    "draw": number,
                    "origin": origin,
                    "reason": reason,
                    "weights_sha256": f"{len(rows) + 41:064x}",
                    "n_texts": 0 if origin == "refused" else sizes.texts,
                }
            )
    return _as(pd.DataFrame(rows), DRAWS)


def _provenance(sizes: Sizes) -> dict:
    return {
        "revision": "0" * 40,
        "packages": {"torch": "2.13.0", "transformers": "5.23.0", "lm-eval": "0.4.13"},
        "hardware": {"cpu": "made up", "cores": 2, "memory_gib": 4},
        "wall_seconds": {"posttrain": 412.0, "score": 31.5},
        "keys": {f"model:{name}": f"{place:064x}" for place, name in enumerate(RUNGS)},
        "written": "2024-05-01T12:00:00Z",
        "draws": {name: {"trained": max(1, sizes.draws - 1), "kept": 1, "refused": 1} for name in RUNGS},
        "kept_draw_check": {
            "seed": 271_828,
            "model": _name(sizes, sizes.models[0]),
            "draw": sizes.draws - 1,
            "arithmetic": "made up",
            "compared": "weights",
            "agrees": True,
            "outcome": "the weights are those of the record (5d1f0c9a2b3e, kept 5d1f0c9a2b3e)",
        },
    }


def _attestations(sizes: Sizes) -> list[dict]:
    return [
        {
            "track": sizes.track,
            "model": _name(sizes, sizes.models[0]),
            "arm": _name(sizes, "gap"),
            "corpus": _name(sizes, sizes.corpora[0]),
            "state": "reproduced",
            "runs": 3,
            "largest_difference": 2.1e-5,
            "revision": "0" * 40,
            "written": "2024-05-02T09:00:00Z",
        }
    ]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--track", default="micro")
    parser.add_argument("--texts", type=int, default=5)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--documents", type=int, default=12)
    given = parser.parse_args()
    print(write(given.out, Sizes(given.track, given.texts, given.steps, given.documents)))


if __name__ == "__main__":
    main()
