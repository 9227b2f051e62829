"""The rows of `runs.csv`: what became of each run."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmark.scoring.run_records import Records
from benchmark.scoring.samples import Samples
from benchmark.scoring.selection import NO_STEP, EntrySelection
from benchmark.statistics.design import SUMMARY_SCOPES


def run_rows(samples: Samples, selection: EntrySelection, records: Records) -> list[dict[str, Any]]:
    """One row a run; columns that only a run record has are empty without one."""
    layout = selection.layout
    rows = []
    for number, sample_row in enumerate(selection.rows):
        run = samples.runs[sample_row]
        step = _step(selection.held_out[number])
        at_step, at_start = records.step(run, step), records.step(run, 0)
        best = _step(selection.best_on_test[number])
        best_score = selection.test[number, _place(samples, best), 0] if best is not None else None
        row: dict[str, Any] = {
            **run._asdict(),
            **{
                name: records.get(run, name)
                for name in ("index", "stopped_at", "stop_reason", "skipped_steps")
            },
            "selected_step": step,
            "best_test_all": best_score,
            "text_loss_start": at_start.get("loss"),
            "text_loss_selected": at_step.get("loss"),
            "dialogue_loss": _dialogue_loss(
                at_step, {t.name for t in layout.tasks if t.family == "dialogue"}
            ),
            "distance": at_step.get("distance"),
            "corpus_loss": records.get(run, "corpus_loss"),
        }
        row |= {f"paper_step_{family}": steps[number] for family, steps in selection.paper.items()}
        scores = dict(zip(layout.scopes, selection.run_scores[number], strict=True))
        row |= {f"test_{scope}": scores.get(scope) for scope in SUMMARY_SCOPES}
        rows.append(row)
    return rows


def _step(number: np.int64) -> int | None:
    return None if number == NO_STEP else int(number)


def _place(samples: Samples, step: int) -> int:
    return int(np.searchsorted(samples.steps, step)) + 1


def _dialogue_loss(step: Mapping[str, Any], tasks: set[str]) -> float | None:
    """Mean over dialogue tasks of the test loss, nats; None unless every one is known."""
    metrics = step.get("metrics") or {}
    losses = [(metrics.get(task) or {}).get("loss") for task in tasks]
    known = [loss for loss in losses if loss is not None]
    return float(np.mean(sorted(known))) if known and len(known) == len(losses) else None
