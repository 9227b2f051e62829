"""A small track with made-up samples, stored as the pipeline stores them and scored by it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.pipeline.score_stage import write_track_results
from benchmark.schema.result_columns import SAMPLES, TEXTS
from benchmark.settings.params import load_settings
from benchmark.store.track_paths import Layout
from benchmark.system.files import write_json, write_json_lines, write_parquet

PARAMS = """\
track: {name: micro, root: ., params: params.yaml}
models:
  small: {kind: micro, role: treated, hidden: 8, layers: 1, heads: 1, ffn: 8, tokens: 1000}
  large: {kind: micro, role: baseline, hidden: 16, layers: 1, heads: 1, ffn: 8, tokens: 1000}
corpora:
  seen: {kind: micro, part: seen, texts: 4}
  code: {kind: micro, part: code, texts: 4}
arms:
  gap: {kind: ascent}
  random: {kind: random}
scoring: {resamples: 200}
"""
TASKS = {
    "choices": {"family": "classification", "metric": "acc", "chance": 1 / 3},
    "more-choices": {"family": "classification", "metric": "acc", "chance": 1 / 3},
    "talk": {"family": "dialogue", "metric": "f1", "chance": 0.0},
}
DOCUMENTS = {"select": range(20), "test": range(100, 140)}
STEPS = (1, 5)
DIGEST = "digest-of-the-base-weights"


def make_track(root: Path) -> Layout:
    """Write the track below `root` and score it."""
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    settings = load_settings(root / "params.yaml")
    layout = Layout.of(root / "params.yaml", settings)
    random = np.random.default_rng(0)
    for number, model in enumerate(settings.models):
        start = random.normal(size=(3, 200, 3)) + np.array([0.4 + 0.3 * number, 0, 0])
        facts = {"model": model, "parameters": 1000 * (1 + number) + 500 * number, "model_digest": [DIGEST]}
        facts |= {"suite": "made-up", "suite_version": "1", "tasks": TASKS}
        base = run_key(model, "none", "none", "-") | {"step": 0}
        write_parquet(layout.cell(model, "none") / "samples.parquet", scored(base, start))
        write_json(layout.cell(model, "none") / "base.json", facts)
        for corpus in settings.corpora:
            write_cell(layout, model, corpus, start, random if model == "small" else None)
    for corpus in settings.corpora:
        rows = [(corpus, i, f"{corpus}-text-{i}", f"text {i} of {corpus}") for i in range(4)]
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        write_parquet(layout.corpus(corpus) / "texts.parquet", pa.table(columns, schema=TEXTS))
        write_json(layout.corpus(corpus) / "corpus.json", {"corpus": corpus, "texts": 4, "fingerprint": "f"})
    write_track_results(settings, layout)
    write_json(layout.results / "provenance.json", {"hardware": {"host": "here"}})
    return layout


def write_cell(layout: Layout, model: str, corpus: str, start: Any, random: Any) -> None:
    """All runs of a model on a corpus; none where `random` is None."""
    tables, records = [SAMPLES.empty_table()], []
    for arm in ("gap", "random") if random is not None else ():
        for index in range(4):
            run = run_key(model, arm, corpus, f"{corpus}-text-{index}")
            steps: list[dict[str, Any]] = [{"step": 0, "metrics": {}, "averages": {}}]
            for step in STEPS:
                moved = start + random.normal(size=start.shape) * 0.1 * step
                tables.append(scored({**run, "step": step}, moved))
                steps.append({"step": step, **told(tables[-1]), "loss": 2.0, "distance": 1.0})
            best = max(steps[1:], key=lambda step: step["select_averages"]["all"])
            records.append(
                {**run, "index": index, "model_digest": DIGEST, "suite": "made-up", "suite_version": "1"}
                | {
                    "protocol": "held-out",
                    "settings": {"arm": {"kind": arm}, "posttrain": {}, "evaluation": {}},
                }
                | {"stopped_at": 5, "stop_reason": "max_steps", "skipped_steps": 0, "steps": steps}
                | {"selected_step": {"all": best["step"]}}
            )
    cell = layout.cell(model, corpus)
    write_parquet(cell / "samples.parquet", pa.concat_tables(tables))
    write_json_lines(cell / "runs.jsonl", records)
    write_json(cell / "cell.json", {"corpus_loss": 3.0, "keys": [], "model_digest": DIGEST})


def run_key(model: str, arm: str, corpus: str, text_id: str, draw: int = 0) -> dict[str, Any]:
    """What names a run, as columns of samples and keys of records."""
    return {"model": model, "draw": draw, "arm": arm, "corpus": corpus, "text_id": text_id, "seed": 0}


def scored(names: dict[str, Any], logits: Any) -> pa.Table:
    """The samples of a checkpoint from the scores [tasks, documents, choices] of its answers."""
    rows = []
    for place, (task, facts) in enumerate(TASKS.items()):
        for split, documents in DOCUMENTS.items():
            for document in documents:
                values = logits[place, document]
                row = {"track": "micro", "draw": 0, **names, "task": task, "split": split, "doc_id": document}
                row |= {
                    "cluster": f"fact {document % 7}",
                    "probability": probability(values, facts["metric"]),
                }
                row |= {"family": facts["family"], "metric": facts["metric"], "target": "0"}
                if facts["metric"] == "acc":
                    answer = int(values.argmax())
                    row |= {"value": float(answer == 0), "prediction": str(answer)}
                    row |= {"choice_logprobs": [float(value) - 5 for value in values]}
                else:
                    row |= {"value": float(1 / (1 + np.exp(-values[0]))), "prediction": f"{values[0]:.3f}"}
                    row |= {"choice_logprobs": None}
                rows.append(row)
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def probability(values: Any, metric: str) -> float:
    """The right choice's, by the softmax of the scores; made up for a dialogue."""
    weights = np.exp(values - values.max())
    return float(weights[0] / weights.sum()) if metric == "acc" else float(1 / (1 + np.exp(-values[1])))


def told(samples: pa.Table) -> dict[str, Any]:
    """What a run record tells of a step."""
    frame = samples.to_pandas()
    record: dict[str, Any] = {}
    for split, key in (("test", "averages"), ("select", "select_averages")):
        rows = frame[frame["split"] == split]
        means = rows.groupby("task")["value"].mean()
        families = rows.groupby(["family", "task"])["value"].mean().groupby("family").mean().to_dict()
        record[key] = {**families, "all": float(means.mean())}
        if split == "test":
            record["metrics"] = {task: {TASKS[task]["metric"]: float(mean)} for task, mean in means.items()}
    return record


def alter_samples(layout: Layout, corpus: str, change: Any, where: dict[str, Any]) -> None:
    """Apply `change` to the first row of a cell's samples that has the values of `where`."""
    path = layout.cell("small", corpus) / "samples.parquet"
    rows = pq.read_table(path).to_pylist()
    change(next(row for row in rows if where.items() <= row.items()))
    write_parquet(path, pa.Table.from_pylist(rows, schema=SAMPLES))


def alter_records(layout: Layout, corpus: str, arm: str, change: Any) -> None:
    """Apply `change` to the first run record of an entry."""
    path = layout.cell("small", corpus) / "runs.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(next(record for record in records if record["arm"] == arm))
    write_json_lines(path, records)
