"""One `samples_<task>_<date>.jsonl`: scores by document and filter, checked line by line."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import InputError
from benchmark.system.strict_json import unique_keys

HASHES = ("doc_hash", "target_hash", "prompt_hash")
NEEDED = ("doc_id", *HASHES, "metrics")
LIKELIEST = frozenset({"acc", "acc_norm", "acc_bytes", "acc_mutual_info"})
"""Metrics that are 1 where the choice that is rated highest is right."""
LARGEST = 1e50
"""Largest size of a score: the fourth power of larger ones, which the statistics need, may overflow."""


@dataclass
class FilteredSamples:
    """What one filter kept, a list entry per document in the file's order.

    `metrics` maps each metric to its values as logged; `choices` counts the choices among which one is right, 0
    where that is not known; `cluster` are values of the cluster's field; `line` is the line's number, `start` its
    first byte.
    """

    doc_id: list[int] = field(default_factory=list)
    doc_hash: list[str] = field(default_factory=list)
    target_hash: list[str] = field(default_factory=list)
    prompt_hash: list[str] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)
    cluster: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)

    def plain_metrics(self) -> list[str]:
        """Metrics with one number for every document, in the order logged."""
        return [name for name, values in self.metrics.items() if all(map(_is_number, values))]

    def without_number(self, metric: str) -> int | None:
        """The first row that has no usable number; None where all have one, or no row has (lists or texts)."""
        values = self.metrics.get(metric, [])
        if all(isinstance(value, list | dict | str) for value in values):
            return None
        return next((row for row, value in enumerate(values) if not _is_number(value)), None)


def read_samples(path: Path, cluster: str = "") -> dict[str, FilteredSamples]:
    """The samples of one file by filter, in the file's order.

    `cluster` names a field of the documents, empty for none.

    Raises:
        InputError: a line is broken (with its number), lacks a field, or repeats a document.
    """
    found: dict[str, FilteredSamples] = {}
    places: set[tuple[str, int]] = set()
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}, line {number}"
            if line.strip():
                sample = _sample(line, where)
                name = sample.get("filter", "none")
                if (name, sample["doc_id"]) in places:
                    raise InputError(
                        f"{where}: document {sample['doc_id']} a second time; the file was written twice"
                    )
                places.add((name, sample["doc_id"]))
                samples = found.setdefault(name, FilteredSamples())
                _add(samples, sample, cluster, where)
                samples.line.append(number)
                samples.start.append(start)
            start += len(line)
    if not found:
        raise InputError(f"{path} is empty; run the evaluation again")
    return found


def read_line(path: Path, start: int) -> dict[str, Any]:
    """The sample whose line begins at byte `start`."""
    with path.open("rb") as file:
        file.seek(start)
        return _sample(file.readline(), str(path))


def _sample(line: bytes, where: str) -> dict[str, Any]:
    try:
        sample = json.loads(line.decode("utf-8-sig"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({str(error)[:80]}); run the evaluation again") from None
    if not isinstance(sample, dict):
        raise InputError(f"{where}: not a JSON object; this is not a samples file of lm-eval")
    missing = [name for name in NEEDED if name not in sample]
    if missing:
        raise InputError(
            f"{where}: no '{missing[0]}' in it; this is not a samples file of lm-eval 0.4.9 or later"
        )
    number, metrics = sample["doc_id"], sample["metrics"]
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise InputError(f"{where}: doc_id {str(number)[:40]} is not a whole number")
    for name in (*HASHES, *(["filter"] if "filter" in sample else [])):
        if not isinstance(sample[name], str) or not sample[name]:
            raise InputError(
                f"{where}: {name} {str(sample[name])[:40]} is not a text; run the evaluation again"
            )
    if not isinstance(metrics, list) or not all(isinstance(name, str) for name in metrics):
        raise InputError(f"{where}: metrics are not a list of names; run the evaluation again")
    return sample


def _add(samples: FilteredSamples, sample: dict[str, Any], cluster: str, where: str) -> None:
    metrics = {name: sample.get(name) for name in sample["metrics"]}
    if samples.doc_id and metrics.keys() != samples.metrics.keys():
        raise InputError(f"{where}: other metrics than on the lines before; run the evaluation again")
    for name in ("doc_id", *HASHES):
        getattr(samples, name).append(sample[name])
    for name, value in metrics.items():
        samples.metrics.setdefault(name, []).append(value)
    samples.choices.append(_choices(sample))
    if cluster:
        doc = sample.get("doc")
        if not isinstance(doc, dict) or cluster not in doc:
            fields = ", ".join(doc) if isinstance(doc, dict) else "none"
            raise InputError(f"{where}: its document has no field {cluster}; it has {fields}")
        samples.cluster.append(json.dumps(doc[cluster], sort_keys=True))


def _choices(sample: dict[str, Any]) -> int:
    """Choices of which one is right: one request each, two each where unconditional ones were asked as well."""
    asked = sample.get("arguments")
    if str(sample.get("target", "")).startswith("[") or not isinstance(asked, list | dict):
        return 0
    return len(asked) // 2 if "acc_mutual_info" in sample["metrics"] else len(asked)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= LARGEST
