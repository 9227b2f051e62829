"""The command `gapbench diff`: compares both sides of every track, according to their arithmetic."""

from pathlib import Path

from benchmark.diff.arithmetic_lines import arithmetic, machine
from benchmark.diff.changed_inputs import NAMED, inputs
from benchmark.diff.comparable import Scope
from benchmark.diff.compared_tables import entry_names
from benchmark.diff.dvc_lock import Lock, locks
from benchmark.diff.other_arithmetic import compare_other_arithmetic
from benchmark.diff.repository import Repository
from benchmark.diff.row_changes import another_schema
from benchmark.diff.same_arithmetic import compare_same_arithmetic
from benchmark.diff.stage_changes import first_stage
from benchmark.diff.two_sides import LINE_ENDS, Sides, provenance
from benchmark.errors import CheckFailed, InputError


def diff(start: Path, revision: str, track: str, everything: bool = False) -> None:
    """Print how `results/` differs from what is committed at `revision`, for one track or `all`.

    With the same arithmetic every byte that differs is a fault; with another, only what `compare_other_arithmetic`
    lists. `everything` prints machines, columns and verdicts one by one.

    Raises:
        InputError: git refuses, or there is no such revision or track.
        CheckFailed: there is a fault.
    """
    repository = Repository.at(start, revision)
    tracks = _tracks(repository) if track == "all" else [track]
    faults = [fault for name in tracks for fault in _diff_track(repository, name, everything=everything)]
    if faults:
        raise CheckFailed("; ".join(faults))


def _tracks(repository: Repository) -> list[str]:
    here = {path.name for path in (repository.root / "results").glob("*") if path.is_dir()}
    there = {parts[1] for name in repository.names("results") if len(parts := name.split("/")) > 2}
    return sorted(here | there)


def _diff_track(repository: Repository, track: str, *, everything: bool) -> list[str]:
    sides = Sides.of(repository, track)
    if not sides.before and not sides.after:
        raise InputError(
            f"results/{track}: no such track here or at {repository.short}: name one of results/"
        )
    if not sides.before:
        print(f"{track}: nothing committed at {repository.short}, nothing to compare with")
        return []
    if not sides.after:
        return [f"{track}: results/{track} is missing: run `make repro TRACK={track}`"]
    if everything:
        _print_machines(sides)
    stages = locks(repository, track)
    scope = _scope(sides, stages)
    listed = ", ".join(scope.inputs.said)
    differ = f"other than at {repository.short}: {listed}" if listed else ""
    if said := another_schema(sides, scope):
        print(f"{track}: {said}")
    found = arithmetic(sides)
    if not sides.changed and not (found.same and first_stage(stages, scope)):
        number = len(sides.compared)
        print(f"{track}: results/ equals {repository.short} byte for byte ({number} files, provenance apart)")
        if listed:
            print(f"{track}: {differ}")
        return []
    if found.same:
        if differ:
            print(f"{track}: {differ}; what depends on that is not compared")
        return compare_same_arithmetic(sides, scope, stages, found.how, everything=everything)
    if sides.changed == sides.line_ends:
        print(f"{track}: {', '.join(sides.line_ends)}: {LINE_ENDS}")
        return []
    expected = f"{found.expected}: other bits are expected, the same claims are required"
    skipped = f"; {listed}: what depends on that is not compared" if listed else ""
    print(f"{track} against {repository.short}: {expected}{skipped}")
    return compare_other_arithmetic(sides, scope, everything=everything)


def _scope(sides: Sides, stages: tuple[Lock, Lock]) -> Scope:
    """What can be compared.

    Names that are only in the working tree's tables are new, and those that its settings no longer have are gone,
    even if that was committed before it was run.
    """
    scope = Scope(inputs(sides.repository, sides.track, stages))
    if not sides.both:
        return scope
    before, after = entry_names(sides.before), entry_names(sides.after)
    scope = scope.with_names({section: after[section] - before[section] for section in NAMED}, "is new")
    declared = scope.inputs.declared
    if declared is None:
        return scope
    gone = {section: before[section] - after[section] - declared[section] for section in NAMED}
    return scope.with_names(gone, "is no longer declared")


def _print_machines(sides: Sides) -> None:
    labels = (
        f"results/{sides.track} at {sides.repository.short}",
        str(sides.repository.root / "results" / sides.track),
    )
    for label, files in zip(labels, (sides.before, sides.after), strict=True):
        print(f"{sides.track}: {label}: made on {machine(provenance(files))}")
