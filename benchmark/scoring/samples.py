"""Sample tables as the rest of scoring sees them, and the refusal of tables whose documents do not pair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from benchmark.errors import InputError
from benchmark.schema.stored_columns import NO_ARM
from benchmark.statistics.design import Floats, Ints, Layout


class RunKey(NamedTuple):
    """What identifies a run inside a track."""

    model: str
    arm: str
    corpus: str
    text_id: str
    seed: int
    draw: int = 0

    @property
    def entry(self) -> tuple[str, str, str]:
        """(model, arm, corpus)."""
        return self[:3]

    @property
    def base(self) -> tuple[str, int]:
        """(model, draw): the base model that it starts from."""
        return self.model, self.draw

    def __str__(self) -> str:
        return "/".join(map(str, self[:5])) + (f", draw {self.draw}" if self.draw else "")


@dataclass(frozen=True)
class Samples:
    """All scored documents of one track.

    Documents are sorted by task and `doc_id`; `layouts` holds those of each split that occurs. `runs` are
    sorted, `steps` are the step numbers, 1 and up. `values[split]` is [runs, steps, held documents], nan
    where a run has no row, and `held[split]` the positions of those documents in the layout. `bases[split]`
    maps (base model, pretraining draw) to its [documents] vector, nan where it has none. `probabilities` and
    `base_probabilities` are the finer measure in the shapes of `values` and `bases`, nan where a row has none, and
    empty where no row has one.
    """

    track: str
    layouts: Mapping[str, Layout]
    runs: tuple[RunKey, ...]
    steps: Ints
    held: Mapping[str, Ints]
    values: Mapping[str, Floats]
    bases: Mapping[str, Mapping[tuple[str, int], Floats]]
    probabilities: Mapping[str, Floats] = field(default_factory=dict)
    base_probabilities: Mapping[str, Mapping[tuple[str, int], Floats]] = field(default_factory=dict)

    @cached_property
    def entries(self) -> dict[tuple[str, str, str], list[int]]:
        """Row numbers of the runs of each entry."""
        rows: dict[tuple[str, str, str], list[int]] = {}
        for number, run in enumerate(self.runs):
            rows.setdefault(run.entry, []).append(number)
        return rows


def check_pairing(samples: Samples) -> None:
    """InputError for probabilities of some rows only, and for runs whose documents do not pair with the others'."""
    _check_probabilities(samples)
    for entry in samples.entries:
        _check_entry(samples, entry)


def _check_probabilities(samples: Samples) -> None:
    """Each checkpoint has a probability on all its documents or on none."""
    for split, by_draw in samples.base_probabilities.items():
        for (model, draw), found in by_draw.items():
            _check_probability(f"base model {model}, draw {draw}", samples.bases[split][model, draw], found)
    for split, by_run in samples.probabilities.items():
        for run, values, found in zip(samples.runs, samples.values[split], by_run, strict=True):
            for step, at_step, found_at_step in zip(samples.steps, values, found, strict=True):
                _check_probability(f"run {run}, step {step}", at_step, found_at_step)


def _check_probability(who: str, values: Floats, found: Floats) -> None:
    rows, count = np.count_nonzero(~np.isnan(values)), np.count_nonzero(~np.isnan(found))
    if count not in (0, rows):
        raise InputError(f"{who}: {count} of {rows} rows have a probability; give it for all or for none")


def _check_entry(samples: Samples, entry: tuple[str, str, str]) -> None:
    """All checkpoints of an entry have the same documents in both splits, its base model those of `test`."""
    rows, name = samples.entries[entry], "/".join(entry)
    present = {}
    if "test" in samples.layouts:
        _check_base(samples, entry)
    for split in samples.layouts:
        scored = ~np.isnan(samples.values[split][rows])
        counts, expected = scored.sum(axis=-1), int(scored.any(axis=(0, 1)).sum())
        present[split] = counts > 0
        if expected:
            held = samples.held[split][scored.any(axis=(0, 1))]
            samples.layouts[split].subset(held, name)
        wrong = np.argwhere((counts != 0) & (counts != expected))
        if len(wrong):
            run, step = wrong[0]
            raise InputError(
                f"run {samples.runs[rows[run]]}, step {samples.steps[step]}: {counts[run, step]} of the "
                f"{expected} {split} documents of {name}; score every checkpoint on the same documents"
            )
    for split, steps in present.items():
        wrong = np.argwhere(steps != present.get("test", steps))
        if len(wrong):
            run, step = wrong[0]
            raise InputError(
                f"run {samples.runs[rows[run]]}, step {samples.steps[step]}: one of {split} and test "
                "only is scored; score both"
            )


def _check_base(samples: Samples, entry: tuple[str, str, str]) -> None:
    """Each draw that the entry starts from has all its test documents."""
    name, layout, rows = "/".join(entry), samples.layouts["test"], samples.entries[entry]
    for model, draw in sorted({samples.runs[row].base for row in rows}):
        base = samples.bases["test"].get((model, draw))
        which = f"{model}, draw {draw}," if draw else model
        if base is None or np.isnan(base).all():
            raise InputError(f"{name}: base model {which} has no test rows; add them with arm '{NO_ARM}'")
        held = ~np.isnan(samples.values["test"][rows]).all(axis=(0, 1))
        columns = samples.held["test"][held]
        missing = columns[np.isnan(base[columns])]
        if len(missing):
            task, doc_id = layout.tasks[layout.task_of[missing[0]]].name, layout.doc_id[missing[0]]
            raise InputError(
                f"{name}: test document {doc_id} of task {task} has no row of base model {which}; score the "
                "base model on all documents of its runs"
            )
