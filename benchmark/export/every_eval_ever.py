"""Records of Every Eval Ever (schema 0.3.0): one JSON file per checkpoint, and one line per document beside it."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.export.asked_documents import AskedDocument, AskedTask
from benchmark.export.stored_checkpoints import ScoredDocument, StoredCheckpoint
from benchmark.statistics.contrast import level
from benchmark.statistics.crossed import CONFIDENCE
from benchmark.statistics.design import DocumentScores, Layout, Task, numbered
from benchmark.tasks.suite import Suite

SCHEMA = "0.3.0"
ORGANIZATION = "gapbench"
METRICS = {
    "acc": ("accuracy", "Accuracy"),
    "acc_norm": ("accuracy", "Accuracy, by length"),
    "f1": ("f1", "F1"),
}
"""Kind and name of metrics by what suites call them; others keep their name."""
METHOD = "t interval over clusters of documents, stratified by task; this checkpoint is taken as given"


class EeeWriter:
    """Writes checkpoints below `out`: `data/<suite>/gapbench/<checkpoint>/<uuid>.json` and `<uuid>_samples.jsonl`.

    `written` is the time of the results in ISO form, `retrieved` the same in seconds since 1970.
    """

    def __init__(
        self, out: Path, track: str, suite: Suite, asked: Sequence[AskedTask], written: str, retrieved: int
    ):
        self.out, self.track, self.suite, self.asked = out, track, suite, asked
        self.written, self.retrieved = written, str(retrieved)
        self.layout = _layout(asked)

    def write(self, checkpoint: StoredCheckpoint) -> Path:
        """The record of one checkpoint."""
        name = f"{checkpoint.group}.{checkpoint.run}"
        model = f"{ORGANIZATION}/{self.track}.{name}"
        evaluation = f"{self.suite.name}@{self.suite.version}/{model}/{self.retrieved}"
        number = uuid.UUID(bytes=hashlib.sha256(evaluation.encode()).digest()[:16], version=4)
        place = Path("data", self.suite.name, ORGANIZATION, f"{self.track}.{name}")
        folder = self.out / place
        folder.mkdir(parents=True)
        lines = "".join(
            json.dumps(line, ensure_ascii=False) + "\n" for line in self._lines(checkpoint, evaluation, model)
        )
        samples = folder / f"{number}_samples.jsonl"
        samples.write_text(lines, encoding="utf-8")
        record = {
            "schema_version": SCHEMA,
            "evaluation_id": evaluation,
            "evaluation_timestamp": self.written,
            "retrieved_timestamp": self.retrieved,
            "source_metadata": {
                "source_name": f"GAPbench, track {self.track}",
                "source_type": "evaluation_run",
                "source_organization_name": "GAPbench",
                "evaluator_relationship": "other",
            },
            "eval_library": {"name": "gapbench", "version": version("gapbench")},
            "model_info": self._model(checkpoint, model),
            "evaluation_results": list(self._results(checkpoint)),
            "detailed_evaluation_results": {
                "format": "jsonl",
                "file_path": (place / samples.name).as_posix(),
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(lines.encode()).hexdigest(),
                "total_rows": sum(len(task.documents) for task in self.asked),
            },
        }
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / f"{number}.json").write_text(text, encoding="utf-8")
        return folder

    def _model(self, checkpoint: StoredCheckpoint, model: str) -> dict[str, Any]:
        return {
            "name": f"{checkpoint.group.replace('.', '/')} {checkpoint.run}",
            "id": model,
            "inference_engine": {"name": "gapbench", "version": version("gapbench")},
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
                "base_model": checkpoint.model,
                "arm": checkpoint.arm,
                "corpus": checkpoint.corpus,
                "pretraining_draw": str(checkpoint.draw),
                "text_id": checkpoint.text_id,
                "seed": str(checkpoint.seed),
                "step": ", ".join(map(str, checkpoint.steps)),
                "parameters": str(checkpoint.parameters),
            },
        }

    def _results(self, checkpoint: StoredCheckpoint) -> Sequence[dict[str, Any]]:
        """One result for each task, and the means over tasks: all, and each family where there are several."""
        values = np.concatenate(
            [
                [checkpoint.scores[task.task.name][number].value for number in task.documents]
                for task in self.asked
            ]
        )
        scores = DocumentScores("model", "none", "none", ("0",), np.arange(len(values)), values[None, :])
        estimate = level(scores).estimated(self.layout).estimate
        low, high = estimate.interval()
        means, counts = self.layout.scope_means(values), self.layout.scope_documents()
        by_name = {task.task.name: task for task in self.asked}
        found = []
        for row, scope in enumerate(self.layout.scopes):
            task = by_name.get(scope)
            uncertainty: dict[str, Any] = {"num_samples": int(counts[row])}
            if np.isfinite(low[row]) and np.isfinite(high[row]):
                uncertainty["confidence_interval"] = {
                    "lower": float(low[row]),
                    "upper": float(high[row]),
                    "confidence_level": CONFIDENCE,
                    "method": METHOD,
                }
            found.append(
                {
                    "evaluation_result_id": _result_id(self.suite, scope, task),
                    "evaluation_name": scope if task else f"{self.suite.name}: {scope}",
                    "source_data": self._source(scope, task),
                    "evaluation_timestamp": self.written,
                    "metric_config": _metric(task.task.metric if task else "mean"),
                    "score_details": {"score": float(means[row]), "uncertainty": uncertainty},
                }
            )
        return found

    def _source(self, scope: str, task: AskedTask | None) -> dict[str, Any]:
        details = {"suite": self.suite.name, "suite_version": self.suite.version, "split": "test"}
        if task is None:
            members = [one.task.name for one in self.asked if scope in ("all", one.task.family)]
            return {
                "dataset_name": f"{self.suite.name}: {scope}",
                "source_type": "other",
                "additional_details": {**details, "tasks": ", ".join(members)},
            }
        details |= {"task_version": task.task.version, "family": task.task.family}
        addresses = sorted(set(_addresses(task.task.task.config.dataset_kwargs or {})))
        if addresses:
            return {
                "dataset_name": scope,
                "source_type": "url",
                "url": addresses,
                "additional_details": details,
            }
        return {"dataset_name": scope, "source_type": "other", "additional_details": details}

    def _lines(self, checkpoint: StoredCheckpoint, evaluation: str, model: str) -> Any:
        for task in self.asked:
            scored = checkpoint.scores[task.task.name]
            for number, document in task.documents.items():
                yield {
                    "schema_version": SCHEMA,
                    "evaluation_id": evaluation,
                    "model_id": model,
                    "evaluation_name": task.task.name,
                    "evaluation_result_id": _result_id(self.suite, task.task.name, task),
                    **_sample(document, scored[number]),
                    "metadata": {"cluster": document.cluster, "doc_hash": document.doc_hash},
                }


def _layout(asked: Sequence[AskedTask]) -> Layout:
    tasks = tuple(
        Task(task.task.name, task.task.family, task.task.metric, task.task.chance) for task in asked
    )
    names = [f"{place} {one.cluster}" for place, task in enumerate(asked) for one in task.documents.values()]
    return Layout(
        tasks,
        np.repeat(np.arange(len(tasks)), [len(task.documents) for task in asked]).astype(np.int64),
        np.concatenate([list(task.documents) for task in asked]).astype(np.int64),
        numbered(np.unique(names, return_inverse=True)[1].astype(np.int64)),
    )


def _result_id(suite: Suite, scope: str, task: AskedTask | None) -> str:
    return f"{scope}/{task.task.metric}" if task else f"{suite.name}/{scope}/mean"


def _metric(name: str) -> dict[str, Any]:
    kind, shown = METRICS.get(name, (name, name))
    return {
        "metric_id": kind,
        "metric_name": "Mean over tasks" if name == "mean" else shown,
        "metric_kind": kind,
        "metric_unit": "proportion",
        "lower_is_better": False,
        "score_type": "continuous",
        "min_score": 0.0,
        "max_score": 1.0,
    }


def _addresses(value: Any) -> Sequence[str]:
    """The `url`s of a task's data files, at any depth."""
    if isinstance(value, Mapping):
        own = [value["url"]] if isinstance(value.get("url"), str) else []
        return [*own, *(found for inner in value.values() for found in _addresses(inner))]
    if isinstance(value, list | tuple):
        return [found for inner in value for found in _addresses(inner)]
    return []


def _sample(document: AskedDocument, scored: ScoredDocument) -> dict[str, Any]:
    """What the line of a document says of question and answer; no answer where none is stored."""
    reference = document.answer
    if document.choices and reference.isdigit() and int(reference) < len(document.choices):
        reference = document.choices[int(reference)]
    answer, chosen = scored.prediction, None
    if document.choices and answer is not None and answer.isdigit() and int(answer) < len(document.choices):
        chosen = document.choices[int(answer)]
    raw = [text for text in (answer if chosen is None else chosen,) if text is not None]
    return {
        "sample_id": str(document.doc_id),
        "sample_hash": hashlib.sha256((document.prompt + reference).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {
            "raw": document.prompt,
            "reference": [reference],
            "choices": list(document.choices) or None,
        },
        "output": {"raw": raw},
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": text,
                "extraction_method": "custom" if chosen is None else "largest log-likelihood",
                "is_terminal": True,
            }
            for text in raw
        ],
        "evaluation": {"score": scored.value, "is_correct": scored.value == 1.0},
    }
