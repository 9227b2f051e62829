"""Results of the same arithmetic: every byte counts."""

from benchmark.diff.comparable import Scope
from benchmark.diff.compared_tables import largest_differences
from benchmark.diff.dvc_lock import Lock
from benchmark.diff.row_changes import differing, pairs
from benchmark.diff.stage_changes import first_stage
from benchmark.diff.two_sides import LINE_ENDS, Sides
from benchmark.diff.verdict_changes import moved_verdicts


def compare_same_arithmetic(
    sides: Sides, scope: Scope, locks: tuple[Lock, Lock], how: str, *, everything: bool
) -> list[str]:
    """Print what differs and return the faults, in words.

    If no inputs differ, bytes are compared; otherwise only rows that do not depend on the inputs that differ. `how`
    says why the bytes should be the same.
    """
    short, track = sides.repository.short, sides.track
    faults = [f"{track}: {name} is missing: run `make repro TRACK={track}`" for name in sides.missing]
    stage = first_stage(locks, scope)
    if scope.inputs:
        found = differing(sides, scope)
    else:
        found = {name: f"{name} differs" for name in sides.changed if name not in sides.missing}
        found = {name: said for name, said in found.items() if name not in sides.line_ends}
    if sides.line_ends:
        faults.append(f"{track}: {', '.join(sides.line_ends)}: {LINE_ENDS}")
    if stage or found:
        first = stage or f"score, in {next(iter(found.values()))}"
        faults.append(f"{track}: bytes differ {how}: the first stage whose output differs is {first}")
    if found:
        names = ", ".join(found)
        print(f"{track}: {len(found)} of {len(sides.compared)} files differ from {short}: {names}")
        _largest(sides, scope, everything=everything)
    elif not faults:
        print(f"{track}: all that does not depend on that equals {short}")
    return faults


def _largest(sides: Sides, scope: Scope, *, everything: bool) -> None:
    """Print the largest difference of each table (with `everything`, of each column) and the verdicts that moved."""
    for pair in pairs(sides, scope):
        gaps = list(largest_differences(pair.name, pair.before, pair.after).items())
        for column, gap in gaps if everything else gaps[:1]:
            print(f"  {pair.name} {column}: largest difference {gap:.3g}")
        if pair.name == "comparisons.csv":
            moved = moved_verdicts(pair.before, pair.after)
            for move in moved if everything else []:
                print(f"  {move}")
            print(
                f"  {len(moved)} verdicts moved, {sum(move.crossed for move in moved)} of them across parity"
            )
