"""The documents on which two models do not score the same, with what each answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.compare.paired_documents import PairedStudy, PairedTask
from benchmark.compare.task_samples import LIKELIEST, read_line

MOST_SHOWN = 200
LONGEST = 1500


@dataclass(frozen=True)
class Disagreement:
    """One document: scores (means over runs), and the texts of the first run of each side, cut to `LONGEST`."""

    doc_id: int
    score_a: float
    score_b: float
    prompt: str
    target: str
    answer_a: str
    answer_b: str


def disagreements(study: PairedStudy, task: PairedTask) -> Iterator[Disagreement]:
    """The first `MOST_SHOWN` documents on which A and B differ, by `doc_id`."""
    first, second = (task.values[place].mean(axis=0) * task.sign for place in (0, 1))
    paths = [study.models[place].runs[0].tasks[task.name].path for place in (0, 1)]
    for row in np.flatnonzero(first != second)[:MOST_SHOWN]:
        ours, theirs = (read_line(path, int(task.starts[place][row])) for place, path in enumerate(paths))
        yield Disagreement(
            int(task.doc_id[row]),
            float(first[row]),
            float(second[row]),
            _cut(_prompt(ours)),
            _cut(_target(ours, task.metric)),
            _cut(_answer(ours, task.metric)),
            _cut(_answer(theirs, task.metric)),
        )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else "… " + text[-LONGEST:]


def _requests(sample: dict[str, Any]) -> list[list[Any]]:
    """The arguments of each request, as lists in their order; empty where they are logged otherwise."""
    logged = sample.get("arguments")
    if isinstance(logged, dict):
        return [list(one.values()) if isinstance(one, dict) else [one] for one in logged.values()]
    return [one if isinstance(one, list) else [one] for one in logged] if isinstance(logged, list) else []


def _prompt(sample: dict[str, Any]) -> str:
    requests = _requests(sample)
    return str(requests[0][0]) if requests and requests[0] else str(sample.get("doc", ""))


def _target(sample: dict[str, Any], metric: str) -> str:
    """The right answer; of a numbered choice its text too."""
    target, requests = str(sample.get("target", "")), _requests(sample)
    if metric in LIKELIEST and target.isdecimal() and len(target) < 9 and int(target) < len(requests) > 1:
        return f"{target}: {' '.join(map(str, requests[int(target)][1:])).strip()}"
    return target


def _answer(sample: dict[str, Any], metric: str) -> str:
    """The choice that is rated highest, with its log-probability; for other tasks the filtered reply."""
    logged, requests = sample.get("filtered_resps") or sample.get("resps") or [], _requests(sample)
    replies = logged if isinstance(logged, list) else [logged]
    if metric in LIKELIEST and len(replies) == len(requests) > 1:
        try:
            rated = [float(reply[0]) for reply in replies]
            best = int(np.argmax(rated))
            return f"{requests[best][1]} (log-probability {rated[best]:.3f})"
        except (ValueError, TypeError, OverflowError, IndexError, KeyError):
            pass
    return "\n".join(str(reply) for reply in replies)
