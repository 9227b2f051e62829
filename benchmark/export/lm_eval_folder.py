"""Folders as `lm_eval --log_samples --output_path` writes them (lm-eval 0.4.13), one per checkpoint.

Two things that lm-eval logs are not stored here: whether a continuation is what greedy decoding gives (written as
`None`), and answers of draws that are kept as scores only (an empty list).
"""

import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval.utils import handle_non_serializable, hash_string

from benchmark.export.asked_documents import AskedDocument, AskedTask
from benchmark.export.stored_checkpoints import ScoredDocument, StoredCheckpoint
from benchmark.tasks.suite import Suite

OWN_CLUSTER = "gapbench_cluster"
"""Field of documents that have no field `cluster` of this suite's."""


class LmEvalWriter:
    """Writes checkpoints below `out`: `<group>/<run>/results_<date>.json` and `samples_<task>_<date>.jsonl`.

    `written` is the time of the results in ISO form.
    """

    def __init__(self, out: Path, suite: Suite, asked: Sequence[AskedTask], written: str) -> None:
        self.out, self.suite, self.asked = out, suite, asked
        self.date = written.partition("+")[0].replace(":", "-") + ".000000"
        self.fixed = {task.task.name: _fixed_parts(task) for task in asked}

    def write(self, checkpoint: StoredCheckpoint) -> Path:
        """The folder of one checkpoint."""
        folder = self.out / checkpoint.group / checkpoint.run
        folder.mkdir(parents=True)
        for task in self.asked:
            lines = self._lines(task, checkpoint.scores[task.task.name])
            path = folder / f"samples_{task.task.name}_{self.date}.jsonl"
            path.write_text("".join(lines), encoding="utf-8")
        text = json.dumps(
            self._results(checkpoint), indent=2, ensure_ascii=False, default=handle_non_serializable
        )
        (folder / f"results_{self.date}.json").write_text(text, encoding="utf-8")
        return folder

    def _lines(self, task: AskedTask, scored: Mapping[int, ScoredDocument]) -> list[str]:
        lines = []
        for number, document in task.documents.items():
            before, after = self.fixed[task.task.name][number]
            answers = _answers(document, scored[number])
            given = json.dumps(
                {"resps": [[answer] if answer else [] for answer in answers], "filtered_resps": answers},
                ensure_ascii=False,
            )
            value = json.dumps({task.task.metric: scored[number].value})
            lines.append(f"{{{before}, {given[1:-1]}, {after}, {value[1:-1]}}}\n")
        return lines

    def _results(self, checkpoint: StoredCheckpoint) -> dict[str, Any]:
        tasks = [task.task for task in self.asked]
        families = {task.family: [one.name for one in tasks if one.family == task.family] for task in tasks}
        groups = {family: names for family, names in families.items() if len(families) > 1}
        label = checkpoint.group.replace(".", "/")
        return {
            "results": {task.task.name: _result(task, checkpoint) for task in self.asked},
            "group_subtasks": groups,
            "configs": {task.task.name: _config(task) for task in self.asked},
            "versions": {task.name: task.version for task in tasks},
            "n-shot": {task.name: task.task.config.num_fewshot or 0 for task in tasks},
            "higher_is_better": {task.name: {task.metric: True} for task in tasks},
            "n-samples": {
                task.task.name: {
                    "original": len(task.task.task.eval_docs),
                    "effective": len(task.documents),
                }
                for task in self.asked
            },
            "config": {
                "model": "gapbench",
                "model_args": f"pretrained={label}",
                "model_num_parameters": checkpoint.parameters,
                "limit": None,
                "bootstrap_iters": 0,
            },
            "gapbench": {
                "version": version("gapbench"),
                "suite": f"{self.suite.name}@{self.suite.version}",
                "model": checkpoint.model,
                "arm": checkpoint.arm,
                "corpus": checkpoint.corpus,
                "draw": checkpoint.draw,
                "text_id": checkpoint.text_id,
                "seed": checkpoint.seed,
                "steps": {name: task.step for name, task in checkpoint.tasks.items()},
            },
            "lm_eval_version": version("lm_eval"),
            "task_hashes": {task.task.name: _task_hash(task) for task in self.asked},
            "model_source": "gapbench",
            "model_name": label,
            "model_name_sanitized": label.replace("/", "__"),
        }


def _fixed_parts(task: AskedTask) -> dict[int, tuple[str, str]]:
    """What the line of each document has before and after its answers, as JSON without braces."""
    found = {}
    cluster = _cluster_field(task)
    for number, document in task.documents.items():
        before = {
            "doc_id": document.doc_id,
            "doc": document.row if cluster == "cluster" else {**document.row, cluster: document.cluster},
            "target": document.answer,
            "arguments": {
                f"gen_args_{place}": {f"arg_{part}": value for part, value in enumerate(arguments)}
                for place, arguments in enumerate(document.arguments)
            },
        }
        after = {
            "filter": task.filter,
            "metrics": [task.task.metric],
            "doc_hash": document.doc_hash,
            "prompt_hash": hash_string(document.prompt),
            "target_hash": hash_string(document.answer),
        }
        dumped = (
            json.dumps(part, default=handle_non_serializable, ensure_ascii=False)[1:-1]
            for part in (before, after)
        )
        found[number] = (next(dumped), next(dumped))
    return found


def _answers(document: AskedDocument, scored: ScoredDocument) -> list[Any]:
    """The answer to each request: a text, or log-probability and whether it is greedy; an empty list if not stored."""
    logprobs = scored.choice_logprobs if document.choices else None
    if logprobs is not None and len(logprobs) == len(document.arguments):
        return [[str(value), "None"] for value in logprobs]
    text = scored.prediction
    return [text if written and text is not None else [] for written in document.written]


def _result(task: AskedTask, checkpoint: StoredCheckpoint) -> dict[str, Any]:
    scored = checkpoint.scores[task.task.name]
    values = np.array([scored[number].value for number in task.documents])
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else "N/A"
    key = f"{task.task.metric},{task.filter}"
    return {
        "name": task.task.name,
        "alias": task.task.name,
        "sample_len": len(values),
        key: float(values.mean()),
        key.replace(",", "_stderr,", 1): error,
    }


def _cluster_field(task: AskedTask) -> str:
    """The field of the documents that says which of them err alike."""
    documents = task.documents.values()
    own = all(document.row.get("cluster") == document.cluster for document in documents)
    return "cluster" if own else OWN_CLUSTER


def _config(asked: AskedTask) -> dict[str, Any]:
    """The task's configuration with the metric that is exported; it names its cluster for `gapbench compare`."""
    task = asked.task
    config = dict(task.task.dump_config())
    kept = {key: value for key, value in (config.get("metadata") or {}).items() if key != "config_source"}
    config["metadata"] = {**kept, "version": task.version, "cluster": _cluster_field(asked)}
    config["metric_list"] = [{"metric": task.metric, "aggregation": "mean", "higher_is_better": True}]
    return config


def _task_hash(task: AskedTask) -> str:
    hashes = (
        document.doc_hash + hash_string(document.prompt) + hash_string(document.answer)
        for document in task.documents.values()
    )
    return str(hash_string("".join(hashes)))
