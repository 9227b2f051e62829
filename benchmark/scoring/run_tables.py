"""Rows of the tables of runs: what became of each run, and scores by step, where nothing is chosen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.schema.stored_columns import ALL
from benchmark.scoring.run_records import NO_STEP_FACTS, Records, StepFacts
from benchmark.scoring.samples import Samples
from benchmark.scoring.selection import EntrySelection, averaged_by_unit, entry_values
from benchmark.statistics.best_step import NO_STEP
from benchmark.statistics.crossed import crossed
from benchmark.statistics.design import Layout


def run_rows(samples: Samples, selection: EntrySelection, records: Records) -> list[dict[str, Any]]:
    """One row per run of `runs.csv`; columns that only a run record has are empty without one."""
    layout = selection.layout
    written = _written(layout)
    rows = []
    for number, sample_row in enumerate(selection.rows):
        run = samples.runs[sample_row]
        facts = records[run]
        step, best = (_step(steps[number]) for steps in (selection.held_out, selection.best_on_test))
        at_step, at_start = facts.steps.get(step, NO_STEP_FACTS), facts.steps.get(0, NO_STEP_FACTS)
        best_score = None
        if best is not None:
            best_score = selection.test[number, np.searchsorted(samples.steps, best) + 1, 0]
        scores = dict(zip(layout.scopes, selection.run_scores[number], strict=True))
        rows.append(
            {
                **run._asdict(),
                "index": facts.index,
                "stopped_at": facts.stopped_at,
                "stop_reason": facts.stop_reason,
                "skipped_steps": facts.skipped_steps,
                "selected_step": step,
                "best_test_all": best_score,
                "text_loss_start": at_start.loss,
                "text_loss_selected": at_step.loss,
                **{f"{scope}_loss": _mean_loss(at_step, tasks) for scope, tasks in written.items()},
                "distance": at_step.distance,
                "corpus_loss": facts.corpus_loss,
                **{f"paper_step_{family}": steps[number] for family, steps in selection.paper.items()},
                **{f"test_{scope}": scores[scope] for scope in layout.summary_scopes},
            }
        )
    return rows


def _written(layout: Layout) -> dict[str, list[str]]:
    """The tasks of each family whose tasks all grade a written text, so that the texts' losses have a mean."""
    found = {}
    for scope in layout.family_scopes:
        tasks = [task for task in layout.tasks if scope in (ALL, task.family)]
        if all(task.written for task in tasks):
            found[scope] = sorted(task.name for task in tasks)
    return found


def _mean_loss(step: StepFacts, tasks: Sequence[str]) -> float | None:
    """Mean of the losses of `tasks`; None where one is not known."""
    losses = [step.task_losses.get(task) for task in tasks]
    known = sorted(loss for loss in losses if loss is not None)
    return float(np.mean(known)) if known and len(known) == len(losses) else None


def _step(number: np.int64) -> int | None:
    return None if number == NO_STEP else int(number)


def curve_rows(samples: Samples, selection: EntrySelection, records: Records) -> list[dict[str, Any]]:
    """Rows of `curves.csv`: test score by step and scope with a 95 % interval over documents and texts.

    Step 0 is the base model on the same documents. A run that has diverged scores chance from then on, so
    that a curve never rises because a run is lost; runs that stopped early leave it, which `n_texts` shows.
    """
    chosen, layout = selection.chosen, selection.layout
    entry = dict(zip(("model", "arm", "corpus"), chosen.key, strict=True))
    rows: list[dict[str, Any]] = []
    values_by_step = entry_values(samples, chosen.key, "test")[2]
    text_of, unit_of = np.array(selection.text_of), np.array(selection.unit_of)
    for place, step in enumerate((0, *samples.steps.tolist())):
        scored = _scored(samples, selection, records, place)
        if not scored.any():
            continue
        if step == 0:
            assert chosen.start is not None
            values = chosen.start if chosen.by == "draw" else chosen.start[:1]
        else:
            lost = np.isnan(selection.test[:, place, 0])[:, None]
            filled = np.where(lost, layout.chance, values_by_step[:, place - 1])[scored]
            values = averaged_by_unit(filled, text_of[scored].tolist(), unit_of[scored].tolist())
        estimate = crossed([values], None, layout)
        low, high = (np.clip(bound, 0, 1) for bound in estimate.interval())
        texts = len(set(text_of[scored]))
        rows += [
            {
                **entry,
                "step": step,
                "scope": scope,
                "mean": mean,
                "low": least,
                "high": most,
                "n_texts": texts,
            }
            for scope, mean, least, most in zip(layout.scopes, estimate.value, low, high, strict=True)
        ]
    return rows


def _scored(samples: Samples, selection: EntrySelection, records: Records, place: int) -> NDArray[np.bool_]:
    """Which runs have a score at one step [runs]: those scored there, and those that had diverged by then."""
    scored = ~np.isnan(selection.test[:, place, 0])
    diverged = np.array([records[samples.runs[row]].diverged for row in selection.rows])
    return scored | diverged if scored.any() else scored


def run_curve_rows(samples: Samples, selection: EntrySelection) -> list[dict[str, Any]]:
    """Rows of `run_curves.csv`: a run's score by step, split and summary scope, where it was scored."""
    scopes = selection.layout.summary_scopes
    rows = []
    for number, row in enumerate(selection.rows):
        key = samples.runs[row]._asdict()
        for split, scores in (("select", selection.select), ("test", selection.test)):
            for place, step in enumerate((0, *samples.steps.tolist())):
                if not np.isnan(scores[number, place, 0]):
                    rows += [
                        {**key, "step": step, "split": split, "scope": scope, "score": score}
                        for scope, score in zip(scopes, scores[number, place], strict=False)
                    ]
    return rows
