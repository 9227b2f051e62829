"""Scores by step, nothing chosen: of an entry with intervals, and of each run."""

from typing import Any

import numpy as np

from benchmark.scoring.inference import crossed
from benchmark.scoring.layout import Floats
from benchmark.scoring.records import Records
from benchmark.scoring.samples import Samples
from benchmark.scoring.selection import EntrySelection, entry_values


def curve_rows(samples: Samples, selection: EntrySelection, records: Records) -> list[dict[str, Any]]:
    """Rows of `curves.csv`: test score by step and scope with a 95 % interval over documents and texts.

    Step 0 is the base model on the same documents. A run that has diverged scores chance from then on, so
    that a curve never rises because a run is lost; runs that stopped early leave it, which `n_runs` shows.
    """
    chosen, layout = selection.chosen, selection.layout
    model, arm, corpus = chosen.key
    start = samples.bases["test"][model][chosen.columns]
    rows: list[dict[str, Any]] = []
    values_by_step = entry_values(samples, chosen.key, "test")[2]
    for place, step in enumerate((0, *samples.steps.tolist())):
        if step == 0:
            texts, estimate = len(chosen.texts), crossed([], start, layout)
        else:
            values = _by_text(values_by_step[:, place - 1], samples, selection, records, place)
            if values is None:
                continue
            texts, estimate = len(values), crossed([values], None, layout)
        low, high = (np.clip(bound, 0, 1) for bound in estimate.interval())
        rows += [
            {
                "model": model,
                "arm": arm,
                "corpus": corpus,
                "step": step,
                "scope": scope,
                "mean": estimate.value[number],
                "low": low[number],
                "high": high[number],
                "n_runs": texts,
            }
            for number, scope in enumerate(layout.scopes)
        ]
    return rows


def _by_text(
    values: Floats, samples: Samples, selection: EntrySelection, records: Records, place: int
) -> Floats | None:
    """Values of runs [runs, documents] at one step by text, seeds averaged; None where no run was scored."""
    scored = ~np.isnan(selection.test[:, place, 0])
    if not scored.any():
        return None
    by_text: dict[str, list[Floats]] = {}
    for number, row in enumerate(selection.rows):
        run = samples.runs[row]
        if scored[number]:
            by_text.setdefault(run.text_id, []).append(values[number])
        elif records.diverged(run):
            by_text.setdefault(run.text_id, []).append(selection.layout.chance)
    return np.stack([np.mean(by_text[text], axis=0) for text in sorted(by_text)])


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
