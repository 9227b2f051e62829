"""Results of another arithmetic: other bits are expected, the same conclusions are required."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark.diff.allowed_movements import Movement, gain_movements, rung_movements
from benchmark.diff.comparable import Scope
from benchmark.diff.compared_tables import largest_differences, numbered_soups, summary_scopes
from benchmark.diff.row_changes import Pair, missing, pairs
from benchmark.diff.two_sides import LINE_ENDS, Sides
from benchmark.diff.verdict_changes import CLAIMS, Moved, comparable_claims, moved_claims, moved_verdicts


@dataclass
class Moves:
    """What moved, gathered table by table."""

    rungs: list[Movement] = field(default_factory=list)
    gains: list[Movement] = field(default_factory=list)
    verdicts: list[Moved] = field(default_factory=list)
    n_verdicts: int = 0
    details: list[str] = field(default_factory=list)


def compare_other_arithmetic(sides: Sides, scope: Scope, *, everything: bool) -> list[str]:
    """Print four lines on what moved (with `everything` also the details), and return the faults, in words.

    A fault is a file, column or row that is missing, a ladder model's score or a gain outside its bound, or a claim
    that moved between reproduced and not reproduced.
    """
    track, found, scopes = sides.track, Moves(), summary_scopes(sides.before)
    faults = [f"{track}: {name} is missing: run `make repro TRACK={track}`" for name in sides.missing]
    for raw in pairs(sides, scope):
        pair = Pair(raw.name, numbered_soups(raw.before), numbered_soups(raw.after))
        gone = missing(pair)
        faults += [f"{track}: {said}" for said in gone]
        if not pair.missing_columns:
            _gather(pair, found, scopes)
    claim_faults, claims = _claims(sides, scope)
    faults += [f"{track}: {fault}" for fault in claim_faults]
    rungs = _largest_by_place(found.rungs)
    for what, movements in (("rung's score", rungs), ("gain", found.gains)):
        outside = [move for move in movements if not move.inside]
        if outside:
            worst = max(outside, key=lambda move: move.used)
            faults.append(f"{track}: {len(outside)} times a {what} is outside its bound, farthest {worst}")
    crossed = sum(move.crossed for move in found.verdicts)
    print(f"  rungs: {_largest(rungs)}")
    print(f"  gains: {_largest(found.gains)}")
    print(f"  verdicts: {len(found.verdicts)} of {found.n_verdicts} moved, {crossed} of them across parity")
    print(f"  claims: {claims}")
    if sides.line_ends:
        found.details.append(f"{', '.join(sides.line_ends)}: {LINE_ENDS}")
    for line in [*found.details, *map(str, found.verdicts)] if everything else []:
        print(f"    {line}")
    return faults


def _gather(pair: Pair, found: Moves, scopes: Sequence[str]) -> None:
    gaps = largest_differences(pair.name, pair.before, pair.after)
    found.details += [f"{pair.name} {column}: largest difference {gap:.3g}" for column, gap in gaps.items()]
    if pair.name in ("entries.csv", "scores.csv"):
        found.rungs += rung_movements(pair.name, pair.before, pair.after, scopes)
    if pair.name == "comparisons.csv":
        found.gains += gain_movements(pair.before, pair.after, scopes)
        found.verdicts += moved_verdicts(pair.before, pair.after)
        found.n_verdicts += len(pair.before)


def _claims(sides: Sides, scope: Scope) -> tuple[list[str], str]:
    """Faults (claims that turned or are missing), and a description of all claims that moved."""
    if CLAIMS not in sides.before or CLAIMS not in sides.after:
        return [], "none to compare"
    pairs = comparable_claims(sides.before[CLAIMS], sides.after[CLAIMS], scope)
    moved = moved_claims(pairs)
    said = ", ".join(str(move) for move in moved) or f"all {len(pairs)} as committed"
    missing = [f"claim {name} is missing" for name, (_, new) in pairs.items() if new is None]
    return [str(move) for move in moved if move.turned] + missing, said


def _largest_by_place(movements: Sequence[Movement]) -> list[Movement]:
    """The largest movement of each figure: a rung's score is in two tables."""
    ordered = sorted(movements, key=lambda move: move.used)
    return list({move.where: move for move in ordered}.values())


def _largest(movements: Sequence[Movement]) -> str:
    if not movements:
        return "none moved"
    largest = max(movements, key=lambda move: move.used)
    inside = sum(move.inside for move in movements)
    return f"{inside} of {len(movements)} inside their bounds; largest movement against them: {largest}"
