"""`gapbench verify ENTRY`: recompute its tables from the samples, repeat some of its runs, and write an attestation."""

import datetime
import secrets
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from benchmark.errors import CheckFailed, InputError
from benchmark.settings.arithmetic_choice import begin
from benchmark.store.attestation import (
    Attestation,
    Outcome,
    State,
    attestation_path,
    next_state,
    read_attestation,
    write_attestation,
)
from benchmark.store.entry_lookup import Entry, find_entry, samples_digest
from benchmark.store.provenance import machine, packages, revision
from benchmark.system.files import read_json
from benchmark.verification.compare_runs import (
    TOLERANCES,
    Repeater,
    Repetition,
    RunName,
    Tolerance,
    compare_run,
    draw_runs,
    judge_answers,
)
from benchmark.verification.recompute import TOLERANCE, check_tables
from benchmark.verification.run_record_check import check_records, entry_records

SHOWN = 20
"""Maximum number of faults that an attestation lists for each part."""


def verify(
    name: str,
    *,
    runs: int = 3,
    root: Path = Path(),
    seed: int | None = None,
    repeater: Callable[[Entry], Repeater] | None = None,
    here: dict[str, Any] | None = None,
) -> Attestation:
    """Verify an entry and write its attestation.

    Args:
        name: `model/arm/corpus`, or `track/model/arm/corpus` if several tracks have it.
        runs: how many of its runs are repeated; 0 checks only the tables.
        seed: chooses the runs; random by default, and recorded.
        repeater: repeats runs; by default from the pipeline's own models and texts.
        here: this machine (`provenance.machine`).

    Raises:
        InputError: no such entry, or nothing is stored for it.
        CheckFailed: the check itself could not be carried out; the state does not change.
    """
    if runs < 0:
        raise InputError(f"--runs {runs}: give 0 or more")
    entry = find_entry(name, root.resolve())
    begin(entry.settings.execution)
    samples, records = entry.samples(), entry_records(entry)
    digest = samples_digest(samples)
    seed = secrets.randbelow(2**32) if seed is None else seed
    faults = check_records(samples, records)
    try:
        faults += [str(difference) for difference in check_tables(entry)]
    except CheckFailed as error:
        if not faults:
            raise
        faults.append(str(error))
    drawn = draw_runs(records, runs, seed)
    recorded = {(record.draw, record.model_digest) for record in records}
    repetition, weights_differ = Repetition(), False
    tolerance = TOLERANCES[entry.settings.evaluation.precision]
    if drawn:
        repeating = (repeater or _pipeline_repeater)(entry)
        weights_differ = any(repeating.model_digests.get(draw) != weights for draw, weights in recorded)
        if not weights_differ:
            repetition = repeat(repeating, drawn, samples, tolerance)
    outcome: Outcome = "agrees"
    if faults or repetition.faults:
        outcome = "differs"
    elif weights_differ:
        outcome = "weights differ"
    here = here or machine()
    results_machine = _results_machine(entry)
    same = not results_machine.get("host") or results_machine.get("host") == here.get("host")
    before = _state_before(entry, digest)
    state = (
        before if outcome == "agrees" and not drawn else next_state(outcome, same_machine=same, before=before)
    )
    attestation = Attestation(
        track=entry.paths.track,
        model=entry.model,
        arm=entry.arm,
        corpus=entry.corpus,
        state=state,
        outcome=outcome,
        samples_sha256=digest,
        model_digest=",".join(weights for _, weights in sorted(recorded)),
        same_machine=same,
        machine=here,
        results_machine=results_machine,
        packages=packages(),
        revision=revision(entry.paths.root),
        written=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seed=seed,
        runs=tuple(asdict(run) for run in drawn),
        consistency={"tolerance": TOLERANCE, "differences": len(faults), "faults": faults[:SHOWN]},
        repetition=_summary(repetition, tolerance),
    )
    write_attestation(entry.paths.attestations, attestation)
    return attestation


def _pipeline_repeater(entry: Entry) -> Repeater:
    from benchmark.verification.rerun import PipelineRepeater

    return PipelineRepeater(entry)


def repeat(
    repeater: Repeater, drawn: list[RunName], samples: Any, tolerance: Tolerance = TOLERANCES["fp32"]
) -> Repetition:
    """Repeat the drawn runs and compare them with the entry's stored samples."""
    repetition = Repetition()
    for run in drawn:
        stored = samples.filter((pc.field("text_id") == run.text_id) & (pc.field("seed") == run.seed))
        compare_run(run, stored, repeater.samples(run), repetition, tolerance)
    judge_answers(repetition, tolerance)
    return repetition


def _summary(repetition: Repetition, tolerance: Tolerance) -> dict[str, Any]:
    return {
        **asdict(repetition),
        "largest": min(repetition.largest, 1e308),
        "tolerance": tolerance.log_probability,
        "differences": len(repetition.faults),
        "faults": repetition.faults[:SHOWN],
    }


def _results_machine(entry: Entry) -> dict[str, Any]:
    path = entry.paths.results / "provenance.json"
    try:
        hardware = read_json(path)["hardware"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return hardware if isinstance(hardware, dict) else {}


def _state_before(entry: Entry, digest: str) -> State:
    """The state in the entry's attestation, if that belongs to the samples that are stored now."""
    path = attestation_path(entry.paths.attestations, entry.key)
    if not path.is_file():
        return "self-reported"
    earlier = read_attestation(path)
    return earlier.state if earlier.samples_sha256 == digest else "self-reported"
