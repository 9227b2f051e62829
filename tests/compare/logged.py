"""Folders of lm-eval results made by stock lm-eval with a model of known answers, on tasks made here."""

import functools
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager
from torch.utils import collect_env

DOCUMENTS = 60
CHOICE: dict[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
        {"metric": "mcc", "aggregation": "matthews_corrcoef", "higher_is_better": True},
    ],
    "metadata": {"version": 1.0},
}
REPLY: dict[str, Any] = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{choices[answer]}}",
    "generation_kwargs": {"until": ["\n"]},
    "filter_list": [
        {"name": "strict", "filter": [{"function": "take_first"}]},
        {
            "name": "last-word",
            "filter": [{"function": "regex", "regex_pattern": "(\\w+)$"}, {"function": "take_first"}],
        },
    ],
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    "metadata": {"version": 2.0, "cluster": "passage"},
}
TASKS = {"alpha": CHOICE, "beta": CHOICE, "gamma": REPLY}


def share(*key: object) -> float:
    """A number in [0, 1) that depends on `key` alone."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big") / 2**48


class Knowing(LM):
    """Answers right with probability `skill`, the same question always alike; `seed` makes another run."""

    def __init__(self, skill: float, seed: int = 0, before: str = "") -> None:
        super().__init__()
        self.skill, self.seed, self.before = skill, seed, before

    def _knows(self, question: str) -> bool:
        hard = share("hard", question)
        return 0.7 * hard + 0.3 * share(self.seed, self.skill, question) < self.skill

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        found = []
        for request in requests:
            question, choice = request.args
            right = request.doc["choices"][request.doc["answer"]] == choice.strip()
            likely = right == self._knows(question)
            found.append((-1.0 - (0 if likely else 2) - share(self.seed, question, choice) / 2, likely))
        return found

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        found = []
        for request in requests:
            answer = request.doc["choices"][request.doc["answer"]]
            found.append(self.before + (answer if self._knows(request.args[0]) else "wrong"))
        return found

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        raise NotImplementedError


def write_tasks(folder: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
    """YAML and data of the tasks and of group `pair` (alpha, beta) in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, task in TASKS.items():
        lines = [
            {
                "question": f"{name} {number} <script>alert(1)</script>?",
                "choices": [f"{word}{number}" for word in ("one", "two", "three", "four")],
                "answer": number % 4,
                "passage": number // 3,
            }
            for number in range(DOCUMENTS)
        ]
        data = folder / f"{name}.json"
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        config = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
            "test_split": "test",
            **task,
            **(changes or {}).get(name, {}),
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    group = {
        "group": "pair",
        "task": ["alpha", "beta"],
        "aggregate_metric_list": [{"metric": "acc", "aggregation": "mean"}],
        "metadata": {"version": 1.0},
    }
    (folder / "pair.yaml").write_text(yaml.safe_dump(group))
    return folder


@functools.cache
def _machine() -> str:
    """What lm-eval says of the machine; asked once, because it lists all packages, which takes seconds."""
    return str(collect_env.get_pretty_env_info())


def evaluate(
    tasks_folder: Path,
    out: Path,
    model: LM,
    *,
    tasks: Sequence[str] = ("pair", "gamma"),
    parameters: int | None = None,
    limit: int | None = None,
) -> Path:
    """Evaluate as `lm_eval --log_samples --output_path OUT` does; the folder that it wrote."""
    manager = TaskManager(include_path=str(tasks_folder), include_defaults=False)
    machine = _machine()
    with mock.patch.object(collect_env, "get_pretty_env_info", lambda: machine):
        found = simple_evaluate(
            model, tasks=list(tasks), task_manager=manager, limit=limit, bootstrap_iters=0
        )
    samples = found.pop("samples")
    if parameters is not None:  # as HFLM.get_model_info adds it
        found["config"]["model_num_parameters"] = parameters
    tracker = EvaluationTracker(output_path=str(out))
    tracker.general_config_tracker.log_experiment_args("test", f"pretrained={out.name}", None, None, False)
    found["config"]["model_args"] = f"pretrained={out.name}"
    tracker.save_results_aggregated(results=found, samples=samples)
    for name in found["configs"]:
        tracker.save_results_samples(task_name=name, samples=samples[name])
    return out


def copy(folder: Path, to: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(folder, to))


def samples_file(folder: Path, task: str) -> Path:
    """The samples file of a task, below `folder`."""
    (found,) = folder.rglob(f"samples_{task}_*.jsonl")
    return found


def change_lines(path: Path, change: Any) -> None:
    """Replace the samples by `change(samples)`."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))


def change_results(folder: Path, change: Any) -> None:
    """Let `change(content)` change the results file below `folder`."""
    (path,) = folder.rglob("results_*.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
